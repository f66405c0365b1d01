import type { Unpaired } from '@/core/evaluation/pairSegmentations';
import type { CaseRecord } from '@/storage/caseRecord';
import type { CaseEvaluation, EvaluationLabel, EvaluationRecord } from '@/storage/evaluationRecord';
import type { DisplayChannel, DisplayLabels, DisplayVolume, GivenFile, SavedFile } from '@/workers/files/api';

/** Where evaluations keep their files in the origin private file system, a folder each. */
export const EVALUATIONS_FOLDER = 'evaluations';

/** What is evaluated. */
export type PredictionSource =
  | { readonly kind: 'files'; readonly files: readonly GivenFile[] }
  /** Finished segmentations of Segment. */
  | { readonly kind: 'cases'; readonly cases: readonly CaseRecord[] };

/** What it is held against. */
export type ReferenceSource =
  | { readonly kind: 'files'; readonly files: readonly GivenFile[] }
  /** The label maps of a dataset of Data. */
  | { readonly kind: 'dataset'; readonly name: string };

export interface EvaluationSources {
  readonly predictions: PredictionSource;
  readonly references: ReferenceSource;
  /** To look at; a dataset's references and Segment's results bring their own. */
  readonly images: readonly GivenFile[];
}

/** What would be evaluated. */
export interface EvaluationPreview {
  readonly pairs: readonly {
    readonly caseId: string;
    readonly prediction: string;
    readonly reference: string;
    readonly hasImage: boolean;
  }[];
  readonly unpaired: readonly Unpaired[];
  /** By a dataset.json; `undefined` where the values found in the label maps will be evaluated. */
  readonly labels: readonly EvaluationLabel[] | undefined;
  /** The dataset.json, or the dataset's name. */
  readonly labelsFrom: string | undefined;
}

export interface EvaluationProgress {
  /** What is being done, in words. */
  readonly stage: string;
  /** Of the stage, 0…1. */
  readonly share: number;
  /** The case just begun. */
  readonly caseId?: string;
  /** Of the case's labels: which one it is at, from 1, and its name. */
  readonly label?: { readonly number: number; readonly count: number; readonly name: string };
}

/** What a running evaluation tells. */
export type EvaluationEvent =
  | { readonly kind: 'progress'; readonly progress: EvaluationProgress }
  | { readonly kind: 'evaluation'; readonly evaluation: CaseEvaluation };

/** The worker waits until it is heard: verdicts come before the call that tells them is done. */
export type OnEvaluationEvent = (event: EvaluationEvent) => void | Promise<void>;

/** What is laid over the image of a case. */
export type EvaluationOverlay =
  /** By `AGREEMENT`, of one label by its place, or of all. */
  | { readonly kind: 'disagreement'; readonly label: number | undefined }
  | { readonly kind: 'prediction' }
  | { readonly kind: 'reference' };

/** Judging segmentations, off the page's thread. */
export interface EvaluateApi {
  /** Looks at names and dataset.json only. Throws `BadJson`, `BadDatasetJson`, `DatasetMissing`, `NoDataset`. */
  preview(sources: EvaluationSources): Promise<EvaluationPreview>;
  /**
   * Copies what is evaluated into a folder of its own, and finds the labels where no dataset.json names them. Throws
   * `NothingPaired`, `StorageFull`, and an `AbortError` when cancelled; then nothing is left.
   */
  take(
    sources: EvaluationSources,
    filesId: string,
    onEvent: OnEvaluationEvent,
  ): Promise<Pick<EvaluationRecord, 'pairs' | 'unpaired' | 'labels' | 'ignoreLabel' | 'datasetName'>>;
  /** Evaluates the pairs that have no evaluation yet, each of which is told. Throws an `AbortError` when cancelled. */
  evaluate(record: EvaluationRecord, onEvent: OnEvaluationEvent): Promise<void>;
  /** Stops what is under way. */
  cancel(): void;
  /** One channel of the case's image; where there is none, an empty one of the reference's size. */
  showImage(record: EvaluationRecord, caseId: string, channel: DisplayChannel): Promise<DisplayVolume>;
  showOverlay(record: EvaluationRecord, caseId: string, overlay: EvaluationOverlay): Promise<DisplayLabels>;
  /** nnU-Net's `summary.json`, our `surface.json`, or all of it as CSV. */
  save(record: EvaluationRecord, kind: 'summary' | 'surface' | 'csv'): Promise<SavedFile>;
  remove(filesId: string): Promise<void>;
  /** Deletes folders that no record speaks of. */
  sweep(keptFilesIds: readonly string[]): Promise<void>;
}
