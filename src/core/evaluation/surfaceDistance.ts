// How far two segmentations' surfaces lie apart, in mm. nnU-Net has no such metrics: they stand apart from summary.json.
import type { Spacing, Zyx } from '@/shared/geometry';
import { percentileOfSorted } from '@/shared/statistics';
import type { Stepwise } from '@/shared/stepwise';
import { boundaryVoxels } from './boundaryVoxels';
import type { EvaluationStep, LabelOrRegion } from './metrics';
import { pointTree } from './pointTree';

/** Distances that differ by less are the same: voxel sizes come from files in single precision. */
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
export interface SurfaceOptions {
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

/** Of the work, looking for surfaces in the two maps. */
const SEARCH_SHARE = 0.3;

/**
 * Surface metrics of each label or region, with pauses: first both maps are searched for the surfaces of all labels, then
 * label by label.
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
export function* surfaceMetricsStepwise(
  question: SurfaceOptions,
): Stepwise<EvaluationStep, readonly SurfaceMetrics[]> {
  const { labels, shape, spacing } = question;
  const inMap = function* (map: ArrayLike<number>, before: number) {
    const boundaries = boundaryVoxels({ ...question, map });
    for (;;) {
      const next = boundaries.next();
      if (next.done) return next.value;
      yield { share: SEARCH_SHARE * (before + next.value / 2), label: undefined };
    }
  };
  const predicted = yield* inMap(question.prediction, 0);
  const there = yield* inMap(question.reference, 0.5);
  const sizes = labels.map((_, l) => predicted[l].length + there[l].length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const found: SurfaceMetrics[] = [];
  let done = 0;
  for (const [l, size] of sizes.entries()) {
    const pause = function* <Result>(steps: Stepwise<number, Result>): Stepwise<EvaluationStep, Result> {
      for (;;) {
        const next = steps.next();
        if (next.done) return next.value;
        const share = SEARCH_SHARE + ((1 - SEARCH_SHARE) * (done + size * next.value)) / total;
        yield { share, label: l };
      }
    };
    found.push(yield* pause(metricsOf(predicted[l], there[l], shape, spacing, question.toleranceMm)));
    done += size;
  }
  return found;
}

/** Of one label by its boundary voxels; yields its share that is done. */
function* metricsOf(
  predicted: Int32Array,
  there: Int32Array,
  shape: Zyx,
  spacing: Spacing,
  toleranceMm: number,
): Stepwise<number, SurfaceMetrics> {
  if (predicted.length === 0 && there.length === 0) return { NSD: Number.NaN, HD95: Number.NaN };
  if (predicted.length === 0 || there.length === 0) return { NSD: 0, HD95: Number.POSITIVE_INFINITY };
  const toReference = yield* distancesTo(there, predicted, shape, spacing, 0);
  const toPrediction = yield* distancesTo(predicted, there, shape, spacing, 0.5);
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
}

/** Points asked for between two pauses. */
const QUERIES = 4096;

/** Distance of each voxel of `from` to the nearest of `to`, mm, ascending; yields `before` and on to a half more. */
function* distancesTo(
  to: Int32Array,
  from: Int32Array,
  shape: Zyx,
  spacing: Spacing,
  before: number,
): Stepwise<number, Float64Array> {
  const planting = pointTree(to, shape, spacing);
  let next = planting.next();
  for (; !next.done; next = planting.next()) yield before;
  const tree = next.value;
  const distances = new Float64Array(from.length);
  for (let start = 0; start < from.length; start += QUERIES) {
    const end = Math.min(start + QUERIES, from.length);
    for (let i = start; i < end; i++) distances[i] = Math.sqrt(tree.squaredDistance(from[i]));
    yield before + end / from.length / 2;
  }
  return distances.sort();
}

/** How many of ascending values hold the condition, from the first on. */
function countWhile(sorted: Float64Array, holds: (value: number) => boolean): number {
  const end = sorted.findIndex((value) => !holds(value));
  return end < 0 ? sorted.length : end;
}
