import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import type { TrainingEpochReport, TrainingStepReport } from '@/core/training/trainingRun';
import type { FeatureDtype } from '@/kernels/storage';
import type { DisplayLabels, ExportProgress, SavedFile } from '@/workers/files/api';

/** Where runs lie in the origin private file system, a folder each. */
export const RUNS_FOLDER = 'trainings';

/** One fold to train: all that a run follows from. */
export interface TrainingRequest {
  /** Names what is kept of it. */
  readonly runId: string;
  /** `DatasetXXX_Name`. */
  readonly datasetName: string;
  readonly plansName: string;
  readonly configurationName: string;
  readonly fold: number | 'all';
  /** nnU-Net's name, `_Xepochs` included. */
  readonly trainerName: string;
  readonly schedule: TrainingSchedule;
  /** Of weights, patches and augmentation. */
  readonly seed: number;
  /** Of feature maps. */
  readonly storage: FeatureDtype;
  /** A run stays with it to keep its bits. Software adapters leave it to the processor, which is one anyway. */
  readonly augmentsOn: 'gpu' | 'cpu';
  /** Validation keeps probabilities, which ensembles are chosen by: `--npz`. */
  readonly shouldSaveProbabilities?: boolean;
}

/** Other runs that a run has to do with. */
export interface RelatedRuns {
  /** Of the stage before, of all folds, which a cascade's second stage starts from. */
  readonly previousStage: readonly TrainingRequest[];
  /** Further folds of the same training that are trained: with them it makes one model. */
  readonly otherFolds: readonly TrainingRequest[];
}

/** What a run begins with, or goes on with. */
export interface TrainingStart {
  /** Epochs done before. */
  readonly epoch: number;
  readonly schedule: TrainingSchedule;
  readonly batchSize: number;
  /** Samples that go through the network at once; runs of older versions do not say. */
  readonly microBatch?: number;
  /** There was no more room for as many as before: from here on other roundings. */
  readonly hasOtherRoundings?: boolean;
  /** Voxels along the network's axes, and how the plans order them; runs from before it was kept have no order. */
  readonly patchSize: readonly number[];
  readonly transposeBackward?: readonly number[];
  readonly trainingCases: readonly string[];
  readonly validationCases: readonly string[];
  /** What each pseudo Dice is of. */
  readonly classNames: readonly string[];
  /** On the device. */
  readonly allocatedBytes: number;
  /** Floating-point operations of one training step, in convolutions. */
  readonly flopsPerIteration: number;
  readonly adapter: string;
  readonly isSoftware: boolean;
  /** Devices lost so far. */
  readonly restarts: number;
}

/** How far the training is. */
export interface TrainingStep extends TrainingStepReport {
  /** Of training steps, the mean of the last ones; `undefined` before there are two. */
  readonly secondsPerIteration: number | undefined;
}

/** Of one validation case by label or region, as summary.json names them; NaN where neither has it. */
export interface CaseDice {
  readonly caseId: string;
  readonly dice: ReadonlyMap<string, number>;
}

/** What validation came to. */
export interface TrainingValidation {
  /** Of the labels' means. */
  readonly meanDice: number;
  readonly cases: readonly CaseDice[];
}

/** What a run tells while it goes on. */
export type TrainingEvent =
  | { readonly kind: 'started'; readonly start: TrainingStart }
  | { readonly kind: 'step'; readonly step: TrainingStep }
  | { readonly kind: 'epoch'; readonly epoch: TrainingEpochReport }
  /** A checkpoint is kept. */
  | { readonly kind: 'kept'; readonly name: string; readonly sizeInBytes: number }
  /** A checkpoint or a log could not be kept, or read; the training goes on without it. */
  | { readonly kind: 'trouble'; readonly message: string }
  /** What to know of splits, schedule and checkpoint before the first step. */
  | { readonly kind: 'notice'; readonly message: string }
  /** Trained to the last epoch. */
  | { readonly kind: 'trained' }
  | {
      readonly kind: 'validating';
      readonly caseId: string;
      /** Of all cases, 0…1. */
      readonly share: number;
      readonly done: number;
      readonly total: number;
    }
  | { readonly kind: 'validated'; readonly validation: TrainingValidation }
  /** The model is in the library. */
  | { readonly kind: 'model'; readonly modelId: string };

export type OnTrainingEvent = (event: TrainingEvent) => void;

/** The log of a run. */
interface TrainingTexts {
  /** nnU-Net's text logs, those of all sessions. */
  readonly log: string;
  /** `progress.json`: the lists of nnU-Net's logger. */
  readonly progress: string;
}

/** Training in a worker of its own. Everything a run writes lies below its id. */
export interface TrainApi {
  /**
   * Trains, validates, and puts the model into the library; goes on from the newest checkpoint where there is one, to the
   * bit as if nothing had happened. Resolves to `stopped` after {@link TrainApi.stop}. Throws what reading the dataset
   * throws, `UnsupportedTrainer`, `GpuOutOfMemory`, `NoAdapter`.
   */
  run(order: TrainingRequest, related: RelatedRuns, onEvent: OnTrainingEvent): Promise<'done' | 'stopped'>;
  /** Holds the run before its next step, once a checkpoint is kept; or lets it go on. */
  pause(isPaused: boolean): void;
  /** Keeps a checkpoint after the step under way: the page may be put to sleep. */
  keepNow(): void;
  /** Ends the run after its step, with a checkpoint. */
  stop(): void;
}

/** A segmentation of the validation, or the newest made while the run was trained. */
export type PredictionMoment = 'validation' | 'live';

/** How a run is taken to a cluster. */
export interface ClusterChoice {
  /** Of one machine there. */
  readonly gpus: number;
  /** With nnUNet_raw, which training does not read. */
  readonly hasRaw: boolean;
}

/** What is told of it before it is written. */
export interface ClusterPreview {
  readonly sizeInBytes: number;
  /** Of the raw dataset, taken along or not. */
  readonly rawBytes: number;
  readonly fileCount: number;
  /** From the folder that it is unpacked into. */
  readonly commands: readonly string[];
  /** What to know before, a sentence or two each. */
  readonly notes: readonly string[];
}

/** Looking at what runs have left, while another worker trains. */
export interface TrainingResultsApi {
  readTexts(order: TrainingRequest): Promise<TrainingTexts>;
  showPrediction(order: TrainingRequest, caseId: string, moment: PredictionMoment): Promise<DisplayLabels>;
  /**
   * Segments a case with the best weights so far, on a device of its own, for `showPrediction` to show. Throws
   * `NoCheckpoint` before there are any, `UnsupportedModel` for the second stage of a cascade.
   */
  predictLive(order: TrainingRequest, caseId: string): Promise<void>;
  /** Cases that validating these runs has segmented for a cascade's next stage. */
  listForNextStage(orders: readonly TrainingRequest[], nextStage: string): Promise<readonly string[]>;
  /** The results folder as nnU-Net lays it out, with checkpoints, as a zip. */
  saveResults(order: TrainingRequest): Promise<SavedFile>;
  /**
   * What {@link TrainingResultsApi.saveForCluster} would write. Throws `NoPlans`, `NotPreprocessed`, `CheckpointDamaged`.
   */
  previewForCluster(
    order: TrainingRequest,
    related: RelatedRuns,
    choice: ClusterChoice,
  ): Promise<ClusterPreview>;
  /**
   * The run with its data, laid out for nnU-Net, as a zip: into the file that a person chose, else as a file to save.
   * Rejects with an `AbortError` after {@link TrainingResultsApi.cancelSaving}. Throws `StorageFull` and as the preview does.
   */
  saveForCluster(
    order: TrainingRequest,
    related: RelatedRuns,
    choice: ClusterChoice,
    target: FileSystemFileHandle | undefined,
    callId: string,
    onProgress: (progress: ExportProgress) => void,
  ): Promise<SavedFile | undefined>;
  cancelSaving(callId: string): void;
  /** Bytes that a run takes. */
  measure(runId: string): Promise<number>;
  remove(runId: string): Promise<void>;
  /** Deletes what no run in `keptRunIds` owns. */
  sweep(keptRunIds: readonly string[]): Promise<void>;
}
