// Which configurations were trained here, and what is missing before they can be compared.

import { type TrainingRecord, trainingKey } from '@/app/train/trainingRecord';
import type { TrainedModel } from '@/core/evaluation/inferenceInstructions';

/** The folds of one training that are validated. */
export interface CandidateRuns extends TrainedModel {
  /** The newest of each fold, by fold. */
  readonly folds: readonly { readonly fold: number; readonly run: TrainingRecord }[];
}

/** nnU-Net's order, which decides between equals. */
const ORDER = ['2d', '3d_fullres', '3d_lowres', '3d_cascade_fullres'];

/**
 * Validated trainings of a dataset, one a folder of results. Where a folder's name stands for trainings of different
 * schedules, the one with the most folds counts, of equals the newest.
 */
export function candidateRuns(
  runs: readonly TrainingRecord[],
  datasetName: string,
): readonly CandidateRuns[] {
  const byTraining = new Map<string, Map<number, TrainingRecord>>();
  for (const run of runs.toSorted((a, b) => a.createdAt - b.createdAt)) {
    const { fold } = run.order;
    if (run.order.datasetName !== datasetName || fold === 'all' || !run.isTrained || !run.validation)
      continue;
    const key = trainingKey(run.order);
    const folds = byTraining.get(key) ?? new Map<number, TrainingRecord>();
    byTraining.delete(key); // the newest training comes last
    byTraining.set(key, folds.set(fold, run));
  }
  const byName = new Map<string, CandidateRuns>();
  for (const folds of byTraining.values()) {
    const candidate = candidateOf(folds);
    const name = `${candidate.trainer}__${candidate.plans}__${candidate.configuration}`;
    const other = byName.get(name);
    if (!other || candidate.folds.length >= other.folds.length) byName.set(name, candidate);
  }
  return [...byName.values()].sort((a, b) => rank(a) - rank(b));
}

function candidateOf(runs: ReadonlyMap<number, TrainingRecord>): CandidateRuns {
  const folds = Array.from(runs, ([fold, run]) => ({ fold, run })).sort((a, b) => a.fold - b.fold);
  const { trainerName, plansName, configurationName } = folds[0].run.order;
  return { trainer: trainerName, plans: plansName, configuration: configurationName, folds };
}

function rank({ configuration }: CandidateRuns): number {
  const place = ORDER.indexOf(configuration);
  return place < 0 ? ORDER.length : place;
}

/** Folds that a candidate lacks. */
export function missingFolds({ folds }: CandidateRuns, wanted: readonly number[]): readonly number[] {
  return wanted.filter((fold) => !folds.some((one) => one.fold === fold));
}
