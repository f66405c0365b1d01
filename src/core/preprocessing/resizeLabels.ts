// Resizing label maps. Follows batchgenerators' `resize_segmentation`: every label's indicator is resized, and where it
// reaches ½ the label is written, labels in ascending order. So the larger of two tied labels wins, and a voxel where
// no label reaches ½ (three or more meet) becomes 0.

import type { Zyx } from '@/shared/geometry';
import { elementCount } from '@/shared/geometry';
import { fromFloat16Bits, toFloat16Bits } from '@/shared/numeric';
import { planZ, type ResizeMethod, resizeVolume } from './resizeVolume';
import {
  PAD,
  planAxis,
  resampleLinearPlan,
  type ScipyLinearPlan,
  type SplineOrder,
  scipyLinearPlan,
} from './splineAxis';

/**
 * `half`: written where the indicator is ≥ ½. `highest`: the label with the highest indicator in float16, the smallest
 * of equals, as nnU-Net's torch resampling does.
 */
export type LabelRule = 'half' | 'highest';

/** Resizes a label map `[z, y, x]`. An axis that keeps its size is left as it is. */
export function resizeLabels(
  seg: Int16Array,
  shape: Zyx,
  newShape: Zyx,
  order: SplineOrder,
  rule: LabelRule,
): Int16Array {
  if (shape.every((size, axis) => size === newShape[axis])) return seg;
  if (order === 0) return nearestLabels(seg, shape, newShape);
  if (order === 1) return linearLabels(seg, shape, newShape, rule);
  const method: ResizeMethod = { orderInPlane: order, orderZ: order, clip: 'volume' };
  return splineLabels(seg, shape, newShape, method, (share) => share >= 0.5);
}

/** Resizes along z only: nearest slices, or each label's indicator by `orderZ` where it exceeds ½. */
export function resizeLabelSlices(
  seg: Int16Array,
  nIn: number,
  newShape: Zyx,
  method: ResizeMethod,
): Int16Array {
  const plan = planZ(nIn, newShape[0], method);
  if (plan === undefined) return seg;
  if (plan.order === 1) return linearSlices(seg, nIn, newShape);
  if (plan.order === 3) {
    return splineLabels(seg, [nIn, newShape[1], newShape[2]], newShape, method, (share) => share > 0.5);
  }
  const plane = newShape[1] * newShape[2];
  const result = new Int16Array(elementCount(newShape));
  for (let z = 0; z < plan.nOut; z++) {
    const from = (plan.start[z] - PAD) * plane;
    result.set(seg.subarray(from, from + plane), z * plane);
  }
  return result;
}

function nearestLabels(seg: Int16Array, shape: Zyx, newShape: Zyx): Int16Array {
  const [atZ, atY, atX] = [0, 1, 2].map((axis) =>
    planAxis(shape[axis], newShape[axis], 0).start.map((first) => first - PAD),
  );
  const result = new Int16Array(elementCount(newShape));
  for (let z = 0, i = 0; z < newShape[0]; z++) {
    for (let y = 0; y < newShape[1]; y++) {
      const row = (atZ[z] * shape[1] + atY[y]) * shape[2];
      for (let x = 0; x < newShape[2]; x++) result[i++] = seg[row + atX[x]];
    }
  }
  return result;
}

/** Of two slices that differ the one with more than half; 0 where they tie. */
function linearSlices(seg: Int16Array, nIn: number, newShape: Zyx): Int16Array {
  const { lower, upper, lowerWeight, upperWeight } = scipyLinearPlan(nIn, newShape[0]);
  const plane = newShape[1] * newShape[2];
  const result = new Int16Array(elementCount(newShape));
  for (let z = 0; z < newShape[0]; z++) {
    for (let i = 0; i < plane; i++) {
      const [below, above] = [seg[lower[z] * plane + i], seg[upper[z] * plane + i]];
      if (below === above || lowerWeight[z] > 0.5) result[z * plane + i] = below;
      else if (upperWeight[z] > 0.5) result[z * plane + i] = above;
    }
  }
  return result;
}

/** The plan of an axis, by the rule's own library. */
function linearPlan(nIn: number, nOut: number, rule: LabelRule): ScipyLinearPlan {
  if (rule === 'half') return scipyLinearPlan(nIn, nOut);
  const plan = resampleLinearPlan(nIn, nOut);
  return { ...plan, lowerWeight: plan.upperWeight.map((weight) => 1 - weight) };
}

/** Linear interpolation of all indicators at once: only the eight voxels around a point have a share in it. */
function linearLabels(seg: Int16Array, shape: Zyx, newShape: Zyx, rule: LabelRule): Int16Array {
  const planes = linearPlan(shape[0], newShape[0], rule);
  const rows = linearPlan(shape[1], newShape[1], rule);
  const columns = linearPlan(shape[2], newShape[2], rule);
  const result = new Int16Array(elementCount(newShape));
  const labels = new Int16Array(8);
  const weights = new Float64Array(8);
  const decide = rule === 'half' ? labelAboveHalf : highestLabel;
  const nX = shape[2];
  for (let z = 0, i = 0; z < newShape[0]; z++) {
    const [lowerZ, upperZ] = [planes.lowerWeight[z], planes.upperWeight[z]];
    for (let y = 0; y < newShape[1]; y++) {
      const [lowerY, upperY] = [rows.lowerWeight[y], rows.upperWeight[y]];
      const row00 = (planes.lower[z] * shape[1] + rows.lower[y]) * nX;
      const row01 = (planes.lower[z] * shape[1] + rows.upper[y]) * nX;
      const row10 = (planes.upper[z] * shape[1] + rows.lower[y]) * nX;
      const row11 = (planes.upper[z] * shape[1] + rows.upper[y]) * nX;
      const weight00 = lowerZ * lowerY;
      const weight01 = lowerZ * upperY;
      const weight10 = upperZ * lowerY;
      const weight11 = upperZ * upperY;
      for (let x = 0; x < newShape[2]; x++, i++) {
        const a = columns.lower[x];
        const b = columns.upper[x];
        const first = seg[row00 + a];
        if (
          first === seg[row00 + b] &&
          first === seg[row01 + a] &&
          first === seg[row01 + b] &&
          first === seg[row10 + a] &&
          first === seg[row10 + b] &&
          first === seg[row11 + a] &&
          first === seg[row11 + b]
        ) {
          result[i] = first;
          continue;
        }
        const upperX = columns.upperWeight[x];
        const lowerX = columns.lowerWeight[x];
        labels[0] = first;
        labels[1] = seg[row00 + b];
        labels[2] = seg[row01 + a];
        labels[3] = seg[row01 + b];
        labels[4] = seg[row10 + a];
        labels[5] = seg[row10 + b];
        labels[6] = seg[row11 + a];
        labels[7] = seg[row11 + b];
        weights[0] = weight00 * lowerX;
        weights[1] = weight00 * upperX;
        weights[2] = weight01 * lowerX;
        weights[3] = weight01 * upperX;
        weights[4] = weight10 * lowerX;
        weights[5] = weight10 * upperX;
        weights[6] = weight11 * lowerX;
        weights[7] = weight11 * upperX;
        result[i] = decide(labels, weights);
      }
    }
  }
  return result;
}

/** Share of `label` among the corners, summed in their order as scipy does, so that ties fall alike. */
function shareOf(label: number, labels: Int16Array, weights: Float64Array): number {
  let share = 0;
  for (let i = 0; i < 8; i++) if (labels[i] === label) share += weights[i];
  return share;
}

function labelAboveHalf(labels: Int16Array, weights: Float64Array): number {
  let chosen: number | undefined;
  for (let i = 0; i < 8; i++) {
    if (chosen !== undefined && labels[i] <= chosen) continue;
    if (shareOf(labels[i], labels, weights) >= 0.5) chosen = labels[i];
  }
  return chosen ?? 0;
}

function highestLabel(labels: Int16Array, weights: Float64Array): number {
  let chosen = labels[0];
  let highest = -1;
  for (let i = 0; i < 8; i++) {
    const share = fromFloat16Bits(toFloat16Bits(1000 * shareOf(labels[i], labels, weights)));
    if (share > highest || (share === highest && labels[i] < chosen)) {
      chosen = labels[i];
      highest = share;
    }
  }
  return chosen;
}

/** Each label's indicator by splines, one after another. */
function splineLabels(
  seg: Int16Array,
  shape: Zyx,
  newShape: Zyx,
  method: ResizeMethod,
  isWritten: (share: number) => boolean,
): Int16Array {
  const result = new Int16Array(elementCount(newShape));
  const share = new Float64Array(result.length);
  const distinct = Int16Array.from(new Set(seg)).sort();
  for (const label of distinct) {
    const indicator = Float32Array.from(seg, (value) => (value === label ? 1 : 0));
    resizeVolume(indicator, shape, share, newShape, method);
    for (let i = 0; i < result.length; i++) if (isWritten(share[i])) result[i] = label;
  }
  return result;
}
