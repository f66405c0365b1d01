import { integerBelow, type Random, shuffled } from '@/shared/random';
import { applyMirror } from './mirror';
import type { ImagePatch, LabelPatch } from './patch';
import { applyTransposeAxes } from './transposeAxes';

export interface Rot90Rule {
  readonly kind: 'rot90';
  /** Axes of `[z, y, x]` of one size. */
  readonly axes: readonly number[];
}

export interface Rot90 {
  readonly kind: 'rot90';
  /** Quarter turns, 0 to 3, from the first axis towards the second. */
  readonly turns: number;
  readonly axes: readonly [number, number];
}

/** One pair of axes, none to three quarter turns. Follows batchgeneratorsv2's `Rot90Transform`. */
export function drawRot90(random: Random, { axes }: Rot90Rule): Rot90 {
  const [first, second] = shuffled(random, axes).slice(0, 2);
  return {
    kind: 'rot90',
    turns: integerBelow(random, 4),
    axes: first < second ? [first, second] : [second, first],
  };
}

/** As `torch.rot90`: an odd number of turns is a transposition and a flip. */
export function applyRot90(patch: ImagePatch | LabelPatch, { turns, axes: [first, second] }: Rot90): void {
  if (turns === 0) return;
  if (turns === 2) {
    applyMirror(patch, { kind: 'mirror', axes: [first, second] });
    return;
  }
  const order = [0, 1, 2].map((axis) => (axis === first ? second : axis === second ? first : axis));
  applyTransposeAxes(patch, { kind: 'transposeAxes', order });
  applyMirror(patch, { kind: 'mirror', axes: [turns === 1 ? first : second] });
}

/** Row-major 3 × 3: the voxel that comes to a place, both counted from the middle. */
export function rot90Matrix({ turns, axes: [first, second] }: Rot90): number[] {
  const [cos, sin] = [[1, 0, -1, 0][turns], [0, 1, 0, -1][turns]];
  const matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  matrix[3 * first + first] = cos;
  matrix[3 * second + second] = cos;
  matrix[3 * first + second] = sin;
  matrix[3 * second + first] = -sin;
  return matrix;
}
