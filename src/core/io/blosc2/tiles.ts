// Boxes of row-major arrays of any number of axes, and the tiles that an array falls into.

import { elementCount } from '@/shared/geometry';

/** All tiles that share something with `[start, end)`, row-major. */
export function tilesWithin(
  start: readonly number[],
  end: readonly number[],
  tileShape: readonly number[],
): readonly (readonly number[])[] {
  let tiles: (readonly number[])[] = [[]];
  for (const [axis, size] of tileShape.entries()) {
    const first = Math.floor(start[axis] / size);
    const count = Math.ceil(end[axis] / size) - first;
    tiles = tiles.flatMap((tile) => Array.from({ length: count }, (_, i) => [...tile, first + i]));
  }
  return tiles;
}

export interface BoxCopy {
  readonly source: Uint8Array;
  readonly sourceShape: readonly number[];
  readonly sourceStart: readonly number[];
  readonly target: Uint8Array;
  readonly targetShape: readonly number[];
  readonly targetStart: readonly number[];
  readonly size: readonly number[];
  readonly elementBytes: number;
}

/** Copies a box from one row-major array to another, row by row. */
export function copyBox(copy: BoxCopy): void {
  const { source, sourceShape, sourceStart, target, targetShape, targetStart, size, elementBytes } = copy;
  const last = size.length - 1;
  const rowBytes = size[last] * elementBytes;
  const rows = elementCount(size.slice(0, last));
  const at = new Array<number>(last).fill(0);
  for (let row = 0; row < rows; row++) {
    let from = 0;
    let to = 0;
    for (let axis = 0; axis < last; axis++) {
      from = (from + sourceStart[axis] + at[axis]) * sourceShape[axis + 1];
      to = (to + targetStart[axis] + at[axis]) * targetShape[axis + 1];
    }
    const first = (from + sourceStart[last]) * elementBytes;
    target.set(source.subarray(first, first + rowBytes), (to + targetStart[last]) * elementBytes);
    for (let axis = last - 1; axis >= 0 && ++at[axis] === size[axis]; axis--) at[axis] = 0;
  }
}
