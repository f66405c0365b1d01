// Takes a dataset in: a raw dataset as it is, a Decathlon task converted, loose pairs with a dataset.json of their own.

import { convertMsd, isMsdTask } from '@/core/dataset/convertMsd';
import {
  layOutPairs,
  type NewDatasetFacts,
  newDatasetJson,
  type PairedFiles,
} from '@/core/dataset/looseDataset';
import { openRawDataset, unpackZips } from '@/core/dataset/rawDataset';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import type { SourceFile } from '@/core/io/sourceFile';
import { forEachAtOnce } from '@/shared/concurrency';
import type { DatasetFolder } from '@/storage/datasetFolder';

/** Small files take longer to make than to write. */
const FILES_AT_ONCE = 4;

export interface DatasetImportOptions {
  readonly signal?: AbortSignal | undefined;
  /** Share of the files that is in, 0…1. */
  readonly onProgress?: (share: number, path: string) => void;
}

/** A dataset that is in. */
export interface ImportedDataset {
  /** `DatasetXXX_Name`. */
  readonly name: string;
  readonly kind: 'raw' | 'decathlon' | 'pairs';
  readonly sizeInBytes: number;
}

/**
 * Copies a dropped raw dataset or Decathlon task (folder, files or zip) into the folder that `folderOf` gives for its
 * name. dataset.json comes last: without it, what a cancelled import left is no dataset. Throws what
 * {@link openRawDataset} and `convertMsd` throw.
 */
export async function importDataset(
  files: readonly SourceFile[],
  folderOf: (name: string) => Promise<DatasetFolder>,
  options: DatasetImportOptions = {},
): Promise<ImportedDataset> {
  const { signal, onProgress } = options;
  const unpacked = await unpackZips(files);
  if (isMsdTask(unpacked)) return importTask(unpacked, folderOf, options);
  const dataset = await openRawDataset(unpacked);
  const folder = await folderOf(dataset.name);
  const root = dataset.jsonFile.path.slice(0, -NNUNET_FILES.dataset.length);
  const own = [
    ...dataset.cases
      .flatMap(({ images, label }) => [...images, ...(label ? [label] : [])])
      .flatMap(withSideCar),
    ...(dataset.splitsFile ? [dataset.splitsFile] : []),
  ];
  let sizeInBytes = 0;
  let done = 0;
  const copy = async (file: SourceFile) => {
    signal?.throwIfAborted();
    const path = file.path.startsWith(root) ? file.path.slice(root.length) : file.path;
    const content = await file.bytes();
    await folder.write(path, content);
    sizeInBytes += content.length;
    onProgress?.(++done / (own.length + 1), path);
  };
  await forEachAtOnce(own, FILES_AT_ONCE, copy);
  await copy(dataset.jsonFile);
  return { name: dataset.name, kind: 'raw', sizeInBytes };
}

async function importTask(
  files: readonly SourceFile[],
  folderOf: (name: string) => Promise<DatasetFolder>,
  { signal, onProgress }: DatasetImportOptions,
): Promise<ImportedDataset> {
  const task = await convertMsd(files);
  const folder = await folderOf(task.name);
  let sizeInBytes = 0;
  for await (const { path, content, done } of task.files()) {
    signal?.throwIfAborted();
    await folder.write(path, content);
    sizeInBytes += content.length;
    onProgress?.(done / task.fileCount, path);
  }
  return { name: task.name, kind: 'decathlon', sizeInBytes };
}

/** Copies paired files and images without label maps under nnU-Net's names, with the dataset.json that the facts make. */
export async function importPairs(
  pairs: PairedFiles,
  facts: Omit<NewDatasetFacts, 'numTraining'>,
  folder: DatasetFolder,
  { signal, onProgress }: DatasetImportOptions = {},
): Promise<ImportedDataset> {
  const laidOut = layOutPairs(pairs, facts.fileEnding);
  let sizeInBytes = 0;
  let done = 0;
  await forEachAtOnce(laidOut, FILES_AT_ONCE, async ({ path, file }) => {
    signal?.throwIfAborted();
    const content = await file.bytes();
    await folder.write(path, content);
    sizeInBytes += content.length;
    onProgress?.(++done / laidOut.length, path);
  });
  const numTraining = pairs.cases.length + pairs.unlabelled.length;
  const document = newDatasetJson({ ...facts, numTraining });
  await folder.write(NNUNET_FILES.dataset, pythonJson(document));
  return { name: facts.name, kind: 'pairs', sizeInBytes };
}

/** A TIFF stack travels with the file that tells its voxel size. */
function withSideCar(file: SourceFile): readonly SourceFile[] {
  return file.sideCar ? [file, file.sideCar] : [file];
}
