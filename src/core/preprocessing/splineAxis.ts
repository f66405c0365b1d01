// Resizing along one axis, as scipy's `zoom` in grid mode with edge samples repeated (scikit-image's `resize`).
//
// Output k sits at x = (k + ½)·nIn/nOut − ½ of the input. Order 0 takes floor(x + ½), order 1 interpolates linearly,
// order 3 evaluates a cubic B-spline through the samples. The spline's coefficients come from a recursive filter with
// pole √3 − 2, run causally and then anticausally. scipy repeats the edge samples 12 times before it filters; here they
// are repeated for ever, which has a closed form and differs by less than 1e-13.

/** How values between samples are found. */
export type SplineOrder = 0 | 1 | 3;

/** Samples that a line of coefficients carries beyond each end: the reach of a cubic past the last sample. */
export const PAD = 2;

/** Pole of the cubic B-spline prefilter. */
export const POLE = Math.sqrt(3) - 2;

/** Rows on either side of a cut line after which the prefilter no longer feels the cut: |pole|^40 < 1e-22. */
export const PREFILTER_REACH = 40;

/** For every output of an axis, which padded samples it takes and with what weights. */
export interface AxisPlan {
  readonly nIn: number;
  readonly nOut: number;
  readonly order: SplineOrder;
  /** Samples per output: 1, 2 or 4. */
  readonly taps: number;
  /** First sample per output, counted in the line with `PAD` extra samples in front. */
  readonly start: Int32Array;
  /** `[nOut, taps]` */
  readonly weights: Float64Array;
}

const TAPS: Readonly<Record<SplineOrder, number>> = { 0: 1, 1: 2, 3: 4 };

/** The plan of an axis from `nIn` to `nOut` samples. */
export function planAxis(nIn: number, nOut: number, order: SplineOrder): AxisPlan {
  const taps = TAPS[order];
  const start = new Int32Array(nOut);
  const weights = new Float64Array(nOut * taps);
  for (let k = 0; k < nOut; k++) {
    const x = (k + 0.5) * (nIn / nOut) - 0.5;
    if (order === 3) {
      const below = Math.floor(x);
      start[k] = below - 1 + PAD;
      weights.set(cubicWeights(x - below), k * taps);
      continue;
    }
    const clamped = Math.min(Math.max(x, 0), nIn - 1);
    const below = Math.floor(order === 0 ? clamped + 0.5 : clamped);
    start[k] = below + PAD;
    if (order === 0) weights[k] = 1;
    else weights.set([1 - (clamped - below), clamped - below], k * taps);
  }
  return { nIn, nOut, order, taps, start, weights };
}

/** Weights of the four B-spline coefficients around a point at `t` ∈ [0, 1) past the second. */
function cubicWeights(t: number): [number, number, number, number] {
  const u = 1 - t;
  const first = (u * u * u) / 6;
  const second = (t * t * (t - 2) * 3 + 4) / 6;
  const third = (u * u * (u - 2) * 3 + 4) / 6;
  return [first, second, third, 1 - first - second - third];
}

/** The plan of outputs `[from, to)` of an axis, reading only the input samples `[first, last)` it needs. */
export function planRange(plan: AxisPlan, from: number, to: number): AxisPlan & { readonly first: number } {
  const reach = plan.order === 3 ? PREFILTER_REACH : 0;
  const first = Math.max(0, plan.start[from] - PAD - reach);
  const last = Math.min(plan.nIn, plan.start[to - 1] - PAD + plan.taps + reach);
  const start = plan.start.slice(from, to);
  for (let k = 0; k < start.length; k++) start[k] -= first;
  return {
    ...plan,
    nIn: last - first,
    nOut: to - from,
    start,
    weights: plan.weights.subarray(from * plan.taps, to * plan.taps),
    first,
  };
}

/**
 * Turns samples into what the plan's taps take, in place, along the slow axis of `lines`: `[PAD + n + PAD, width]`,
 * samples at rows `PAD … PAD + n`. Order 3: B-spline coefficients. Below: the edge samples repeated.
 */
export function extendLines(lines: Float64Array, n: number, width: number, order: SplineOrder): void {
  if (order === 3) prefilterLines(lines, n, width);
  else {
    const firstRow = lines.subarray(PAD * width, (PAD + 1) * width);
    const lastRow = lines.subarray((PAD + n - 1) * width, (PAD + n) * width);
    for (let pad = 0; pad < PAD; pad++) {
      lines.set(firstRow, pad * width);
      lines.set(lastRow, (PAD + n + pad) * width);
    }
  }
}

// Derivation. Causal: p[i] = 6·x[i] + z·p[i−1]; before the line it rests at 6·x[0]/(1−z). Anticausal:
// c[i] = z·(c[i+1] − p[i]), so c[i] = −z·Σ zᵏ·p[i+k]. Past the end p = s + d·zᵏ with s = 6·x[n−1]/(1−z) and
// d = p[n−1] − s, and as (1−z)² = −6z the sum is c[n−1+m] = x[n−1] − d·z^(m+1)/(1−z²).
// Before the start p[i] = p[0], so c[−m] = z·(c[−m+1] − p[0]).
function prefilterLines(lines: Float64Array, n: number, width: number): void {
  const z = POLE;
  const gain = 6 / (1 - z);
  const before = PAD * width;
  const end = (PAD + n) * width;
  const tail = -z / (1 - z * z);
  for (let i = 0; i < width; i++) {
    lines[end + i] = lines[end - width + i];
    lines[before + i] *= gain;
  }
  for (let i = before + width; i < end; i++) lines[i] = 6 * lines[i] + z * lines[i - width];
  for (let i = 0; i < width; i++) {
    const lastSample = lines[end + i];
    const deviation = (lines[end - width + i] - lastSample * gain) * tail;
    const resting = lines[before + i];
    lines[end - width + i] = lastSample + deviation;
    lines[end + i] = lastSample + deviation * z;
    lines[end + width + i] = lastSample + deviation * z * z;
    lines[before - width + i] = resting;
  }
  for (let i = end - width - 1; i >= before; i--) lines[i] = z * (lines[i + width] - lines[i]);
  for (let i = 0; i < width; i++) {
    const resting = lines[before - width + i];
    const first = z * (lines[before + i] - resting);
    lines[before - width + i] = first;
    lines[before - 2 * width + i] = z * (first - resting);
  }
}

/** Evaluates a plan along the slow axis: `lines` `[PAD + nIn + PAD, width]` extended → `out` `[nOut, width]`. */
export function evaluateLines(
  plan: AxisPlan,
  lines: Float64Array,
  width: number,
  out: Float64Array,
  outOffset = 0,
  outStride = width,
): void {
  const { nOut, taps, start, weights } = plan;
  for (let k = 0; k < nOut; k++) {
    const a = start[k] * width;
    const o = outOffset + k * outStride;
    const w = k * taps;
    if (taps === 1) {
      for (let i = 0; i < width; i++) out[o + i] = lines[a + i];
    } else if (taps === 2) {
      const w0 = weights[w];
      const w1 = weights[w + 1];
      for (let i = 0; i < width; i++) out[o + i] = w0 * lines[a + i] + w1 * lines[a + width + i];
    } else {
      const w0 = weights[w];
      const w1 = weights[w + 1];
      const w2 = weights[w + 2];
      const w3 = weights[w + 3];
      const b = a + width;
      const c = b + width;
      const d = c + width;
      for (let i = 0; i < width; i++) {
        out[o + i] = w0 * lines[a + i] + w1 * lines[b + i] + w2 * lines[c + i] + w3 * lines[d + i];
      }
    }
  }
}

/** Two neighbours and the share of the upper one for every output of a linearly resized axis, clamped at the ends. */
export interface LinearPlan {
  readonly lower: Uint32Array;
  readonly upper: Uint32Array;
  readonly upperWeight: Float64Array;
}

/** Tables for linear interpolation from `nIn` to `nOut` samples, edges repeated (`align_corners` false). */
export function resampleLinearPlan(nIn: number, nOut: number): LinearPlan {
  const { start, weights } = planAxis(nIn, nOut, 1);
  return {
    lower: Uint32Array.from(start, (first) => first - PAD),
    upper: Uint32Array.from(start, (first) => Math.min(first - PAD + 1, nIn - 1)),
    upperWeight: Float64Array.from({ length: nOut }, (_, k) => weights[2 * k + 1]),
  };
}

/** Two neighbours of every output of a linearly resized axis and both their weights. */
export interface ScipyLinearPlan {
  readonly lower: Uint32Array;
  readonly upper: Uint32Array;
  readonly lowerWeight: Float64Array;
  readonly upperWeight: Float64Array;
}

/**
 * As {@link resampleLinearPlan}, to the bit of scipy's `NI_ZoomShift`: the coordinate is not clamped, so that past an end
 * both weights go to the edge sample, and the upper weight is what the lower one leaves of 1. Sums that tie with it tie here.
 */
export function scipyLinearPlan(nIn: number, nOut: number): ScipyLinearPlan {
  const lower = new Uint32Array(nOut);
  const upper = new Uint32Array(nOut);
  const lowerWeight = new Float64Array(nOut);
  const upperWeight = new Float64Array(nOut);
  for (let k = 0; k < nOut; k++) {
    const x = (k + 0.5) * (nIn / nOut) - 0.5;
    const below = Math.floor(x);
    lower[k] = Math.min(Math.max(below, 0), nIn - 1);
    upper[k] = Math.min(Math.max(below + 1, 0), nIn - 1);
    lowerWeight[k] = 1 - (x - below);
    upperWeight[k] = 1 - lowerWeight[k];
  }
  return { lower, upper, lowerWeight, upperWeight };
}
