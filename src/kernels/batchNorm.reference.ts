// Batch norm in f64. Planes are `[n, c]`; `moments` `[c, 2]` hold mean and biased variance of each channel.

/** By given statistics, as in inference. `x`: `[n, c, length]`; `weight`, `bias`: `[c]`, 1 and 0 if left out. */
export function batchNormReference(
  x: Float64Array,
  length: number,
  running: { readonly mean: ArrayLike<number>; readonly variance: ArrayLike<number> },
  affine: { readonly weight: ArrayLike<number>; readonly bias: ArrayLike<number> } | undefined,
  eps: number,
): Float64Array {
  return x.map((value, i) => {
    const channel = Math.floor(i / length) % running.mean.length;
    const normalised = (value - running.mean[channel]) / Math.sqrt(running.variance[channel] + eps);
    return affine ? normalised * affine.weight[channel] + affine.bias[channel] : normalised;
  });
}

/** Mean and biased variance of each channel. `x`: `[n, c, length]`. */
export function batchMomentsReference(x: Float64Array, channels: number, length: number): Float64Array {
  const moments = new Float64Array(2 * channels);
  const channelOf = (i: number) => Math.floor(i / length) % channels;
  const count = x.length / channels;
  for (const [i, value] of x.entries()) moments[2 * channelOf(i)] += value / count;
  for (const [i, value] of x.entries()) {
    const at = 2 * channelOf(i);
    moments[at + 1] += (value - moments[at]) ** 2 / count;
  }
  return moments;
}

/** Mean and `1/√(variance + eps)` for each plane. */
export function batchNormStatisticsReference(
  moments: Float64Array,
  batch: number,
  eps: number,
): Float64Array {
  return Float64Array.from({ length: batch * moments.length }, (_, i) => {
    const value = moments[i % moments.length];
    return i % 2 === 0 ? value : 1 / Math.sqrt(value + eps);
  });
}

/** Means over the batch of what each plane has two of, for each plane. `sums`: `[n, c, 2]`. */
export function batchNormGradientMeansReference(sums: Float64Array, batch: number): Float64Array {
  const perSample = sums.length / batch;
  return sums.map((_, i) => {
    let sum = 0;
    for (let at = i % perSample; at < sums.length; at += perSample) sum += sums[at];
    return sum / batch;
  });
}

/** Running statistics. */
export interface RunningReference {
  readonly mean: ArrayLike<number>;
  readonly variance: ArrayLike<number>;
  readonly batchCount: number;
}

/**
 * `[2·c + 1]`: running means, running variances and the count of batches after one more, of `count` values a channel.
 * Running variances are unbiased.
 */
export function batchNormUpdateReference(
  moments: Float64Array,
  { mean, variance, batchCount }: RunningReference,
  momentum: number,
  count: number,
): Float64Array {
  const channels = moments.length / 2;
  const updated = new Float64Array(2 * channels + 1);
  for (let channel = 0; channel < channels; channel++) {
    const unbiased = (moments[2 * channel + 1] * count) / (count - 1);
    updated[channel] = (1 - momentum) * mean[channel] + momentum * moments[2 * channel];
    updated[channels + channel] = (1 - momentum) * variance[channel] + momentum * unbiased;
  }
  updated[2 * channels] = batchCount + 1;
  return updated;
}
