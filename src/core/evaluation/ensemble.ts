// nnU-Net's ensembling: probabilities of several predictions of a case, averaged.

import type { LabelSet } from '@/core/interop/labels';
import { readNpz } from '@/core/io/npy';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { formatShape, type Zyx } from '@/shared/geometry';

/** Probabilities on a case's own grid. */
export interface Probabilities {
  /** `[k, z, y, x]`, f32. */
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Zyx;
}

/**
 * The mean of the `probabilities` of some `.npz`, summed in their order in single precision; two arrays are in memory at
 * a time, however many files there are. Throws `BadProbabilities` where one has other channels than the labels, and
 * `GeometryMismatch` where their shapes differ.
 *
 * Follows nnU-Net's `average_probabilities`.
 */
export async function averageProbabilities(
  files: readonly SourceFile[],
  labels: LabelSet,
): Promise<Probabilities> {
  const [first, ...others] = files;
  if (!first) throw new Error('averageProbabilities: no files');
  const sum = await readProbabilities(first, labels);
  for (const file of others) {
    const each = await readProbabilities(file, labels);
    if (formatShape(each.shape) !== formatShape(sum.shape)) {
      throw new StudioError(
        'GeometryMismatch',
        `${file.path} is ${formatShape(each.shape)} but ${first.path} is ${formatShape(sum.shape)} voxels.`,
        'Predict the same images with every model.',
      );
    }
    for (let i = 0; i < sum.data.length; i++) sum.data[i] += each.data[i];
  }
  if (files.length > 1) for (let i = 0; i < sum.data.length; i++) sum.data[i] /= files.length;
  return sum;
}

async function readProbabilities(file: SourceFile, labels: LabelSet): Promise<Probabilities> {
  const array = (await readNpz(await file.bytes())).get('probabilities');
  const [channels, z, y, x] = array?.shape ?? [];
  if (array?.shape.length !== 4) {
    throw new StudioError(
      'BadProbabilities',
      `${file.path} has no array of probabilities (channels, z, y, x).`,
      'Predict again with --save_probabilities.',
    );
  }
  if (channels !== labels.outputChannels) {
    throw new StudioError(
      'BadProbabilities',
      `${file.path} has ${channels} channels; the labels of dataset.json ask for ${labels.outputChannels}.`,
      'Models of other labels cannot be averaged with these.',
    );
  }
  const data = array.data instanceof Float32Array ? array.data : Float32Array.from(array.data);
  return { data, channels, shape: [z, y, x] };
}
