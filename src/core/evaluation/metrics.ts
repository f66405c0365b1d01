// nnU-Net's metrics of a segmentation against its reference.

import { foregroundClasses, type LabelSet } from '@/core/interop/labels';
import { runAtOnce, type Stepwise } from '@/shared/stepwise';

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

/** How far the evaluation of a case is. */
export interface EvaluationStep {
  /** 0…1 */
  readonly share: number;
  /** The label it is at, by its place; none while all are looked at together. */
  readonly label: number | undefined;
}

/** Steps of a part of the evaluation, as those of the whole: from `first` on, `share` of it. */
export function* partOf<Result>(
  first: number,
  share: number,
  steps: Stepwise<EvaluationStep, Result>,
): Stepwise<EvaluationStep, Result> {
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
    yield { share: first + share * next.value.share, label: next.value.label };
  }
}

/** What is evaluated by itself: a label, or the labels of a region. */
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
  return runAtOnce(segmentationMetricsStepwise(prediction, reference, labels, ignoreLabel));
}

/** {@link segmentationMetrics} with pauses. */
export function* segmentationMetricsStepwise(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  labels: readonly LabelOrRegion[],
  ignoreLabel: number | undefined,
): Stepwise<EvaluationStep, readonly SegmentationMetrics[]> {
  if (prediction.length !== reference.length) {
    throw new Error(`${prediction.length} voxels are predicted, the reference has ${reference.length}`);
  }
  const counted = yield* countPairs(prediction, reference);
  const pairs = counted.filter((pair) => pair.reference !== ignoreLabel);
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

/** Voxels counted between two pauses. */
const CHUNK = 1 << 20;

/** How often each label is predicted where each label is. */
function* countPairs(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
): Stepwise<EvaluationStep, Pair[]> {
  if (prediction instanceof Uint8Array && reference instanceof Uint8Array) {
    return yield* countBytes(prediction, reference);
  }
  const voxels = prediction.length;
  let [highestPredicted, highestThere] = [0, 0];
  for (let start = 0; start < voxels; start += CHUNK) {
    const end = Math.min(start + CHUNK, voxels);
    for (let i = start; i < end; i++) {
      if (prediction[i] > highestPredicted) highestPredicted = prediction[i];
      if (reference[i] > highestThere) highestThere = reference[i];
    }
    yield { share: end / voxels / 2, label: undefined };
  }
  const width = highestThere + 1;
  const counts = new Float64Array((highestPredicted + 1) * width);
  for (let start = 0; start < voxels; start += CHUNK) {
    const end = Math.min(start + CHUNK, voxels);
    for (let i = start; i < end; i++) counts[prediction[i] * width + reference[i]]++;
    yield { share: 0.5 + end / voxels / 2, label: undefined };
  }
  return pairsOf(counts, width);
}

/** Of label maps as they mostly are; voxels like the one before, as most are, are only counted on. */
function* countBytes(prediction: Uint8Array, reference: Uint8Array): Stepwise<EvaluationStep, Pair[]> {
  const counts = new Float64Array(1 << 16);
  let pair = 0;
  let first = 0;
  for (let start = 0; start < prediction.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, prediction.length);
    for (let i = start; i < end; i++) {
      const next = (prediction[i] << 8) | reference[i];
      if (next === pair) continue;
      counts[pair] += i - first;
      pair = next;
      first = i;
    }
    yield { share: end / prediction.length, label: undefined };
  }
  counts[pair] += prediction.length - first;
  return pairsOf(counts, 256);
}

function pairsOf(counts: Float64Array, width: number): Pair[] {
  const pairs: Pair[] = [];
  for (const [at, count] of counts.entries()) {
    if (count > 0) pairs.push({ prediction: Math.floor(at / width), reference: at % width, count });
  }
  return pairs;
}
