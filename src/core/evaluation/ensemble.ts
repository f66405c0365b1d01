// nnU-Net's ensembling: probabilities of several predictions of a case, averaged.

import type { LabelSet } from '@/core/interop/labels';
import { allocate } from '@/core/io/imageReader';
import { type TakeValues, visitNpzArray } from '@/core/io/npy';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { elementCount, formatShape, formatXyz, type Zyx } from '@/shared/geometry';

/** Probabilities on a case's own grid. */
export interface Probabilities {
  /** `[k, z, y, x]`, f32. */
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Zyx;
}

/**
 * The mean of the `probabilities` of some `.npz`, summed in their order in single precision. One array is in memory,
 * however many files there are. Throws `BadProbabilities` where one has other channels than the labels, and
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
  const shape = { channels: 0, spatial: [0, 0, 0] as Zyx };
  let sum = new Float32Array();
  await visitProbabilities(first, labels, (channels, spatial) => {
    Object.assign(shape, { channels, spatial });
    sum = allocate(channels * elementCount(spatial), first.path);
    return (values, start) => sum.set(values, start);
  });
  for (const file of others) {
    await visitProbabilities(file, labels, (_, spatial) => {
      assertSameShape(spatial, shape.spatial, file.path, first.path);
      return (values, start) => {
        for (let i = 0; i < values.length; i++) sum[start + i] += values[i];
      };
    });
  }
  if (files.length > 1) for (let i = 0; i < sum.length; i++) sum[i] /= files.length;
  return { data: sum, channels: shape.channels, shape: shape.spatial };
}

function assertSameShape(shape: Zyx, first: Zyx, path: string, firstPath: string): void {
  if (formatShape(shape) === formatShape(first)) return;
  throw new StudioError(
    'GeometryMismatch',
    `${path} is ${formatXyz(shape)} but ${firstPath} is ${formatXyz(first)} voxels.`,
    'Predict the same images with every model.',
  );
}

/** Reads one file; `begin` is told channels and shape. */
async function visitProbabilities(
  file: SourceFile,
  labels: LabelSet,
  begin: (channels: number, shape: Zyx) => TakeValues,
): Promise<void> {
  let count = 0;
  let expected = 0;
  const isThere = await visitNpzArray(file, 'probabilities', (shape) => {
    const [channels, z, y, x] = shape;
    if (shape.length !== 4) throw noProbabilities(file);
    if (channels !== labels.outputChannels) {
      throw new StudioError(
        'BadProbabilities',
        `${file.path} has ${channels} channels; the labels of dataset.json ask for ${labels.outputChannels}.`,
        'Models of other labels cannot be averaged with these.',
      );
    }
    expected = elementCount(shape);
    const take = begin(channels, [z, y, x]);
    return (values, start) => {
      count += values.length;
      if (count <= expected) take(values, start);
    };
  });
  if (!isThere || count !== expected) throw noProbabilities(file);
}

function noProbabilities({ path }: SourceFile): StudioError {
  return new StudioError(
    'BadProbabilities',
    `${path} has no array of probabilities (channels, z, y, x).`,
    'Predict again with --save_probabilities.',
  );
}
