// Files of a kept dataset for the viewer and to save.

import { displayLabels, plainLabelMap } from '@/app/files/displayLabels';
import { displayVolume } from '@/app/files/displayVolume';
import type { RawCase } from '@/core/dataset/rawDataset';
import { readAsStored } from '@/core/io/readers';
import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import type { DatasetApi } from '@/workers/data/api';
import type { DatasetContext } from './datasetContext';

type ViewCalls = Pick<DatasetApi, 'readFile' | 'showImage' | 'showLabels'>;

export function datasetViews({ folders, browse }: DatasetContext): ViewCalls {
  async function findCase(name: string, caseId: string): Promise<RawCase> {
    const found = (await browse(name)).cases.find((one) => one.caseId === caseId);
    if (found) return found;
    throw new StudioError('CaseMissing', `${name} has no case ${caseId}.`, 'Choose one from the table.');
  }

  async function labelsOf(name: string, caseId: string): Promise<SourceFile> {
    const { label } = await findCase(name, caseId);
    if (label) return plainLabelMap(await readAsStored([label]), label.path);
    throw new StudioError('MissingFile', `${caseId} has no label map.`, 'Add the file, then import again.');
  }

  return {
    async readFile(name, path) {
      const [part, ...below] = path.split('/');
      const folder = folders.folder(name, part === 'raw' ? 'raw' : 'preprocessed');
      const file = await folder.open(below.join('/'));
      if (!file)
        throw new StudioError('MissingFile', `${name} has no ${path}.`, 'Reload the page and look again.');
      return { name: fileName(file), content: new Blob([(await file.bytes()) as BlobPart]) };
    },

    async showImage(name, caseId, channel) {
      const { images } = await findCase(name, caseId);
      if (images.length === 0) {
        throw new StudioError(
          'MissingFile',
          `${caseId} has no image.`,
          'Import the dataset with its images.',
        );
      }
      return displayVolume(await readAsStored(images), channel);
    },

    showLabels: async (name, caseId) => displayLabels(await labelsOf(name, caseId)),
  };
}
