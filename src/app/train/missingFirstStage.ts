// What a cascade's second stage waits for: the first stage's segmentations of all its cases, which come from validating
// the first stage's folds.

import type { DatasetSplits } from '@/workers/data/api';
import type { TrainingRecord } from './trainingRecord';

/** What is missing before a second stage can be trained. */
export interface PreviousStageGap {
  /** Cases without a segmentation, of `total`. */
  readonly missing: number;
  readonly total: number;
  /** Folds of the first stage that nobody has trained yet. */
  readonly foldsToTrain: readonly string[];
  /** Runs of folds that are trained, but left out cases: they were not preprocessed for the second stage then. */
  readonly runsToValidate: readonly TrainingRecord[];
  /** Folds that wait or run, or were stopped. */
  readonly foldsUnderWay: readonly string[];
}

export interface GapOptions {
  readonly splits: DatasetSplits;
  /** Cases that were segmented for the second stage. */
  readonly segmented: ReadonlySet<string>;
  /** Runs of the first stage on the same dataset and plans, newest first. */
  readonly runs: readonly TrainingRecord[];
}

/** `undefined` where every case of the splits is there. */
export function previousStageGap({ splits, segmented, runs }: GapOptions): PreviousStageGap | undefined {
  const cases = new Set(splits.splits.flatMap(({ train, val }) => [...train, ...val]));
  const missing = [...cases].filter((caseId) => !segmented.has(caseId));
  if (missing.length === 0) return undefined;
  const foldsToTrain: string[] = [];
  const foldsUnderWay: string[] = [];
  const runsToValidate: TrainingRecord[] = [];
  for (const [fold, { val }] of splits.splits.entries()) {
    if (!val.some((caseId) => missing.includes(caseId))) continue;
    const run = runs.find(({ order }) => order.fold === fold);
    if (!run) foldsToTrain.push(`${fold}`);
    else if (run.state.status === 'done') runsToValidate.push(run);
    else foldsUnderWay.push(`${fold}`);
  }
  return { missing: missing.length, total: cases.size, foldsToTrain, runsToValidate, foldsUnderWay };
}
