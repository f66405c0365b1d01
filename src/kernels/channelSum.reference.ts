/** The definition, in f64. `values` `[n, c, length]`; returns `[c]`. */
export function channelSumReference(
  values: ArrayLike<number>,
  batch: number,
  channels: number,
  length: number,
): Float64Array {
  const sums = new Float64Array(channels);
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < length; i++) sums[c] += values[(n * channels + c) * length + i];
  return sums;
}
