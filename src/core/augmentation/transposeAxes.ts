import { type Random, shuffled } from '@/shared/random';
import type { ImagePatch, LabelPatch } from './patch';

export interface TransposeAxesRule {
  readonly kind: 'transposeAxes';
  /** Axes of `[z, y, x]` of one size. */
  readonly axes: readonly number[];
}

export interface TransposeAxes {
  readonly kind: 'transposeAxes';
  /** Which axis of `[z, y, x]` comes at each place. */
  readonly order: readonly number[];
}

/** The axes in any order. Follows batchgeneratorsv2's `TransposeAxesTransform`. */
export function drawTransposeAxes(random: Random, { axes }: TransposeAxesRule): TransposeAxes {
  const inOrder = shuffled(random, axes);
  return {
    kind: 'transposeAxes',
    order: [0, 1, 2].map((axis) => (axes.includes(axis) ? inOrder[axes.indexOf(axis)] : axis)),
  };
}

/** Every channel; axes that change places are of one size, so the shape stays. */
export function applyTransposeAxes(patch: ImagePatch | LabelPatch, { order }: TransposeAxes): void {
  const { data, shape } = patch;
  const [depth, height, width] = shape;
  const strides = [height * width, width, 1];
  const [strideZ, strideY, strideX] = order.map((axis) => strides[axis]);
  const before = data.slice();
  const plane = depth * height * width;
  for (let start = 0, i = 0; start < data.length; start += plane) {
    for (let z = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        const from = start + z * strideZ + y * strideY;
        for (let x = 0; x < width; x++, i++) data[i] = before[from + x * strideX];
      }
    }
  }
}

/** Row-major 3 × 3: the voxel that comes to a place, both counted from the middle. */
export function transposeAxesMatrix({ order }: TransposeAxes): number[] {
  const matrix = Array.from({ length: 9 }, () => 0);
  for (const [place, axis] of order.entries()) matrix[3 * axis + place] = 1;
  return matrix;
}
