// Trains one fold: nnU-Net's run_training. What it writes lies where nnU-Net puts it.

import { CHECKPOINTS, NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import type { SourceFile } from '@/core/io/sourceFile';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import { cpuBatchFeed, gpuBatchFeed, type OpenBatchFeed } from '@/core/training/batchFeed';
import { BatchLoader, type BatchRecipe } from '@/core/training/batchLoader';
import type { CheckpointContext } from '@/core/training/checkpoint';
import { randomBatchFeed } from '@/core/training/randomBatch';
import {
  type ReadCheckpoint,
  readCheckpoint,
  readCheckpointProgress,
  withPretrainedWeights,
} from '@/core/training/readCheckpoint';
import {
  continuedTrainer,
  type IterationCount,
  isSameSchedule,
  scheduleNotice,
  stateUnder,
} from '@/core/training/scheduleChange';
import { type TrainedNetwork, trainedNetwork } from '@/core/training/trainedNetwork';
import type { Trainer } from '@/core/training/trainers';
import {
  type TrainingEpochReport,
  type TrainingHooks,
  TrainingRun,
  type TrainingStepReport,
} from '@/core/training/trainingRun';
import { freshState, type TrainingState } from '@/core/training/trainingState';
import type { Gpu } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import type { FeatureDtype } from '@/kernels/storage';
import { messageOf, StudioError } from '@/shared/errors';
import type { CheckpointStore } from '@/storage/checkpointStore';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { writeBenchmarkResult } from './foldBenchmark';
import { exceedsMemory, openCaseInFiles, openCaseInMemory } from './foldCases';
import { CheckpointSaver } from './foldCheckpoints';
import type { TrainFoldLog } from './foldLog';
import type { FoldSetup } from './foldSetup';

/** Memory for cases; where they are more, patches are read from files. */
const DEFAULT_CACHE_BYTES = 2e9;
/** How often a device that is lost is opened again, and how long it is waited for, ms. */
const MOST_RESTARTS = 20;
const RESTART_WAITS_MS = [0, 1000, 5000, 20_000];

export interface TrainFoldRequest {
  readonly setup: FoldSetup;
  /** Its schedule holds, also for a run that is continued and was begun with another one. */
  readonly trainer: Trainer;
  /** Nobody asked for these parts of the schedule: a run that is continued keeps its own. */
  readonly unasked?: readonly IterationCount[];
  /** Of weights, patches and turns. A run that is gone on with keeps its own. */
  readonly seed: number;
  /** `<trainer>__<plans>__<configuration>` among the results. */
  readonly results: DatasetFolder;
  /** Of this fold. */
  readonly checkpoints: CheckpointStore;
  /** Go on from the newest checkpoint, if there is one. */
  readonly shouldContinue: boolean;
  /** Whether to say so where there is none. */
  readonly expectsCheckpoint?: boolean;
  /** A checkpoint to take all weights from but the heads'; for a run that begins. */
  readonly pretrainedWeights?: SourceFile;
  /** Whether checkpoints are written. */
  readonly hasCheckpoints: boolean;
  readonly minutesBetweenCheckpoints?: number;
  /** True once where a checkpoint is wanted now: the page is about to sleep. */
  readonly isCheckpointWanted?: () => boolean;
  /** Told of what could not be written, or read: the training goes on without it. */
  readonly onTrouble?: (error: unknown) => void;
  /** Told what a person should know of splits, schedule and checkpoint before the first step; it is in the log, too. */
  readonly onNotice?: (notice: string) => void;
  readonly cacheBytes?: number;
  /** Of feature maps; f32 if left out. f16 takes half the memory, scales the loss, and needs a device that has it. */
  readonly storage?: FeatureDtype;
  /** The GPU if left out. A run that is gone on with must stay with it to keep its bits. */
  readonly augmentsOn?: 'gpu' | 'cpu';
  readonly openGpu: () => Promise<Gpu>;
  /** Where measured choices of kernels are remembered. */
  readonly tuning?: TuningStore | undefined;
  /** Of this machine, where it is known; results of benchmarks are kept by it. */
  readonly hostName?: string;
  readonly log: TrainFoldLog;
  readonly signal?: AbortSignal;
  readonly whilePaused?: () => Promise<void>;
  readonly onStart?: (report: StartReport) => void;
  readonly onStep?: (report: TrainingStepReport) => void;
  readonly onEpoch?: (report: TrainingEpochReport) => void;
}

/** What a run begins with, or goes on with on a new device. */
export interface StartReport {
  /** Epochs done before. */
  readonly epoch: number;
  readonly schedule: TrainingSchedule;
  readonly seed: number;
  readonly batchSize: number;
  /** Samples that go through the network at once. */
  readonly microBatch: number;
  /** Another number than before, as there was no more room: from here on other roundings. */
  readonly hasOtherRoundings: boolean;
  readonly trainingCases: number;
  readonly validationCases: number;
  /** On the device. */
  readonly allocatedBytes: number;
  readonly adapter: string;
  /** Devices lost so far. */
  readonly restarts: number;
}

/** How it ended, and with what weights. */
export interface TrainFoldOutcome {
  readonly status: 'done' | 'stopped';
  readonly state: TrainingState;
}

/** Network, loss and augmentation of a fold. Throws `UnsupportedTrainer`. */
export function networkOfFold(
  { configuration, dataset }: FoldSetup,
  trainer: Trainer,
  storage: FeatureDtype = 'f32',
): TrainedNetwork {
  return trainedNetwork({
    trainer,
    storage,
    configuration,
    labels: dataset.labels,
    imageChannels: dataset.channelNames.length,
  });
}

/**
 * Trains until the last epoch, or until `signal` fires; then a checkpoint to go on from is written. A device that is lost
 * is opened again, and the run goes on from what was kept last. Throws `UnsupportedTrainer`, `GpuOutOfMemory`
 * and what reading the cases throws.
 */
export async function trainFold(job: TrainFoldRequest): Promise<TrainFoldOutcome> {
  assertBenchmarkFold(job);
  const unseeded = networkOfFold(job.setup, job.trainer, job.storage);
  const start = await startOf(job, unseeded);
  const { trainer, seed } = start;
  const network = { ...unseeded, setup: { ...unseeded.setup, dropoutSeed: seed } };
  let { state } = start;
  for (const notice of [...job.setup.notices, ...start.notices]) await tellNotice(job, notice);
  const saver = new CheckpointSaver(
    { ...job, onTrouble: (error) => tellTrouble(job, error) },
    contextOf(job.setup, trainer, network, seed),
    start.isContinued,
  );
  if (state.epoch >= trainer.schedule.epochs) {
    // It may have ended between its last epoch and its last checkpoint.
    if (!start.isFinal || start.hasOtherSchedule) await saver.save('final', state);
    await job.log.addLine(`All ${state.epoch} epochs are done.`).catch(() => undefined);
    return { status: 'done', state };
  }
  const recipe = recipeOf(job, network, start);
  const openFeed = await batchFeedOf(job, trainer, recipe);
  await writeModelFiles(job, trainer);
  const hooks: TrainingHooks = {
    ...(job.signal && { signal: job.signal }),
    ...(job.whilePaused && { whilePaused: job.whilePaused }),
    ...(job.onStep && { onStep: job.onStep }),
    isCheckpointDue: (place) => saver.isDue(place),
    save: async (reason, kept) => {
      state = kept;
      await saver.save(reason, kept);
    },
    onEpoch: async (report, now) => {
      await job.log.addEpoch(report, now.log).catch((error: unknown) => tellTrouble(job, error));
      job.onEpoch?.(report);
    },
  };
  for (let restarts = 0; ; restarts++) {
    const gpu = await job.openGpu();
    try {
      const run = await TrainingRun.open(
        { gpu, trainer, network, openFeed, ...(job.tuning && { tuning: job.tuning }) },
        state,
      );
      try {
        const roundsDifferently = state.microBatch !== undefined && state.microBatch !== run.microBatch;
        if (roundsDifferently) await tellRoundings(job, run.microBatch, state.microBatch);
        job.onStart?.({
          epoch: state.epoch,
          schedule: trainer.schedule,
          seed,
          batchSize: network.batchSize,
          microBatch: run.microBatch,
          hasOtherRoundings: roundsDifferently,
          trainingCases: job.setup.split.train.length,
          validationCases: job.setup.split.val.length,
          allocatedBytes: run.allocatedBytes,
          adapter: gpu.facts.description,
          restarts,
        });
        const status = await run.train(hooks);
        if (status === 'done' && trainer.isBenchmark)
          await writeBenchmarkResult(job.results, job.setup, state.log, gpu.facts.description, job.hostName);
        return { status, state };
      } finally {
        run.close();
      }
    } catch (error) {
      const isLost = error instanceof Error && error.name === 'DeviceLost';
      if (!isLost || restarts >= MOST_RESTARTS) throw error;
      await wait(RESTART_WAITS_MS[Math.min(restarts, RESTART_WAITS_MS.length - 1)]);
    } finally {
      gpu.close();
    }
  }
}

/** Follows nnU-Net's `nnUNetTrainerBenchmark_5epochs`, so that results of one folder can be compared. */
function assertBenchmarkFold({ trainer, setup: { question } }: TrainFoldRequest): void {
  if (!trainer.isBenchmark || question.fold === 0) return;
  throw new StudioError(
    'UnsupportedTrainer',
    `${trainer.name} only measures how fast training is, and on fold 0 alone, not fold ${question.fold}.`,
    'Choose fold 0, or a trainer that trains.',
  );
}

/** Where batches come from: the fold's cases, or for a benchmark that loads none, chance. */
async function batchFeedOf(
  job: TrainFoldRequest,
  trainer: Trainer,
  recipe: BatchRecipe,
): Promise<OpenBatchFeed> {
  const { setup } = job;
  if (trainer.usesRandomBatch) {
    const { labels, channelNames } = setup.dataset;
    const hasPreviousStage = setup.configuration.previousStage !== undefined;
    return randomBatchFeed({ recipe, channels: channelNames.length, labels, hasPreviousStage });
  }
  const cacheBytes = job.cacheBytes ?? DEFAULT_CACHE_BYTES;
  const openCase = (await exceedsMemory(setup, cacheBytes)) ? openCaseInFiles : openCaseInMemory;
  const loader = new BatchLoader({ recipe, cacheBytes, openCase: (caseId) => openCase(setup, caseId) });
  return job.augmentsOn === 'cpu' ? cpuBatchFeed(loader, recipe) : gpuBatchFeed(loader, recipe);
}

/** Says so, and writes it into the log; where that cannot be written either, its text waits for the next line. */
async function tellTrouble({ log, onTrouble }: TrainFoldRequest, error: unknown): Promise<void> {
  onTrouble?.(error);
  await log.addLine(messageOf(error)).catch(() => undefined);
}

/** Says so, and writes it into the log. */
async function tellNotice({ log, onNotice }: TrainFoldRequest, notice: string): Promise<void> {
  onNotice?.(notice);
  await log.addLine(notice).catch(() => undefined);
}

/** In the log, as weights to the bit are of no more use to whoever compares. */
async function tellRoundings(
  { log }: TrainFoldRequest,
  now: number,
  before: number | undefined,
): Promise<void> {
  const line = `The batch goes through in parts of ${now}, for want of room no more of ${before}: from here on roundings differ.`;
  await log.addLine(line).catch(() => undefined);
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What a run starts from. */
interface Start {
  readonly trainer: Trainer;
  readonly seed: number;
  readonly state: TrainingState;
  readonly isContinued: boolean;
  /** Whether the state is that of the final checkpoint. */
  readonly isFinal: boolean;
  /** Whether the checkpoint tells another schedule. */
  readonly hasOtherSchedule: boolean;
  /** What to say of it. */
  readonly notices: readonly string[];
}

async function startOf(job: TrainFoldRequest, network: TrainedNetwork): Promise<Start> {
  const { setup, trainer, seed, pretrainedWeights } = job;
  const context = contextOf(setup, trainer, network, seed);
  const newest = job.shouldContinue ? await newestCheckpoint(job, context) : undefined;
  if (newest) return continuedStart(job, newest);
  const fresh = freshState(network.graph, seed);
  const weights = pretrainedWeights
    ? await withPretrainedWeights(fresh.weights, pretrainedWeights, context)
    : fresh.weights;
  return {
    trainer,
    seed,
    state: { ...fresh, weights },
    isContinued: false,
    isFinal: false,
    hasOtherSchedule: false,
    notices: job.expectsCheckpoint
      ? [
          `Cannot continue: fold ${setup.question.fold} has no checkpoint of ${trainer.name} yet. A new training begins.`,
        ]
      : [],
  };
}

function continuedStart(job: TrainFoldRequest, { state: saved, own, isFinal }: NewestCheckpoint): Start {
  const trainer = continuedTrainer(job.trainer, own?.schedule, job.unasked ?? []);
  const state = stateUnder(saved, own?.schedule, trainer);
  const changed = scheduleNotice(trainer, own?.schedule, state);
  const hasFreshOptimiser = state.epoch > 0 && state.epoch < trainer.schedule.epochs && !state.optimiser;
  return {
    trainer,
    seed: own?.seed ?? job.seed,
    state,
    isContinued: true,
    isFinal,
    hasOtherSchedule: own !== undefined && !isSameSchedule(own.schedule, trainer.schedule),
    notices: [
      ...(changed ? [changed] : []),
      ...(hasFreshOptimiser
        ? [
            `The checkpoint has no state of ${trainer.name}’s optimiser, which begins anew; the weights are those of the checkpoint.`,
          ]
        : []),
    ],
  };
}

type NewestCheckpoint = ReadCheckpoint & Pick<Start, 'isFinal'>;

/**
 * The checkpoint that is furthest on: a final one stays behind where the training is continued for more epochs. One that
 * cannot be read is passed over if another can.
 */
async function newestCheckpoint(
  job: TrainFoldRequest,
  context: CheckpointContext,
): Promise<NewestCheckpoint | undefined> {
  const found: { readonly file: SourceFile; readonly isFinal: boolean; readonly progress: number[] }[] = [];
  const unread: unknown[] = [];
  for (const name of [CHECKPOINTS.final, CHECKPOINTS.latest, CHECKPOINTS.best]) {
    try {
      const file = await job.checkpoints.read(name);
      if (!file) continue;
      const { epoch, iterations } = await readCheckpointProgress(file);
      found.push({ file, isFinal: name === CHECKPOINTS.final, progress: [epoch, iterations] });
    } catch (error) {
      unread.push(error);
    }
  }
  found.sort(({ progress: a }, { progress: b }) => b[0] - a[0] || b[1] - a[1]);
  for (const { file, isFinal } of found) {
    try {
      const checkpoint = await readCheckpoint(file, context);
      for (const error of unread) await tellTrouble(job, error);
      return { ...checkpoint, isFinal };
    } catch (error) {
      unread.push(error);
    }
  }
  if (unread.length > 0) throw unread[0];
  return undefined;
}

function recipeOf(
  { setup }: TrainFoldRequest,
  { batchSize, augmentation }: TrainedNetwork,
  { seed, trainer }: Start,
): BatchRecipe {
  return {
    seed,
    batchSize,
    augmentation,
    oversampling: trainer.oversampling,
    caseIds: { training: setup.split.train, validation: setup.split.val },
  };
}

function contextOf(
  setup: FoldSetup,
  trainer: Trainer,
  network: TrainedNetwork,
  seed: number,
): CheckpointContext {
  return {
    trainer,
    seed,
    architecture: setup.configuration.architecture,
    inputChannels: network.inputChannels,
    outputChannels: setup.dataset.labels.outputChannels,
    mirrorAxes: network.augmentation.training.mirrorAxes,
    hasLossScaling: network.setup.lossScaling !== undefined,
    plansDocument: setup.plansDocument,
    datasetDocument: setup.datasetDocument,
    configurationName: setup.configuration.name,
    fold: setup.question.fold,
  };
}

/** What nnU-Net's `on_train_start` leaves beside the folds. */
async function writeModelFiles({ setup, results }: TrainFoldRequest, trainer: Trainer): Promise<void> {
  await results.write(NNUNET_FILES.plans, await setup.plansFile.bytes());
  await results.write(NNUNET_FILES.dataset, await setup.datasetFile.bytes());
  const fingerprint = await setup.question.preprocessed.open(NNUNET_FILES.fingerprint);
  if (fingerprint) await results.write(NNUNET_FILES.fingerprint, await fingerprint.bytes());
  await results.write(`fold_${setup.question.fold}/${NNUNET_FILES.debug}`, debugJson(setup, trainer));
}

/** The settings of the run; nnU-Net writes all attributes of its trainer, as text. */
function debugJson({ question, configuration, split }: FoldSetup, trainer: Trainer): string {
  const { name, schedule, initialLearningRate, optimiser } = trainer;
  const attributes = {
    trainer: name,
    fold: question.fold,
    configuration_name: configuration.name,
    num_epochs: schedule.epochs,
    num_iterations_per_epoch: schedule.iterationsPerEpoch,
    num_val_iterations_per_epoch: schedule.validationIterationsPerEpoch,
    initial_lr: initialLearningRate,
    optimizer: JSON.stringify(optimiser),
    batch_size: trainer.batchSize ?? configuration.batchSize,
    patch_size: `[${configuration.patchSize.join(', ')}]`,
    training_cases: split.train.length,
    validation_cases: split.val.length,
  };
  const asText = Object.entries(attributes).map(([key, value]) => [key, String(value)]);
  return pythonJson(Object.fromEntries(asText), { shouldSortKeys: true });
}
