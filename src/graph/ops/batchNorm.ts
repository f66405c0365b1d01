// Batch norm: by running statistics in inference, by those of the batch in training. What training does with statistics
// is what instance norm does (`norm`): only here all samples of a channel share theirs.

import { elementCount } from '@/shared/geometry';
import { expectVector, featureMapOf, type Value } from '../value';

/** What a batch norm keeps over the steps, under torch's names `running_mean`, `running_var`, `num_batches_tracked`. */
export interface RunningStatistics {
  /** `[c]`. */
  readonly mean: Value;
  /** `[c]`, unbiased. */
  readonly variance: Value;
  /** Steps so far, `[]`. */
  readonly batchCount: Value;
}

export interface BatchNormOptions {
  readonly eps: number;
  /** Share of a batch's statistics in the new running ones. */
  readonly momentum: number;
}

/**
 * `(x − mean)/√(variance + eps) · weight + bias` by the running statistics. `x`: `[n, c, z, y, x]`; `weight`, `bias`:
 * `[c]`, left out together. The shape is kept. Training normalises by mean and biased variance of each channel over
 * batch and voxels (torch's `BatchNorm2d`, `BatchNorm3d`); see {@link trainingGraph}.
 */
export function batchNorm(
  x: Value,
  running: RunningStatistics,
  affine: { readonly weight: Value; readonly bias: Value } | undefined,
  { eps, momentum }: BatchNormOptions,
): Value<'batchNorm'> {
  const { channels } = featureMapOf(x, 'batchNorm');
  expectVector(running.mean, channels, 'batchNorm', 'mean');
  expectVector(running.variance, channels, 'batchNorm', 'variance');
  const inputs = [x, running.mean, running.variance, running.batchCount];
  if (affine) {
    expectVector(affine.weight, channels, 'batchNorm', 'weight');
    expectVector(affine.bias, channels, 'batchNorm', 'bias');
    inputs.push(affine.weight, affine.bias);
  }
  return { op: 'batchNorm', attributes: { eps, momentum }, inputs, shape: x.shape };
}

/** The inputs of a {@link batchNorm} by their roles. */
export function batchNormInputs({ inputs }: Value<'batchNorm'>) {
  const [x, mean, variance, batchCount, weight, bias] = inputs as readonly (Value | undefined)[];
  if (!x || !mean || !variance || !batchCount) throw new Error('batchNorm: inputs are missing');
  const running: RunningStatistics = { mean, variance, batchCount };
  return { x, running, affine: weight && bias && { weight, bias } };
}

/**
 * `(mean, biased variance)` of each channel over batch and voxels, `[c, 2]`. Throws where that is a single value, as
 * torch does: it has no variance.
 */
export function batchMoments(x: Value): Value<'batchMoments'> {
  const { batch, channels, size } = featureMapOf(x, 'batchMoments');
  if (batch * elementCount(size) === 1) {
    throw new Error('batchNorm: training needs more than one value per channel');
  }
  return { op: 'batchMoments', attributes: {}, inputs: [x], shape: [channels, 2] };
}

/** What a batch norm's statistics follow from in a training step. */
export interface BatchNormState {
  /** {@link batchMoments}. */
  readonly moments: Value;
  readonly running: RunningStatistics;
  /** {@link stepControl}. */
  readonly control: Value;
}

/**
 * The batch's moments, or the running ones in evaluation, as `normApply` reads statistics: `(mean, 1/√(variance + eps))`
 * for each sample, `[n, c, 2]`.
 */
export function batchNormStatistics(
  { moments, running, control }: BatchNormState,
  batch: number,
  eps: number,
): Value<'batchNormStatistics'> {
  return {
    op: 'batchNormStatistics',
    attributes: { eps },
    inputs: [moments, running.mean, running.variance, control],
    shape: [batch, moments.shape[0], 2],
  };
}

/**
 * From the `normGradientSums` of each sample to their mean over the batch, for each sample, `[n, c, 2]`: divided by the
 * voxels of one sample, as `normInputGradient` does, that is the mean over batch and voxels.
 */
export function batchNormGradientMeans(sums: Value): Value<'batchNormGradientMeans'> {
  return { op: 'batchNormGradientMeans', attributes: {}, inputs: [sums], shape: sums.shape };
}

/**
 * The running statistics after a step on a batch of `moments`, each of `count` values: `[2·c + 1]`, new means, new
 * variances, and the count of steps; evaluation changes nothing. On a device they are renewed in place.
 */
export function batchNormUpdate(
  { moments, running, control }: BatchNormState,
  momentum: number,
  count: number,
): Value<'batchNormUpdate'> {
  const inputs = [moments, running.mean, running.variance, running.batchCount, control];
  const shape = [2 * moments.shape[0] + 1];
  return { op: 'batchNormUpdate', attributes: { momentum, count }, inputs, shape };
}
