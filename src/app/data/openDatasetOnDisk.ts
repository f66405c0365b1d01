import path from 'node:path';
import { type OpenDatasetOptions, openRawDataset, type RawDataset } from '@/core/dataset/rawDataset';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { filesBelow, kindOf, nodeFile } from '@/storage/nodeFiles';

/** The raw dataset in a folder. Throws `NoDataset`, with `remedy` where the folder is missing, and as {@link openRawDataset}. */
export async function openDatasetOnDisk(rawFolder: string, remedy: string): Promise<RawDataset> {
  if ((await kindOf(rawFolder)) !== 'folder') {
    throw new StudioError('NoDataset', `There is no folder ${rawFolder}.`, remedy);
  }
  return openRawDataset(await filesBelow(rawFolder), outsideOf(rawFolder));
}

/** Paths of a dataset's own table of files: environment variables, and relative to the dataset's folder. */
function outsideOf(rawFolder: string): OpenDatasetOptions {
  return {
    findOutside: async (written): Promise<SourceFile | undefined> => {
      const expanded = written.replace(
        /\$(?:\{(\w+)\}|(\w+))/g,
        (whole, braced: string | undefined, bare: string | undefined) =>
          process.env[braced ?? bare ?? ''] ?? whole,
      );
      const location = path.resolve(rawFolder, expanded);
      return (await kindOf(location)) === 'file' ? nodeFile(location, written) : undefined;
    },
  };
}
