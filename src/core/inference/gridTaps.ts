import { planResample, type ResampleRequest } from '@/core/preprocessing/resampling';
import { resampleLinearPlan } from '@/core/preprocessing/splineAxis';
import type { Zyx } from '@/shared/geometry';

/**
 * How the samples of one axis of the case's grid are read from the network's grid: sample `i` is
 * `(1 − weight[i]) · grid[lower[i]] + weight[i] · grid[upper[i]]`. Both indices never decrease with `i`.
 */
export interface GridAxisTaps {
  readonly lower: Uint32Array;
  readonly upper: Uint32Array;
  readonly weight: Float32Array;
}

/** Taps of the three axes, array order. */
export type GridTaps = readonly [GridAxisTaps, GridAxisTaps, GridAxisTaps];

/** Linear interpolation between voxel centres, edges clamped: scikit-image's order 1, torch's trilinear. */
function linearTaps(from: number, to: number): GridAxisTaps {
  const { lower, upper, upperWeight } = resampleLinearPlan(from, to);
  return {
    lower: Uint32Array.from(lower),
    upper: Uint32Array.from(upper),
    weight: Float32Array.from(upperWeight),
  };
}

/** Nearest neighbour, halves up, as scipy's order 0. The product is rounded as scipy rounds it. */
function nearestTaps(from: number, to: number): GridAxisTaps {
  const taps = emptyTaps(to);
  for (let i = 0; i < to; i++) {
    const x = (i + 0.5) * (from / to) - 0.5;
    taps.lower[i] = Math.min(Math.max(Math.floor(x + 0.5), 0), from - 1);
    taps.upper[i] = taps.lower[i];
  }
  return taps;
}

function emptyTaps(count: number) {
  return { lower: new Uint32Array(count), upper: new Uint32Array(count), weight: new Float32Array(count) };
}

/** A nearest-neighbour axis whose source indices the resampling function dictates. */
function givenTaps(indices: ArrayLike<number>): GridAxisTaps {
  const taps = emptyTaps(indices.length);
  taps.lower.set(indices);
  taps.upper.set(indices);
  return taps;
}

/** How one axis is read. */
export type AxisRule = 'linear' | 'nearest' | { readonly indices: ArrayLike<number> };

/**
 * Taps from a grid of `from` voxels to a grid of `to` voxels. The source indices count `before` voxels of padding that
 * the source has at the start of each axis.
 */
export function gridTaps(
  from: Zyx,
  to: Zyx,
  before: Zyx,
  rules: readonly [AxisRule, AxisRule, AxisRule],
): GridTaps {
  const forAxis = (axis: number): GridAxisTaps => {
    const rule = rules[axis];
    const taps =
      rule === 'linear'
        ? linearTaps(from[axis], to[axis])
        : rule === 'nearest'
          ? nearestTaps(from[axis], to[axis])
          : givenTaps(rule.indices);
    for (let i = 0; i < to[axis]; i++) {
      taps.lower[i] += before[axis];
      taps.upper[i] += before[axis];
    }
    return taps;
  };
  return [forAxis(0), forAxis(1), forAxis(2)];
}

/**
 * How logits are brought to `request.newShape` with at most two samples per axis, so that slices can be exported one
 * after another; `undefined` where the plans ask for a wider spline.
 */
export function exportRules(request: ResampleRequest): readonly [AxisRule, AxisRule, AxisRule] | undefined {
  const plan = planResample(request);
  if (plan === undefined) return ['nearest', 'nearest', 'nearest'];
  const { orderInPlane, orderZ, slices } = plan.method;
  if (orderInPlane > 1 || orderZ > 1) return undefined;
  const inPlane: AxisRule = orderInPlane === 0 ? 'nearest' : 'linear';
  const along: AxisRule = slices ? { indices: slices } : orderZ === 0 ? 'nearest' : 'linear';
  const rule = (axis: number): AxisRule => (plan.isSeparate && axis === plan.order[0] ? along : inPlane);
  return [rule(0), rule(1), rule(2)];
}

/** The layout `exportSlices.wgsl` reads: per axis lower, upper and the weight's f32 bits. */
export function packTaps(taps: GridTaps): Uint32Array {
  const packed = new Uint32Array(taps.reduce((total, axis) => total + 3 * axis.lower.length, 0));
  let at = 0;
  for (const { lower, upper, weight } of taps) {
    packed.set(lower, at);
    packed.set(upper, at + lower.length);
    packed.set(new Uint32Array(weight.buffer), at + 2 * lower.length);
    at += 3 * lower.length;
  }
  return packed;
}
