import { hostname } from 'node:os';
import { openTrainingOnDisk } from '@/app/train/openTrainingOnDisk';
import { trainAndValidate } from '@/app/train/trainAndValidate';
import type { SourceFile } from '@/core/io/sourceFile';
import {
  TRAINER_NAMES as TRAINERS,
  type Trainer,
  trainerNamed,
  trainerNameWithEpochs,
} from '@/core/training/trainers';
import { messageOf, StudioError } from '@/shared/errors';
import { kindOf, nodeFile } from '@/storage/nodeFiles';
import { nodeTuning } from '@/storage/nodeTuning';
import { type Device, gpuOf } from './devices';
import type { EpochReport, StepReport } from './reports';

/** nnU-Net's trainers, by their names. */
export const TRAINER_NAMES: readonly string[] = TRAINERS;

/** What is trained, where, and for how long. */
export interface TrainFoldOptions {
  /** `nnUNet_preprocessed/DatasetXXX_Name`. */
  readonly preprocessed: string;
  /** `nnUNet_results/DatasetXXX_Name`. The model folder is made below it. */
  readonly results: string;
  /** `2d`, `3d_fullres`, … */
  readonly configuration: string;
  /** A number, or `all` to train and validate on all cases. */
  readonly fold: number | 'all';
  /** Default `nnUNetPlans`. */
  readonly plans?: string;
  /** One of {@link TRAINER_NAMES}, with or without `_Xepochs`. Default `nnUNetTrainer`. */
  readonly trainer?: string;
  /** Default: those of the trainer, 1000 where its name tells no other. They become part of its name, as in nnU-Net. */
  readonly epochs?: number;
  /** Training iterations of an epoch. Default 250. */
  readonly iterationsPerEpoch?: number;
  /** Validation iterations of an epoch. Default 50. */
  readonly validationIterationsPerEpoch?: number;
  /** Of weights, patches and augmentation. Default 0. */
  readonly seed?: number;
  /** Goes on from the newest checkpoint, where there is one. Default `false`: a training in that folder is replaced. */
  readonly resume?: boolean;
  /** A checkpoint whose weights a new training starts from, heads left out. */
  readonly pretrainedWeights?: string;
  /** `f16` halves the memory of feature maps, on GPUs that have it. Default `f32`. */
  readonly precision?: 'f32' | 'f16';
  /** Whether the held-out cases are segmented and evaluated at the end. Default `true`. */
  readonly validation?: boolean;
  /** Default: a GPU of its own. */
  readonly device?: Device;
  /** Aborting it writes a checkpoint and ends the training after the step under way. */
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
  readonly onEpoch?: (report: EpochReport) => void;
  /** Called for each validated case, with its Dice by label or region. */
  readonly onValidatedCase?: (caseId: string, dice: ReadonlyMap<string, number>) => void;
  /** Told what a person should know, and what could not be written without ending the training. */
  readonly onNotice?: (notice: string) => void;
}

/** How a training ended. */
export interface TrainedFold {
  /** `stopped` by its signal: {@link TrainFoldOptions.resume} goes on from there. */
  readonly status: 'done' | 'stopped';
  /** Epochs that are done, before a resume included. */
  readonly epochs: number;
  /** `Trainer__Plans__configuration`, for {@link importModel}. */
  readonly modelFolder: string;
  /** Mean Dice of the held-out cases over labels or regions, 0 to 1; absent where nothing was validated. */
  readonly validationDice?: number;
}

/**
 * Trains one fold and validates it, as `nnstudio train` does, with nnU-Net's files: checkpoints, `training_log_*.txt`,
 * `progress.json`, `debug.json` and `validation/summary.json`. A GPU that is lost is opened again, and the training goes on
 * from its last checkpoint.
 *
 * @throws `NoPlans`, `NotPreprocessed`, `EmptyFold`, `UnknownTrainer`, `UnsupportedTrainer`, `BadOptions`, `NoAdapter`, `GpuOutOfMemory`,
 *   `Diverged`, and errors of checkpoints that cannot be read. An `AbortError` where the validation is aborted.
 */
export async function trainFold(options: TrainFoldOptions): Promise<TrainedFold> {
  const { signal, pretrainedWeights } = options;
  const onNotice = (notice: string) => options.onNotice?.(notice);
  const { modelFolder, ...training } = await openTrainingOnDisk({
    preprocessedFolder: options.preprocessed,
    resultsFolder: options.results,
    plansName: options.plans ?? 'nnUNetPlans',
    configurationName: options.configuration,
    fold: options.fold,
    trainer: trainerOf(options),
    onNoPicture: (reason) => onNotice(`progress.png is left out: ${reason}.`),
  });
  const { status, state, summary } = await trainAndValidate({
    ...training,
    seed: options.seed ?? 0,
    shouldContinue: options.resume ?? false,
    ...(pretrainedWeights !== undefined && { pretrainedWeights: await checkpointAt(pretrainedWeights) }),
    hasCheckpoints: !training.trainer.isBenchmark,
    storage: options.precision ?? 'f32',
    openGpu: gpuOf(options.device),
    tuning: nodeTuning(),
    hostName: hostname(),
    skipsValidation: options.validation === false,
    shouldSaveProbabilities: false,
    ...(signal && { signal }),
    onNotice,
    onTrouble: (error) => onNotice(`${messageOf(error)} The training goes on.`),
    onStep: (report) => options.onStep?.(report),
    onEpoch: (report) => options.onEpoch?.(report),
    onCase: ({ caseId, dice }) => options.onValidatedCase?.(caseId, dice),
  });
  return {
    status,
    epochs: state.epoch,
    modelFolder,
    ...(summary && { validationDice: summary.foregroundMean.Dice }),
  };
}

/** Throws `NoCheckpoint`. */
async function checkpointAt(location: string): Promise<SourceFile> {
  if ((await kindOf(location)) === 'file') return nodeFile(location);
  throw new StudioError(
    'NoCheckpoint',
    `${location} is no file.`,
    'Name a checkpoint of another training, such as fold_0/checkpoint_final.pth.',
  );
}

/** Throws `BadOptions`, and as {@link trainerNamed}. */
function trainerOf(options: TrainFoldOptions): Trainer {
  const { trainer = 'nnUNetTrainer', epochs, iterationsPerEpoch, validationIterationsPerEpoch } = options;
  const counts = { epochs, iterationsPerEpoch, validationIterationsPerEpoch };
  for (const [name, count] of Object.entries(counts)) {
    if (count !== undefined && !(Number.isInteger(count) && count >= 1)) {
      throw new StudioError('BadOptions', `${name} is a whole number from 1, not ${count}.`);
    }
  }
  const named = trainerNamed(epochs === undefined ? trainer : trainerNameWithEpochs(trainer, epochs));
  return {
    ...named,
    schedule: {
      ...named.schedule,
      ...(iterationsPerEpoch !== undefined && { iterationsPerEpoch }),
      ...(validationIterationsPerEpoch !== undefined && { validationIterationsPerEpoch }),
    },
  };
}
