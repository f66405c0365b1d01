// An axis of a resize as one banded matrix, prefilter included, for the GPU: no recursion, every output on its own.

import type { AxisTaps } from '@/kernels/resampleAxis';
import { type AxisPlan, PAD, POLE } from './splineAxis';

/** Terms of the prefilter kept on either side: √3·|pole|^13 < 7e-8, below float32's rounding. */
const PREFILTER_TERMS = 13;

/**
 * The banded matrix of a plan. The prefilter's impulse response is √3·pole^|i|, so a coefficient is a sum over nearby
 * samples; samples past the ends are the edge samples, and their weights fold onto them.
 */
export function bandedTaps(plan: AxisPlan): AxisTaps {
  const { nIn, nOut } = plan;
  const reach = plan.order === 3 ? PREFILTER_TERMS : 0;
  const taps = Math.min(nIn, plan.taps + 2 * reach);
  const start = new Uint32Array(nOut);
  const weights = new Float32Array(nOut * taps);
  const response = impulseResponse(reach);
  const row = new Float64Array(taps);
  for (let k = 0; k < nOut; k++) {
    const firstCoefficient = plan.start[k] - PAD;
    start[k] = Math.min(Math.max(firstCoefficient - reach, 0), nIn - taps);
    row.fill(0);
    for (let t = 0; t < plan.taps; t++) {
      const weight = plan.weights[k * plan.taps + t];
      for (let term = -reach; term <= reach; term++) {
        const sample = Math.min(Math.max(firstCoefficient + t + term, 0), nIn - 1);
        row[sample - start[k]] += weight * response[term + reach];
      }
    }
    weights.set(row, k * taps);
  }
  return { nIn, nOut, taps, start, weights };
}

/** Shares of the samples `−reach … reach` in a coefficient, made to sum to 1 after truncation. */
function impulseResponse(reach: number): Float64Array {
  const response = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => POLE ** Math.abs(i - reach));
  const sum = response.reduce((total, value) => total + value, 0);
  return response.map((value) => value / sum);
}

/** Outputs `[from, to)` of an axis, with `first` the first input sample they read; `nIn` counts from there. */
export function tapsRange(axis: AxisTaps, from: number, to: number): AxisTaps & { readonly first: number } {
  const start = axis.start.slice(from, to);
  const first = start[0];
  const last = start[start.length - 1] + axis.taps;
  return {
    nIn: last - first,
    nOut: to - from,
    taps: axis.taps,
    start: start.map((sample) => sample - first),
    weights: axis.weights.subarray(from * axis.taps, to * axis.taps),
    first,
  };
}
