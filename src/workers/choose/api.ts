import type { TrainedModel } from '@/core/evaluation/inferenceInstructions';
import type { ChoiceRecord } from '@/storage/choiceRecord';

/** Where the outcomes lie in the origin private file system, a folder a dataset: `ensembles/` among them. */
export const RESULTS_FOLDER = 'results';

/** A fold of a candidate. */
export interface CandidateFold {
  readonly fold: number;
  /** Names its run's folder. */
  readonly runId: string;
}

export interface ChooseRequest {
  readonly datasetName: string;
  /** In the order that decides between equals; each with all of `folds`. */
  readonly candidates: readonly (TrainedModel & { readonly folds: readonly CandidateFold[] })[];
  readonly folds: readonly number[];
  /** Needs probabilities of every validated case. */
  readonly isEnsemblingAllowed: boolean;
}

/** What a validated fold has left. */
export interface FoldFiles {
  readonly runId: string;
  readonly cases: number;
  readonly withProbabilities: number;
}

export interface ChooseProgress {
  readonly stage: 'cross-validation' | 'ensemble' | 'postprocessing';
  /** Of the candidate that is worked on. */
  readonly name: string;
  /** Of the whole work, 0…1. */
  readonly share: number;
}

/** Choosing among trained configurations, off the page's thread. */
export interface ChooseApi {
  /** Counts what validations have left, to say what ensembles lack. */
  survey(folds: readonly CandidateFold[]): Promise<readonly FoldFiles[]>;
  /**
   * nnU-Net's `find_best_configuration` over the candidates. Throws what that throws, and an `AbortError` once
   * cancelled.
   */
  findBest(order: ChooseRequest, onProgress: (progress: ChooseProgress) => void): Promise<ChoiceRecord>;
  cancel(): void;
}
