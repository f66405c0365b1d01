import type { AxisTaps } from './resampleAxis';

/** The definition of `resampleAxis` in f64: `x` `[outer, nIn, inner]` → `[outer, nOut, inner]`, then clamped. */
export function resampleAxis(
  x: ArrayLike<number>,
  axis: AxisTaps,
  inner: number,
  ranges: ArrayLike<number> = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  outerPerRange = 1,
): Float64Array {
  const { nIn, nOut, taps, start, weights } = axis;
  const outer = x.length / (nIn * inner);
  const y = new Float64Array(outer * nOut * inner);
  for (let o = 0; o < outer; o++) {
    const range = 2 * Math.min(Math.floor(o / outerPerRange), ranges.length / 2 - 1);
    for (let k = 0; k < nOut; k++) {
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let t = 0; t < taps; t++) {
          sum += weights[k * taps + t] * x[(o * nIn + start[k] + t) * inner + i];
        }
        y[(o * nOut + k) * inner + i] = Math.min(Math.max(sum, ranges[range]), ranges[range + 1]);
      }
    }
  }
  return y;
}
