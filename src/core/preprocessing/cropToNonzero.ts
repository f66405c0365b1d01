// Crop to the non-zero region. Follows nnU-Net's `crop_to_nonzero` and scipy's `binary_fill_holes`.

import type { BoundingBox, Zyx } from '@/shared/geometry';
import { elementCount } from '@/shared/geometry';
import { wholeBox } from './volumes';

/** Value that marks voxels outside the non-zero mask in a label map. */
export const OUTSIDE_LABEL = -1;

const BACKGROUND = 0;
const FOREGROUND = 1;
const REACHED = 2;

/**
 * Smallest box that holds every voxel where any channel is not zero; the whole array if there is none.
 * Filling holes does not change it, as a hole lies inside. `data`: `[c, z, y, x]`.
 */
export function nonzeroBox(data: Float32Array, channels: number, shape: Zyx): BoundingBox {
  const [nZ, nY, nX] = shape;
  const low = [nZ, nY, nX];
  const high = [-1, -1, -1];
  for (let c = 0, row = 0; c < channels; c++) {
    for (let z = 0; z < nZ; z++) {
      for (let y = 0; y < nY; y++, row += nX) {
        let first = 0;
        while (first < nX && data[row + first] === 0) first++;
        if (first === nX) continue;
        let last = nX - 1;
        while (data[row + last] === 0) last--;
        if (z < low[0]) low[0] = z;
        if (z > high[0]) high[0] = z;
        if (y < low[1]) low[1] = y;
        if (y > high[1]) high[1] = y;
        if (first < low[2]) low[2] = first;
        if (last > high[2]) high[2] = last;
      }
    }
  }
  if (high[0] < 0) return wholeBox(shape);
  return [
    [low[0], high[0] + 1],
    [low[1], high[1] + 1],
    [low[2], high[2] + 1],
  ];
}

/** 1 where any channel is not zero or the voxel lies in a hole, else 0. `data`: `[c, z, y, x]`; mask `[z, y, x]`. */
export function nonzeroMask(data: Float32Array, channels: number, shape: Zyx): Uint8Array {
  const size = elementCount(shape);
  const mask = new Uint8Array(size);
  for (let c = 0; c < channels; c++) {
    const offset = c * size;
    for (let i = 0; i < size; i++) if (data[offset + i] !== 0) mask[i] = FOREGROUND;
  }
  fillHoles(mask, shape);
  return mask;
}

/**
 * Sets to 1 every 0 that cannot be reached from outside the array through face-connected zeros, in place. The outside
 * touches all six faces, so nothing is ever filled in a volume of one slice: nnU-Net does the same.
 */
export function fillHoles(mask: Uint8Array, shape: Zyx): void {
  floodFromFaces(mask, shape);
  for (let i = 0; i < mask.length; i++) mask[i] = mask[i] === REACHED ? BACKGROUND : FOREGROUND;
}

/** Marks what the outside reaches, run by run along x, with a stack of runs still to be visited. */
function floodFromFaces(mask: Uint8Array, [nZ, nY, nX]: Zyx): void {
  const plane = nY * nX;
  let stack = new Int32Array(4096);
  let depth = 0;

  const push = (voxel: number) => {
    if (depth === stack.length) {
      const grown = new Int32Array(2 * depth);
      grown.set(stack);
      stack = grown;
    }
    stack[depth++] = voxel;
  };
  /** Queues the first voxel of every open run of voxels `[start, end)` of one row. */
  const pushRuns = (start: number, end: number) => {
    for (let i = start; i < end; i++) {
      if (mask[i] === BACKGROUND && (i === start || mask[i - 1] !== BACKGROUND)) push(i);
    }
  };

  for (let z = 0; z < nZ; z++) {
    for (let y = 0; y < nY; y++) {
      const row = z * plane + y * nX;
      if (z === 0 || z === nZ - 1 || y === 0 || y === nY - 1) pushRuns(row, row + nX);
      else {
        pushRuns(row, row + 1);
        pushRuns(row + nX - 1, row + nX);
      }
      while (depth > 0) {
        const seed = stack[--depth];
        if (mask[seed] !== BACKGROUND) continue;
        const rowStart = seed - (seed % nX);
        let start = seed;
        while (start > rowStart && mask[start - 1] === BACKGROUND) start--;
        let end = seed + 1;
        while (end < rowStart + nX && mask[end] === BACKGROUND) end++;
        mask.fill(REACHED, start, end);
        const seedZ = Math.floor(seed / plane);
        const seedY = (rowStart - seedZ * plane) / nX;
        if (seedZ > 0) pushRuns(start - plane, end - plane);
        if (seedZ < nZ - 1) pushRuns(start + plane, end + plane);
        if (seedY > 0) pushRuns(start - nX, end - nX);
        if (seedY < nY - 1) pushRuns(start + nX, end + nX);
      }
    }
  }
}

/**
 * What lies outside the mask becomes −1 where it has no label; labelled voxels keep theirs. Without a label map: 0
 * inside, −1 outside. `seg` and `mask` are `[z, y, x]`, cropped alike; the result is new.
 */
export function markOutside(seg: Int16Array | undefined, mask: Uint8Array): Int16Array {
  const marked = seg ? seg.slice() : new Int16Array(mask.length);
  for (let i = 0; i < mask.length; i++) if (mask[i] === 0 && marked[i] === 0) marked[i] = OUTSIDE_LABEL;
  return marked;
}
