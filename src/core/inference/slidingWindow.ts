// Where the windows of a prediction lie, what each voxel of a window counts, and how an image smaller than the
// window is padded. Nothing here touches a GPU.

import type { Zyx } from '@/shared/geometry';
import { fromFloat16Bits, roundHalfEven, toFloat16Bits } from '@/shared/numeric';

/** Width of the Gaussian as a share of the patch. */
const SIGMA_SCALE = 1 / 8;
/** The map's maximum; above 1 so that float16 keeps more of the tails. */
const GAUSSIAN_MAXIMUM = 10;
/** scipy cuts its Gaussian filter off at this many sigma. */
const TRUNCATE_SIGMAS = 4;

/**
 * First voxel of each window along every axis, evenly spread so that the last window ends with the image.
 * `imageSize` must be at least `patchSize` per axis (see {@link paddingToPatch}). `tileStepSize` in (0, 1].
 *
 * Follows nnU-Net's `compute_steps_for_sliding_window`.
 */
export function windowStarts(
  imageSize: readonly number[],
  patchSize: readonly number[],
  tileStepSize: number,
): number[][] {
  return imageSize.map((size, axis) => {
    const patch = patchSize[axis];
    if (size < patch)
      throw new Error(`windowStarts: image ${size} is smaller than the patch ${patch} on axis ${axis}`);
    // Python: target step = int-free product; numpy's ceil of the quotient, then one more.
    const count = Math.ceil((size - patch) / (patch * tileStepSize)) + 1;
    const stride = count > 1 ? (size - patch) / (count - 1) : 0;
    return Array.from({ length: count }, (_, i) => roundHalfEven(stride * i));
  });
}

/**
 * One axis of the importance map before it is scaled to its maximum: a unit impulse at `size // 2`, Gaussian-filtered
 * with sigma `size / 8`, zero beyond four sigma. f64, sums to 1 unless the array cuts it.
 */
function gaussianLine(size: number): Float64Array {
  const sigma = size * SIGMA_SCALE;
  const radius = Math.floor(TRUNCATE_SIGMAS * sigma + 0.5);
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp((-0.5 * (i - radius) ** 2) / sigma ** 2),
  );
  const sum = kernel.reduce((total, value) => total + value, 0);
  const centre = Math.floor(size / 2);
  return Float64Array.from({ length: size }, (_, i) => {
    const distance = Math.abs(i - centre);
    return distance <= radius ? kernel[radius + distance] / sum : 0;
  });
}

/**
 * The importance map's lines through its maximum, one per axis, f64: the map is their product over
 * `GAUSSIAN_MAXIMUM` for each axis but the first.
 */
export function gaussianLines(patchSize: readonly number[]): Float64Array[] {
  return patchSize.map((size) => {
    const line = gaussianLine(size);
    const maximum = line[Math.floor(size / 2)];
    return line.map((value) => (value / maximum) * GAUSSIAN_MAXIMUM);
  });
}

/**
 * Weight of each voxel of a window, `patchSize` row-major, f32 values that float16 holds exactly: nnU-Net rounds the
 * map to float16 and replaces zeros by its smallest non-zero value, so that no voxel is divided by zero.
 *
 * Follows nnU-Net's `compute_gaussian` with `value_scaling_factor=10`.
 */
export function gaussianImportance(patchSize: readonly number[]): Float32Array {
  let map = Float64Array.of(GAUSSIAN_MAXIMUM);
  for (const line of gaussianLines(patchSize)) map = outerProduct(map, line);
  const result = new Float32Array(map.length);
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < map.length; i++) {
    result[i] = fromFloat16Bits(toFloat16Bits(map[i]));
    if (result[i] > 0 && result[i] < smallest) smallest = result[i];
  }
  for (let i = 0; i < result.length; i++) if (result[i] === 0) result[i] = smallest;
  return result;
}

/** `a[i] · b[j] / GAUSSIAN_MAXIMUM`, row-major. */
function outerProduct(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  const product = new Float64Array(a.length * b.length);
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) product[i * b.length + j] = a[i] * (b[j] / GAUSSIAN_MAXIMUM);
  }
  return product;
}

/** Zeros added before and after each axis so that the image is at least as large as the patch. */
export interface Padding {
  readonly before: Zyx;
  readonly paddedShape: Zyx;
}

/**
 * Symmetric padding up to the patch: half of what is missing before (rounded down), the rest after.
 *
 * Follows `pad_nd_image` as nnU-Net's predictor calls it.
 */
export function paddingToPatch(shape: Zyx, patchSize: Zyx): Padding {
  const missing = shape.map((size, axis) => Math.max(patchSize[axis] - size, 0));
  return {
    before: [missing[0] >> 1, missing[1] >> 1, missing[2] >> 1],
    paddedShape: [shape[0] + missing[0], shape[1] + missing[1], shape[2] + missing[2]],
  };
}

/**
 * The axes to flip for each pass of test-time mirroring, the unflipped pass first: for axes 0, 1, 2 that is
 * none; 0; 1; 2; 01; 02; 12; 012.
 */
export function mirrorCombinations(axes: readonly number[]): number[][] {
  const combinations: number[][] = [[]];
  for (let size = 1; size <= axes.length; size++) choose(axes, size, 0, [], combinations);
  return combinations;
}

function choose(
  axes: readonly number[],
  size: number,
  from: number,
  chosen: number[],
  found: number[][],
): void {
  if (chosen.length === size) {
    found.push(chosen);
    return;
  }
  for (let i = from; i < axes.length; i++) choose(axes, size, i + 1, [...chosen, axes[i]], found);
}
