// How far two segmentations' surfaces lie apart, in mm. nnU-Net has no such metrics: they stand apart from summary.json.
import { boxShape, elementCount, type Spacing, type Zyx } from '@/shared/geometry';
import { percentileOfSorted } from '@/shared/statistics';
import { squaredDistances } from './distanceTransform';
import type { LabelOrRegion } from './metrics';

/** Distances that differ by less are the same: squared distances are kept in f32. */
const RELATIVE_ROUNDING = 1e-6;
const HAUSDORFF_PERCENTILE = 95;

/** Of one label or region. */
export interface SurfaceMetrics {
  /** Normalised surface Dice, 0…1; NaN where neither has the label, 0 where only one has. */
  readonly NSD: number;
  /** 95 % Hausdorff distance, mm; NaN where neither has the label, infinite where only one has. */
  readonly HD95: number;
}

/** Two label maps on one grid, `[z, y, x]`. */
export interface SurfaceQuestion {
  readonly prediction: ArrayLike<number>;
  readonly reference: ArrayLike<number>;
  readonly shape: Zyx;
  /** mm. */
  readonly spacing: Spacing;
  readonly labels: readonly LabelOrRegion[];
  /** Voxels whose reference has this label belong to no structure. */
  readonly ignoreLabel: number | undefined;
  /** How far apart surfaces may lie and still count as the same. */
  readonly toleranceMm: number;
}

/**
 * Surface metrics of each label or region.
 *
 * A structure's surface ∂S are its boundary voxels: those with a neighbour along an axis (6 in 3D, 4 where the image has
 * one slice) that does not belong to it or lies outside the image. Distances are those between voxel centres, in mm by
 * the image's spacing. With d(a, B) the distance of a to the nearest voxel of ∂B,
 *
 * - NSD = (|{a ∈ ∂A : d(a, B) ≤ t}| + |{b ∈ ∂B : d(b, A) ≤ t}|) / (|∂A| + |∂B|) at the tolerance t
 *   (Nikolov et al., "Clinically applicable segmentation of head and neck anatomy", 2021), every boundary voxel
 *   counting the same; DeepMind's `surface-distance` weights them with the areas of surface elements instead;
 * - HD95 = max(P95 of d(a, B) over ∂A, P95 of d(b, A) over ∂B), percentiles with linear interpolation.
 */
export function surfaceMetrics(question: SurfaceQuestion): readonly SurfaceMetrics[] {
  const { labels, spacing, toleranceMm } = question;
  const boxes = boxesOfValues(question);
  return labels.map((values) => {
    const box = values.map((value) => boxes.get(value)).reduce(union, undefined);
    if (!box) return { NSD: Number.NaN, HD95: Number.NaN };
    const { shape, masks } = cropMasks(question, values, box);
    const isFlat = question.shape.map((size) => size === 1);
    const [predicted, there] = [PREDICTED, THERE].map((bit) => surface(masks, bit, shape, isFlat));
    if (predicted.length === 0 || there.length === 0) return { NSD: 0, HD95: Number.POSITIVE_INFINITY };
    const toReference = distancesTo(there, predicted, shape, spacing);
    const toPrediction = distancesTo(predicted, there, shape, spacing);
    const isClose = (mm: number) => mm <= toleranceMm * (1 + RELATIVE_ROUNDING);
    return {
      NSD:
        (countWhile(toReference, isClose) + countWhile(toPrediction, isClose)) /
        (toReference.length + toPrediction.length),
      HD95: Math.max(
        percentileOfSorted(toReference, HAUSDORFF_PERCENTILE),
        percentileOfSorted(toPrediction, HAUSDORFF_PERCENTILE),
      ),
    };
  });
}

/** Half-open along z, y, x. */
type Box = [[number, number], [number, number], [number, number]];

/** Where each value occurs in either map. */
function boxesOfValues({
  prediction,
  reference,
  shape,
  ignoreLabel,
}: SurfaceQuestion): ReadonlyMap<number, Box> {
  const [nz, ny, nx] = shape;
  const boxes = new Map<number, Box>();
  const grow = (value: number, z: number, y: number, x: number) => {
    const box = boxes.get(value);
    if (!box) {
      boxes.set(value, [
        [z, z + 1],
        [y, y + 1],
        [x, x + 1],
      ]);
      return;
    }
    if (z >= box[0][1]) box[0][1] = z + 1;
    if (y < box[1][0]) box[1][0] = y;
    else if (y >= box[1][1]) box[1][1] = y + 1;
    if (x < box[2][0]) box[2][0] = x;
    else if (x >= box[2][1]) box[2][1] = x + 1;
  };
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const [predicted, there] = [prediction[i], reference[i]];
        if ((predicted === 0 && there === 0) || there === ignoreLabel) continue;
        grow(predicted, z, y, x);
        if (there !== predicted) grow(there, z, y, x);
      }
    }
  }
  return boxes;
}

function union(a: Box | undefined, b: Box | undefined): Box | undefined {
  if (!a || !b) return a ?? b;
  const join = (axis: 0 | 1 | 2): [number, number] => [
    Math.min(a[axis][0], b[axis][0]),
    Math.max(a[axis][1], b[axis][1]),
  ];
  return [join(0), join(1), join(2)];
}

const PREDICTED = 1;
const THERE = 2;

/** Bits of the box's voxels that belong to the structure in either map. */
function cropMasks(
  { prediction, reference, shape: [, ny, nx], ignoreLabel }: SurfaceQuestion,
  values: LabelOrRegion,
  box: Box,
): { shape: Zyx; masks: Uint8Array } {
  const shape = boxShape(box);
  const masks = new Uint8Array(elementCount(shape));
  const [[z0, z1], [y0, y1], [x0, x1]] = box;
  let at = 0;
  for (let z = z0; z < z1; z++) {
    for (let y = y0; y < y1; y++) {
      const row = (z * ny + y) * nx;
      for (let i = row + x0; i < row + x1; i++, at++) {
        if (reference[i] === ignoreLabel) continue;
        masks[at] =
          (values.includes(prediction[i]) ? PREDICTED : 0) | (values.includes(reference[i]) ? THERE : 0);
      }
    }
  }
  return { shape, masks };
}

/** Indices of the boundary voxels of one mask; what lies outside the box does not belong to it. */
function surface(masks: Uint8Array, bit: number, [nz, ny, nx]: Zyx, isFlat: readonly boolean[]): Int32Array {
  const found: number[] = [];
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        if ((masks[i] & bit) === 0) continue;
        const isEdge = (axis: number, at: number, size: number, step: number) =>
          !isFlat[axis] && (at === 0 || at === size - 1 || (masks[i - step] & masks[i + step] & bit) === 0);
        if (isEdge(2, x, nx, 1) || isEdge(1, y, ny, nx) || isEdge(0, z, nz, ny * nx)) found.push(i);
      }
    }
  }
  return Int32Array.from(found);
}

/** Distance of each voxel of `from` to the nearest of `to`, mm, ascending. */
function distancesTo(to: Int32Array, from: Int32Array, shape: Zyx, spacing: Spacing): Float64Array {
  const seeds = new Uint8Array(elementCount(shape));
  for (const index of to) seeds[index] = 1;
  const squared = squaredDistances(seeds, shape, spacing);
  return Float64Array.from(from, (index) => Math.sqrt(squared[index])).sort();
}

/** How many of ascending values hold the condition, from the first on. */
function countWhile(sorted: Float64Array, holds: (value: number) => boolean): number {
  const end = sorted.findIndex((value) => !holds(value));
  return end < 0 ? sorted.length : end;
}
