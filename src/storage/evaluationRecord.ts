import type { LabelOrRegion, SegmentationMetrics } from '@/core/evaluation/metrics';
import type { Unpaired } from '@/core/evaluation/pairSegmentations';
import type { SurfaceMetrics } from '@/core/evaluation/surfaceDistance';

/** A label or region that is evaluated. */
export interface EvaluationLabel {
  readonly name: string;
  readonly values: LabelOrRegion;
}

/** Where the image of a case is; `undefined` where nobody gave one. */
export type CaseImage =
  /** Files in the evaluation's own folder. */
  | { readonly kind: 'kept'; readonly files: readonly string[] }
  /** The training case of that name in the evaluation's dataset. */
  | { readonly kind: 'dataset' }
  /** A case of Segment, with its files. */
  | { readonly kind: 'case'; readonly id: string; readonly files: readonly string[] };

/** A pair to evaluate. Predictions lie in the evaluation's own folder; references too, unless they are a dataset's. */
export interface EvaluationPair {
  readonly caseId: string;
  /** Files of the prediction, below `predictions`. */
  readonly prediction: readonly string[];
  /** Files of the reference below `references`; `undefined` where it is the dataset's. */
  readonly reference: readonly string[] | undefined;
  /** As they were given, for summary.json. */
  readonly predictionPath: string;
  readonly referencePath: string;
  readonly image: CaseImage | undefined;
}

/** What became of one pair. */
export type CaseEvaluation =
  | {
      readonly caseId: string;
      /** In the order of the labels. */
      readonly metrics: readonly SegmentationMetrics[];
      readonly surfaces: readonly SurfaceMetrics[];
      /** Of one voxel of the reference, ml. */
      readonly voxelMl: number;
      readonly warning: string | undefined;
    }
  | { readonly caseId: string; readonly error: string };

export type EvaluationStatus =
  | { readonly status: 'running' | 'done' | 'cancelled' | 'interrupted' }
  | { readonly status: 'failed'; readonly name: string; readonly message: string };

/** An evaluation that is kept. Its files lie in `evaluations/<filesId>`. */
export interface EvaluationRecord {
  /** `evaluation-3`: its part of the address. */
  readonly id: string;
  readonly filesId: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** What the predictions are and what they are held against, in words. */
  readonly title: string;
  /** Of Data, whose label maps are the references. */
  readonly datasetName: string | undefined;
  /** Of the surface Dice. */
  readonly toleranceMm: number;
  readonly labels: readonly EvaluationLabel[];
  readonly ignoreLabel: number | undefined;
  readonly pairs: readonly EvaluationPair[];
  readonly unpaired: readonly Unpaired[];
  readonly state: EvaluationStatus;
  /** Of the pairs so far. */
  readonly verdicts: readonly CaseEvaluation[];
}
