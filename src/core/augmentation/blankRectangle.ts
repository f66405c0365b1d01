import type { Zyx } from '@/shared/geometry';
import { integerBelow, type Random } from '@/shared/random';
import { drawPerChannel, type PerChannel } from './channels';
import { channelOf, type ImagePatch } from './patch';

export interface BlankRectangleRule {
  readonly kind: 'blankRectangle';
  readonly channelProbability: number;
  /** How many, the upper end excluded. */
  readonly countRange: readonly [number, number];
}

/** Corner and size, `[z, y, x]`. */
interface Rectangle {
  readonly start: Zyx;
  readonly size: Zyx;
}

export interface BlankRectangle {
  readonly kind: 'blankRectangle';
  readonly rectangles: PerChannel<readonly Rectangle[]>;
}

/**
 * Sides from a tenth to below a third of the patch's. Follows batchgeneratorsv2's `BlankRectangleTransform` as
 * `nnUNetTrainerDA5` sets it, except that an axis too short for a range has a side of its lower end, where it fails.
 */
export function drawBlankRectangle(
  random: Random,
  { channelProbability, countRange }: BlankRectangleRule,
  { channels, patchSize }: { readonly channels: number; readonly patchSize: Zyx },
): BlankRectangle {
  const side = (axis: 0 | 1 | 2) => {
    const lowest = Math.max(1, Math.floor(patchSize[axis] / 10));
    return integerIn(random, lowest, Math.floor(patchSize[axis] / 3));
  };
  const rectangle = (): Rectangle => {
    const size: Zyx = [side(0), side(1), side(2)];
    const start = (axis: 0 | 1 | 2) => integerBelow(random, patchSize[axis] - size[axis] + 1);
    return { size, start: [start(0), start(1), start(2)] };
  };
  const draw = () => Array.from({ length: integerIn(random, ...countRange) }, rectangle);
  return { kind: 'blankRectangle', rectangles: drawPerChannel(random, channels, channelProbability, draw) };
}

/** In `[low, high)`, or `low` where that is empty. */
function integerIn(random: Random, low: number, high: number): number {
  return low + integerBelow(random, Math.max(1, high - low));
}

/** Each becomes its own mean, one after the other. */
export function applyBlankRectangle(image: ImagePatch, { rectangles }: BlankRectangle): void {
  for (const [c, ofChannel] of rectangles.entries()) {
    for (const rectangle of ofChannel ?? []) flatten(channelOf(image, c), image.shape, rectangle);
  }
}

function flatten(plane: Float32Array, [, height, width]: Zyx, { start, size }: Rectangle): void {
  const rows: Float32Array[] = [];
  for (let z = start[0]; z < start[0] + size[0]; z++) {
    for (let y = start[1]; y < start[1] + size[1]; y++) {
      const row = (z * height + y) * width + start[2];
      rows.push(plane.subarray(row, row + size[2]));
    }
  }
  const sum = rows.reduce((total, row) => row.reduce((rowTotal, value) => rowTotal + value, total), 0);
  for (const row of rows) row.fill(sum / (rows.length * size[2]));
}
