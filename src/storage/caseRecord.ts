// A case as it is kept between visits. Its voxels lie in `CaseFiles`, under the same id.
import type { PredictSettings } from '@/core/inference/settings';
import type { PostprocessingStep } from '@/core/postprocessing/steps';
import type { Spacing, Zyx } from '@/shared/geometry';

/** What a person wants to know of an image before anything is run. */
export interface StoredImageFacts {
  readonly channels: number;
  readonly shape: Zyx;
  /** mm, array order, as the file has it. */
  readonly spacing: Spacing;
  /** Where x, y and z of the file grow to, such as `RAS`; `undefined` where the file does not say. */
  readonly orientation: string | undefined;
  /** How voxels are stored, such as `int16`. */
  readonly voxelType: string;
  /** Of the files as they were given. */
  readonly sizeInBytes: number;
  /** What the files say about their intensities; volumes of DICOM do. */
  readonly intensities?: IntensityHints;
}

/** What a file or a model says about the intensities of a channel. */
export interface IntensityHints {
  /** The window to look at it with. */
  readonly window?: { readonly low: number; readonly high: number };
  /** `undefined` where nobody says. */
  readonly isCt?: boolean;
}

/** What to run on a case. */
export interface PredictRequest {
  readonly modelId: string;
  readonly modelName: string;
  readonly settings: PredictSettings;
  /** For the second stage of a cascade: the model that is run before it, with the same settings but its own folds. */
  readonly previousStage?: PreviousStageRequest;
  /** Further models: their probabilities and this one's are averaged. */
  readonly others?: readonly EnsembleMember[];
  /** What is done to the label map at last, in order. */
  readonly postprocessing?: readonly PostprocessingStep[];
}

/** A model of an ensemble; it is run with the job's settings but its own folds. */
interface EnsembleMember {
  readonly modelId: string;
  readonly modelName: string;
  readonly folds: readonly string[];
  readonly previousStage?: PreviousStageRequest;
}

export interface PreviousStageRequest {
  readonly modelId: string;
  readonly modelName: string;
  readonly folds: readonly string[];
}

/** Where a case stands. */
export type CaseRun =
  | { readonly status: 'idle' }
  | { readonly status: 'queued' | 'running' | 'done' | 'cancelled'; readonly job: PredictRequest }
  | {
      readonly status: 'failed';
      readonly job: PredictRequest;
      readonly error: { readonly name: string; readonly message: string };
    };

/** How much of the image one label covers. */
export interface LabelVolume {
  readonly value: number;
  readonly name: string;
  readonly voxels: number;
}

/** A finished segmentation, without its voxels. */
export interface StoredCaseResult {
  readonly job: PredictRequest;
  /** Every label the model can write, background left out, ascending. */
  readonly labels: readonly LabelVolume[];
  readonly hasProbabilities: boolean;
  /** Seconds from reading to written file, and by stage. */
  readonly seconds: number;
  readonly secondsByStage: Readonly<Record<string, number>>;
  readonly memory: { readonly plannedBytes: number; readonly peakBytes: number };
  /** What a person should know although the image could be used. */
  readonly warnings: readonly string[];
  /** How often the GPU device was lost and the case begun again: 0 or 1. */
  readonly restarts: number;
  /** Milliseconds since 1970. */
  readonly finishedAt: number;
}

/** A label map that was given with the image, without its voxels. */
export interface GivenSegmentation
  extends Pick<StoredCaseResult, 'labels' | 'hasProbabilities' | 'warnings' | 'finishedAt'> {
  /** The file's name. */
  readonly givenAs: string;
}

export interface CaseRecord {
  readonly id: string;
  /** nnU-Net's case identifier: the file name without channel suffix and ending. */
  readonly caseId: string;
  /** One a channel, in channel order, as named in the case's folder; `.hdr` and `.img` count as two. */
  readonly files: readonly string[];
  readonly image: StoredImageFacts;
  /** The same for the same image under any name; absent in records from before it was kept. */
  readonly contentHash?: string;
  /** Milliseconds since 1970. */
  readonly addedAt: number;
  readonly run: CaseRun;
  /** The newest segmentation; a later run replaces it only once it is finished. */
  readonly result?: StoredCaseResult | GivenSegmentation;
}

/** Names of a case's results in its folder. */
export const SEGMENTATION_FILE = 'segmentation.nii.gz';
export const PROBABILITIES_FILE = 'probabilities.npz';
