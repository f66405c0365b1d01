// A dataset of nnU-Net's first version as nnU-Net v2's raw dataset: what `nnUNetv2_convert_old_nnUNet_dataset` does.

import { z } from 'zod';
import { readJson, validate } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { orderedRecord } from '@/core/interop/orderedRecord';
import { pythonJson } from '@/core/interop/pythonJson';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import type { ConvertedFile } from './convertMsd';

/** What is taken over; the first two must be there. */
const FOLDERS = ['imagesTr', 'labelsTr', 'imagesTs', 'labelsTs', 'imagesVal', 'labelsVal'] as const;
const ENDING = '.nii.gz';

const oldSchema = z.looseObject({
  labels: orderedRecord(z.string(), z.string().regex(/^\d+$/, 'expected a label value as the key')),
  modality: orderedRecord(z.string()),
});

export interface ConvertedOldDataset {
  readonly fileCount: number;
  /** The files one after the other, dataset.json last; `done` counts them. */
  files(): AsyncGenerator<ConvertedFile & { readonly done: number }>;
}

/**
 * `root`: the path that the files of the task's folder begin with, with its `/`. Images are copied, in dataset.json labels
 * are turned round and the modality becomes the channel names. Throws `NoOldDataset` with what is missing.
 */
export async function convertOldDataset(
  files: readonly SourceFile[],
  root: string,
): Promise<ConvertedOldDataset> {
  const json = files.find(({ path }) => path === `${root}${NNUNET_FILES.dataset}`);
  const missing = FOLDERS.slice(0, 2).filter(
    (folder) => !files.some(({ path }) => path.startsWith(`${root}${folder}/`)),
  );
  if (!json || missing.length > 0) {
    throw new StudioError(
      'NoOldDataset',
      `${root}: ${[...(json ? [] : ['dataset.json']), ...missing].join(', ')} missing.`,
      'Name the folder of one task, such as nnUNet_raw_data/Task004_Hippocampus.',
    );
  }
  const datasetJson = await convertedJson(json);
  const copied = files.filter(({ path }) => FOLDERS.some((folder) => path.startsWith(`${root}${folder}/`)));
  return {
    fileCount: copied.length,
    async *files() {
      let done = 0;
      for (const file of copied) {
        done++;
        yield { path: file.path.slice(root.length), content: await file.bytes(), done };
      }
      // Last, as it is what makes the folder a dataset.
      yield { path: NNUNET_FILES.dataset, content: new TextEncoder().encode(datasetJson), done };
    },
  };
}

async function convertedJson(file: SourceFile): Promise<string> {
  const json = await readJson(file);
  if (typeof json === 'object' && json !== null && 'channel_names' in json) {
    throw new StudioError(
      'NoOldDataset',
      `${file.path} has channel_names: it is a dataset of nnU-Net v2 already.`,
      'Copy its folder to nnUNet_raw as it is.',
    );
  }
  const old = validate(oldSchema, json, file.path, 'BadDatasetJson');
  const {
    modality,
    tensorImageSize: _size,
    numTest: _tests,
    training: _training,
    test: _test,
    ...rest
  } = old;
  const labels = new Map([...old.labels].map(([value, name]) => [name, Number(value)]));
  return pythonJson({ ...rest, labels, channel_names: modality, file_ending: ENDING });
}
