// nnU-Net's metrics of a segmentation against its reference.

import { foregroundClasses, type LabelSet } from '@/core/interop/labels';

/** Voxels, and what follows from them, of one label or region; names as in summary.json. */
export interface SegmentationMetrics {
  /** NaN where neither has the label. */
  readonly Dice: number;
  readonly FN: number;
  readonly FP: number;
  /** As Dice. */
  readonly IoU: number;
  readonly TN: number;
  readonly TP: number;
  readonly n_pred: number;
  readonly n_ref: number;
}

/** What is judged by itself: a label, or the labels of a region. */
export type LabelOrRegion = readonly number[];

/** The foreground of a dataset, in its order. */
export function evaluatedLabels(labels: LabelSet): readonly LabelOrRegion[] {
  return foregroundClasses(labels);
}

/** `1`, or `(1, 2, 3)` for a region, as summary.json names them. */
export function labelKey(labelOrRegion: LabelOrRegion): string {
  return labelOrRegion.length === 1 ? `${labelOrRegion[0]}` : `(${labelOrRegion.join(', ')})`;
}

/**
 * Metrics of each label or region over all voxels of equally long label maps; voxels whose reference is `ignoreLabel` are
 * left out.
 *
 * Follows nnU-Net's `compute_metrics`.
 */
export function segmentationMetrics(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  labels: readonly LabelOrRegion[],
  ignoreLabel: number | undefined,
): readonly SegmentationMetrics[] {
  if (prediction.length !== reference.length) {
    throw new Error(`${prediction.length} voxels are predicted, the reference has ${reference.length}`);
  }
  const pairs = countPairs(prediction, reference).filter((pair) => pair.reference !== ignoreLabel);
  return labels.map((values) => {
    let [TP, FP, FN, TN] = [0, 0, 0, 0];
    for (const pair of pairs) {
      const isPredicted = values.includes(pair.prediction);
      const isThere = values.includes(pair.reference);
      if (isPredicted && isThere) TP += pair.count;
      else if (isPredicted) FP += pair.count;
      else if (isThere) FN += pair.count;
      else TN += pair.count;
    }
    const any = TP + FP + FN;
    return {
      Dice: any === 0 ? Number.NaN : (2 * TP) / (2 * TP + FP + FN),
      FN,
      FP,
      IoU: any === 0 ? Number.NaN : TP / any,
      TN,
      TP,
      n_pred: FP + TP,
      n_ref: FN + TP,
    };
  });
}

interface Pair {
  readonly prediction: number;
  readonly reference: number;
  readonly count: number;
}

/** How often each label is predicted where each label is. */
function countPairs(prediction: ArrayLike<number>, reference: ArrayLike<number>): Pair[] {
  if (prediction instanceof Uint8Array && reference instanceof Uint8Array) {
    return pairsOf(countBytes(prediction, reference), 256);
  }
  const highest = (map: ArrayLike<number>) => {
    let most = 0;
    for (let i = 0; i < map.length; i++) if (map[i] > most) most = map[i];
    return most;
  };
  const width = highest(reference) + 1;
  const counts = new Float64Array((highest(prediction) + 1) * width);
  for (let i = 0; i < prediction.length; i++) counts[prediction[i] * width + reference[i]]++;
  return pairsOf(counts, width);
}

/** Of label maps as they mostly are; voxels like the one before, as most are, are only counted on. */
function countBytes(prediction: Uint8Array, reference: Uint8Array): Float64Array {
  const counts = new Float64Array(1 << 16);
  let pair = 0;
  let start = 0;
  for (let i = 0; i < prediction.length; i++) {
    const next = (prediction[i] << 8) | reference[i];
    if (next === pair) continue;
    counts[pair] += i - start;
    pair = next;
    start = i;
  }
  counts[pair] += prediction.length - start;
  return counts;
}

function pairsOf(counts: Float64Array, width: number): Pair[] {
  const pairs: Pair[] = [];
  for (const [at, count] of counts.entries()) {
    if (count > 0) pairs.push({ prediction: Math.floor(at / width), reference: at % width, count });
  }
  return pairs;
}
