// How often each axis is pooled, and with which kernels: isotropic voxels first.

/** Feature maps are not pooled below this edge, voxels. */
const MIN_FEATURE_MAP_EDGE = 4;
/** A last axis is not pooled alone unless it has this many times the smallest edge. */
const LONE_AXIS_FACTOR = 3;
/** An axis takes part in pooling (and gets kernel size 3) while its voxels are less than this times the finest ones. */
const ANISOTROPY_STEP = 2;

export interface Topology {
  readonly strides: readonly (readonly number[])[];
  readonly kernelSizes: readonly (readonly number[])[];
  /** The patch, enlarged to divide by `mustBeDivisibleBy`. */
  readonly patchSize: readonly number[];
  readonly mustBeDivisibleBy: readonly number[];
  readonly numPoolPerAxis: readonly number[];
}

/**
 * Pooling and kernels for a patch. `spacing` mm and `patchSize` voxels have 2 or 3 entries; the patch may be fractional.
 *
 * Follows nnU-Net's `get_pool_and_conv_props`.
 */
export function planTopology(
  spacing: readonly number[],
  patchSize: readonly number[],
  minEdge: number = MIN_FEATURE_MAP_EDGE,
): Topology {
  const dims = spacing.length;
  let currentSpacing = [...spacing];
  let currentSize = [...patchSize];
  const numPoolPerAxis = new Array<number>(dims).fill(0);
  const kernel = new Array<number>(dims).fill(1);
  const strides: number[][] = [new Array(dims).fill(1)];
  const kernelSizes: number[][] = [];
  for (;;) {
    const axes = poolableAxes(currentSpacing, currentSize, minEdge);
    if (axes.length === 0) break;
    if (axes.length === 1 && currentSize[axes[0]] < LONE_AXIS_FACTOR * minEdge) break;
    const finest = Math.min(...currentSpacing);
    for (let axis = 0; axis < dims; axis++) {
      if (currentSpacing[axis] / finest < ANISOTROPY_STEP) kernel[axis] = 3;
    }
    const isPooled = (axis: number) => axes.includes(axis);
    for (const axis of axes) numPoolPerAxis[axis]++;
    currentSpacing = currentSpacing.map((value, axis) => (isPooled(axis) ? value * 2 : value));
    currentSize = currentSize.map((value, axis) => (isPooled(axis) ? Math.ceil(value / 2) : value));
    strides.push(currentSize.map((_, axis) => (isPooled(axis) ? 2 : 1)));
    kernelSizes.push([...kernel]);
  }
  kernelSizes.push(new Array(dims).fill(3));
  const mustBeDivisibleBy = numPoolPerAxis.map((count) => 2 ** count);
  return {
    strides,
    kernelSizes,
    numPoolPerAxis,
    mustBeDivisibleBy,
    patchSize: patchSize.map((size, axis) => Math.trunc(nextMultiple(size, mustBeDivisibleBy[axis]))),
  };
}

/** Axes long enough to halve and not coarser than twice the finest of those. */
function poolableAxes(spacing: readonly number[], size: readonly number[], minEdge: number): number[] {
  const longEnough = spacing.map((_, axis) => axis).filter((axis) => size[axis] >= 2 * minEdge);
  const finest = Math.min(...longEnough.map((axis) => spacing[axis]));
  return longEnough.filter((axis) => spacing[axis] / finest < ANISOTROPY_STEP);
}

function nextMultiple(size: number, divisor: number): number {
  return size % divisor === 0 ? size : size - (size % divisor) + divisor;
}
