// Shapes of the previous stage's labels are made a little wrong, so that the next stage does not trust them too much.

import type { Zyx } from '@/shared/geometry';
import { integerBelow, type Random, shuffled, uniformIn } from '@/shared/random';
import { channelOf, type ImagePatch } from './patch';

const BINARY_OPERATORS = ['dilation', 'erosion', 'closing', 'opening'] as const;
export type BinaryOperator = (typeof BINARY_OPERATORS)[number];

export interface RandomBinaryOperatorRule {
  readonly probability: number;
  readonly labelProbability: number;
  /** Voxels. */
  readonly radiusRange: readonly [number, number];
}

export interface BinaryOperation {
  /** Which of the one-hot channels. */
  readonly label: number;
  readonly operator: BinaryOperator;
  /** Of the ball or disk, voxels. */
  readonly radius: number;
}

/** Labels in a drawn order. Follows batchgeneratorsv2's `ApplyRandomBinaryOperatorTransform`. */
export function drawRandomBinaryOperator(
  random: Random,
  rule: RandomBinaryOperatorRule,
  labelCount: number,
): BinaryOperation[] {
  if (random.uniform() >= rule.probability) return [];
  const labels = shuffled(
    random,
    Array.from({ length: labelCount }, (_, label) => label),
  );
  return labels
    .filter(() => random.uniform() < rule.labelProbability)
    .map((label) => ({
      label,
      operator: BINARY_OPERATORS[integerBelow(random, BINARY_OPERATORS.length)],
      radius: uniformIn(random, rule.radiusRange),
    }));
}

/** Voxels that are added are taken from the other channels. Channels of zeros and ones; a disk where `isIn2d`. */
export function applyRandomBinaryOperator(
  oneHot: ImagePatch,
  { label, operator, radius }: BinaryOperation,
  isIn2d: boolean,
): void {
  const own = channelOf(oneHot, label);
  const before = Uint8Array.from(own, (value) => (value ? 1 : 0));
  const element = isIn2d ? disk(radius) : ball(radius);
  const after = OPERATE[operator](before, oneHot.shape, element);
  for (let c = 0; c < oneHot.channels; c++) {
    if (c === label) continue;
    const other = channelOf(oneHot, c);
    for (let i = 0; i < other.length; i++) if (after[i] && !before[i]) other[i] = 0;
  }
  own.set(after);
}

/** Rows of a convex structuring element: offsets of a row, and of its first and last voxel. */
interface ElementRow {
  readonly z: number;
  readonly y: number;
  readonly first: number;
  readonly last: number;
}

/** scikit-image's `disk` of a radius that need not be whole, about its middle (the lower one of two). */
function disk(radius: number): ElementRow[] {
  const points = Array.from({ length: Math.ceil(2 * radius + 1) }, (_, i) => -radius + i);
  return elementRows([0], points, radius);
}

/** scikit-image's `ball`, which spreads `floor(2 · radius + 1)` points from `-radius` to `radius`. */
function ball(radius: number): ElementRow[] {
  const count = Math.floor(2 * radius + 1);
  const step = (2 * radius) / (count - 1);
  const points = Array.from({ length: count }, (_, i) => i * step - radius);
  return elementRows(points, points, radius);
}

function elementRows(inZ: readonly number[], points: readonly number[], radius: number): ElementRow[] {
  const middle = Math.floor((points.length - 1) / 2);
  const middleZ = Math.floor((inZ.length - 1) / 2);
  return inZ.flatMap((z, iz) =>
    points.flatMap((y, iy) => {
      const within = points.map((x) => x ** 2 + y ** 2 + z ** 2 <= radius * radius);
      if (!within.includes(true)) return [];
      const [first, last] = [within.indexOf(true) - middle, within.lastIndexOf(true) - middle];
      return [{ z: iz - middleZ, y: iy - middle, first, last }];
    }),
  );
}

type Mask = Uint8Array;
type Operate = (mask: Mask, shape: Zyx, element: readonly ElementRow[]) => Mask;

const OPERATE: Readonly<Record<BinaryOperator, Operate>> = {
  dilation: dilate,
  erosion: erode,
  closing: (mask, shape, element) => erode(dilate(mask, shape, element), shape, element),
  opening: (mask, shape, element) => dilate(erode(mask, shape, element), shape, element),
};

/** Nothing outside is eroded from. */
function erode(mask: Mask, shape: Zyx, element: readonly ElementRow[]): Mask {
  return inverted(dilate(inverted(mask), shape, element));
}

function inverted(mask: Mask): Mask {
  return mask.map((value) => 1 - value);
}

/** `result[i] = any(mask[i + offset])` over the element: a correlation, as nnU-Net's, not scipy's mirrored one. */
function dilate(mask: Mask, [depth, height, width]: Zyx, element: readonly ElementRow[]): Mask {
  const result = new Uint8Array(mask.length);
  const next = nextSet(mask, width);
  const isRowEmpty = (row: number) => next[row * (width + 1)] >= width;
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const to = (z * height + y) * width;
      for (const row of element) {
        const [fromZ, fromY] = [z + row.z, y + row.y];
        if (fromZ < 0 || fromY < 0 || fromZ >= depth || fromY >= height) continue;
        const source = fromZ * height + fromY;
        if (isRowEmpty(source)) continue;
        const start = source * (width + 1);
        for (let x = 0; x < width; x++) {
          const from = Math.min(Math.max(x + row.first, 0), width);
          if (next[start + from] <= x + row.last) result[to + x] = 1;
        }
      }
    }
  }
  return result;
}

/** `[rows, width + 1]`: the first set voxel at or after each of a row; far beyond its end where there is none. */
function nextSet(mask: Mask, width: number): Int32Array {
  const rows = mask.length / width;
  const next = new Int32Array(rows * (width + 1));
  for (let row = 0; row < rows; row++) {
    let nearest = 2 ** 30;
    next[row * (width + 1) + width] = nearest;
    for (let x = width - 1; x >= 0; x--) {
      if (mask[row * width + x]) nearest = x;
      next[row * (width + 1) + x] = nearest;
    }
  }
  return next;
}
