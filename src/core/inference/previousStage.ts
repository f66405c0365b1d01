// What the second stage of a cascade is told of a case: the first stage's segmentation, on the image's own grid.

import type { LabelSet } from '@/core/interop/labels';
import type { NnunetModel } from '@/core/interop/model';
import type { SegVoxels } from '@/core/preprocessing/preprocessCase';
import { StudioError } from '@/shared/errors';
import { formatXyz, type Zyx } from '@/shared/geometry';

/** Labels of one case, `[z, y, x]` in reader order. A `MedicalImage` of one channel is one. */
export interface LabelMap {
  readonly data: SegVoxels;
  readonly shape: Zyx;
}

/**
 * The previous stage's segmentation as a second stage takes it; `undefined` for other models, which are told nothing.
 * Throws `NeedsPreviousStage` where it is missing, `GeometryMismatch` where it lies on another grid than the image, and
 * `UnknownLabels` where it holds a label that the model does not know.
 *
 * Follows nnU-Net's `preprocessing_iterator_fromfiles`, which looks neither at grids nor at labels.
 */
export function previousStageOf(
  given: LabelMap | undefined,
  shape: Zyx,
  { configuration, datasetName, labels }: NnunetModel,
): LabelMap | undefined {
  const { name, previousStage } = configuration;
  if (previousStage === undefined) return undefined;
  if (!given) {
    throw new StudioError(
      'NeedsPreviousStage',
      `${datasetName} ${name} is the second stage of a cascade and needs the segmentation of ${previousStage}.`,
      `Segment the image with ${previousStage} first.`,
    );
  }
  if (given.shape.some((size, axis) => size !== shape[axis])) {
    throw new StudioError(
      'GeometryMismatch',
      `The segmentation of ${previousStage} is ${formatXyz(given.shape)} voxels, but the image is ${formatXyz(shape)}.`,
      'Give the segmentation that was made of this very image.',
    );
  }
  const unknown = unknownLabels(given.data, labels);
  if (unknown.length > 0) {
    throw new StudioError(
      'UnknownLabels',
      `The segmentation of ${previousStage} holds ${unknown.join(', ')}, which ${datasetName} does not know.`,
      `Its labels are ${labels.allLabels.join(', ')}. Give the segmentation of a model of the same dataset.`,
    );
  }
  return given;
}

/** Ascending, at most five. */
function unknownLabels(data: SegVoxels, { allLabels, regionsClassOrder }: LabelSet): readonly number[] {
  const known = new Set([...allLabels, ...regionsClassOrder]);
  const found = new Set<number>();
  for (const label of data) if (!known.has(label)) found.add(label);
  return [...found].sort((a, b) => a - b).slice(0, 5);
}
