// Rearranging volumes: crop, put back, permute axes. Plain copies of rows wherever the layout allows.

import type { BoundingBox, Zyx } from '@/shared/geometry';
import { boxShape, elementCount, permute } from '@/shared/geometry';

export type VoxelArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array;

/** Columns copied together when rows become columns, so that both sides stay in cache. */
const TILE = 32;

/** An array of the same type as `like`, zero-filled. */
export function emptyLike<T extends VoxelArray>(like: T, size: number): T {
  return new (like.constructor as new (size: number) => T)(size);
}

/**
 * Box of a volume with its axes permuted as numpy's `transpose`: output axis `i` is input axis `order[i]`.
 * `volume`: `[z, y, x]`; `box` in input axes; written to `target` where given.
 */
export function copyTransposed<T extends VoxelArray>(
  volume: T,
  shape: Zyx,
  box: BoundingBox,
  order: readonly number[],
  target?: T,
): T {
  const size = permute(boxShape(box), order);
  const stride = permute([shape[1] * shape[2], shape[2], 1], order);
  const origin = (box[0][0] * shape[1] + box[1][0]) * shape[2] + box[2][0];
  const result = target ?? emptyLike(volume, elementCount(size));
  if (stride[2] === 1) copyRows(volume, result, origin, size, stride);
  else copyTiles(volume, result, origin, size, stride);
  return result;
}

function copyRows<T extends VoxelArray>(volume: T, result: T, origin: number, size: Zyx, stride: Zyx): void {
  let written = 0;
  for (let a = 0; a < size[0]; a++) {
    for (let b = 0; b < size[1]; b++, written += size[2]) {
      const start = origin + a * stride[0] + b * stride[1];
      result.set(volume.subarray(start, start + size[2]), written);
    }
  }
}

function copyTiles<T extends VoxelArray>(volume: T, result: T, origin: number, size: Zyx, stride: Zyx): void {
  const [, nB, nC] = size;
  for (let a = 0; a < size[0]; a++) {
    for (let tileB = 0; tileB < nB; tileB += TILE) {
      const endB = Math.min(tileB + TILE, nB);
      for (let tileC = 0; tileC < nC; tileC += TILE) {
        const endC = Math.min(tileC + TILE, nC);
        for (let b = tileB; b < endB; b++) {
          const row = (a * nB + b) * nC;
          const start = origin + a * stride[0] + b * stride[1];
          for (let c = tileC; c < endC; c++) result[row + c] = volume[start + c * stride[2]];
        }
      }
    }
  }
}

/** The whole box of a volume. */
export function wholeBox(shape: Zyx): BoundingBox {
  return [
    [0, shape[0]],
    [0, shape[1]],
    [0, shape[2]],
  ];
}

/** `[z, y, x]` with axes permuted as numpy's `transpose(order)`; the shape becomes `permute(shape, order)`. */
export function transposeVolume<T extends VoxelArray>(volume: T, shape: Zyx, order: readonly number[]): T {
  return copyTransposed(volume, shape, wholeBox(shape), order);
}

/** Box of a `[z, y, x]` volume. */
export function cropVolume<T extends VoxelArray>(volume: T, shape: Zyx, box: BoundingBox): T {
  return copyTransposed(volume, shape, box, [0, 1, 2]);
}

/** Undoes {@link cropVolume}: `cropped` at `box` in a volume of `shape`, `fill` elsewhere. */
export function uncrop<T extends VoxelArray>(cropped: T, box: BoundingBox, shape: Zyx, fill = 0): T {
  const result = emptyLike(cropped, elementCount(shape));
  if (fill !== 0) result.fill(fill);
  const [nZ, nY, nX] = boxShape(box);
  for (let z = 0; z < nZ; z++) {
    for (let y = 0; y < nY; y++) {
      const from = (z * nY + y) * nX;
      const to = ((box[0][0] + z) * shape[1] + box[1][0] + y) * shape[2] + box[2][0];
      result.set(cropped.subarray(from, from + nX), to);
    }
  }
  return result;
}
