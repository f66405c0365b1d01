// Trains one fold: nnU-Net's run_training. What it writes lies where nnU-Net puts it.

import { pythonJson } from '@/core/interop/pythonJson';
import type { SourceFile } from '@/core/io/sourceFile';
import type { TrainingSchedule } from '@/core/planning/trainingCost';
import { cpuBatchFeed, gpuBatchFeed } from '@/core/training/batchFeed';
import { BatchLoader, type BatchRecipe } from '@/core/training/batchLoader';
import type { CheckpointContext } from '@/core/training/checkpoint';
import { type ReadCheckpoint, readCheckpoint, withPretrainedWeights } from '@/core/training/readCheckpoint';
import { type TrainedNetwork, trainedNetwork } from '@/core/training/trainedNetwork';
import type { Trainer } from '@/core/training/trainers';
import {
  type EpochReport,
  type StepReport,
  type TrainingHooks,
  TrainingRun,
} from '@/core/training/trainingRun';
import { freshState, type TrainingState } from '@/core/training/trainingState';
import type { Gpu } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import type { Storage } from '@/kernels/storage';
import { messageOf } from '@/shared/errors';
import type { CheckpointStore } from '@/storage/checkpointStore';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { exceedsMemory, openCaseInFiles, openCaseInMemory } from './trainFoldCases';
import { CHECKPOINTS, CheckpointKeeper } from './trainFoldCheckpoints';
import type { TrainFoldLog } from './trainFoldLog';
import type { FoldSetup } from './trainFoldSetup';

/** Memory for cases; where they are more, patches are read from files. */
const DEFAULT_CACHE_BYTES = 2e9;
/** How often a device that is lost is opened again, and how long it is waited for, ms. */
const MOST_RESTARTS = 20;
const RESTART_WAITS_MS = [0, 1000, 5000, 20_000];

export interface TrainFoldJob {
  readonly setup: FoldSetup;
  readonly trainer: Trainer;
  /** Of weights, patches and turns. A run that is gone on with keeps its own. */
  readonly seed: number;
  /** `<trainer>__<plans>__<configuration>` among the results. */
  readonly results: DatasetFolder;
  /** Of this fold. */
  readonly checkpoints: CheckpointStore;
  /** Go on from the newest checkpoint, if there is one. */
  readonly shouldContinue: boolean;
  /** A checkpoint to take all weights from but the heads'; for a run that begins. */
  readonly pretrainedWeights?: SourceFile;
  /** Whether checkpoints are written. */
  readonly hasCheckpoints: boolean;
  readonly minutesBetweenCheckpoints?: number;
  /** True once where a checkpoint is wanted now: the page is about to sleep. */
  readonly isCheckpointWanted?: () => boolean;
  /** Told of what could not be written, or read: the training goes on without it. */
  readonly onTrouble?: (error: unknown) => void;
  readonly cacheBytes?: number;
  /** Of feature maps; f32 if left out. f16 takes half the memory, scales the loss, and needs a device that has it. */
  readonly storage?: Storage;
  /** The GPU if left out. A run that is gone on with must stay with it to keep its bits. */
  readonly augmentsOn?: 'gpu' | 'cpu';
  readonly openGpu: () => Promise<Gpu>;
  /** Where measured choices of kernels are remembered. */
  readonly tuning?: TuningStore | undefined;
  readonly log: TrainFoldLog;
  readonly signal?: AbortSignal;
  readonly whilePaused?: () => Promise<void>;
  readonly onStart?: (report: StartReport) => void;
  readonly onStep?: (report: StepReport) => void;
  readonly onEpoch?: (report: EpochReport) => void;
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
  storage: Storage = 'f32',
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
export async function trainFold(job: TrainFoldJob): Promise<TrainFoldOutcome> {
  const unseeded = networkOfFold(job.setup, job.trainer, job.storage);
  const start = await startOf(job, unseeded);
  const { trainer, seed } = start;
  const network = { ...unseeded, setup: { ...unseeded.setup, dropoutSeed: seed } };
  let { state } = start;
  const keeper = new CheckpointKeeper(
    { ...job, onTrouble: (error) => tellTrouble(job, error) },
    contextOf(job.setup, trainer, network, seed),
    start.isContinued,
  );
  if (state.epoch >= trainer.schedule.epochs) {
    // It may have ended between its last epoch and its last checkpoint.
    if (!start.isFinal) await keeper.save('final', state);
    return { status: 'done', state };
  }
  const recipe = recipeOf(job, network, start);
  const cacheBytes = job.cacheBytes ?? DEFAULT_CACHE_BYTES;
  const openCase = (await exceedsMemory(job.setup, cacheBytes)) ? openCaseInFiles : openCaseInMemory;
  const loader = new BatchLoader({
    recipe,
    cacheBytes,
    openCase: (caseId) => openCase(job.setup, caseId),
  });
  await writeModelFiles(job, trainer);
  const hooks: TrainingHooks = {
    ...(job.signal && { signal: job.signal }),
    ...(job.whilePaused && { whilePaused: job.whilePaused }),
    ...(job.onStep && { onStep: job.onStep }),
    isCheckpointDue: (place) => keeper.isDue(place),
    save: async (reason, kept) => {
      state = kept;
      await keeper.save(reason, kept);
    },
    onEpoch: async (report, now) => {
      await job.log.addEpoch(report, now.log).catch((error: unknown) => tellTrouble(job, error));
      job.onEpoch?.(report);
    },
  };
  for (let restarts = 0; ; restarts++) {
    const gpu = await job.openGpu();
    try {
      const openFeed = job.augmentsOn === 'cpu' ? cpuBatchFeed(loader, recipe) : gpuBatchFeed(loader, recipe);
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

/** Says so, and writes it into the log; where that cannot be written either, its text waits for the next line. */
async function tellTrouble({ log, onTrouble }: TrainFoldJob, error: unknown): Promise<void> {
  onTrouble?.(error);
  await log.addLine(messageOf(error)).catch(() => undefined);
}

/** In the log, as weights to the bit are of no more use to whoever compares. */
async function tellRoundings({ log }: TrainFoldJob, now: number, before: number | undefined): Promise<void> {
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
}

async function startOf(job: TrainFoldJob, network: TrainedNetwork): Promise<Start> {
  const { setup, trainer, seed, pretrainedWeights } = job;
  const context = contextOf(setup, trainer, network, seed);
  const newest = job.shouldContinue ? await newestCheckpoint(job, context) : undefined;
  if (newest) {
    const { state, own, isFinal } = newest;
    return {
      trainer: own ? { ...trainer, schedule: own.schedule } : trainer,
      seed: own?.seed ?? seed,
      state,
      isContinued: true,
      isFinal,
    };
  }
  const state = freshState(network.graph, seed);
  if (!pretrainedWeights) return { trainer, seed, state, isContinued: false, isFinal: false };
  const weights = await withPretrainedWeights(state.weights, pretrainedWeights, context);
  return { trainer, seed, state: { ...state, weights }, isContinued: false, isFinal: false };
}

/** The final checkpoint, else that of latest and best that is further on. One that cannot be read is passed over if another can. */
async function newestCheckpoint(
  job: TrainFoldJob,
  context: CheckpointContext,
): Promise<(ReadCheckpoint & Pick<Start, 'isFinal'>) | undefined> {
  const found: (ReadCheckpoint & Pick<Start, 'isFinal'>)[] = [];
  const unread: unknown[] = [];
  for (const name of [CHECKPOINTS.final, CHECKPOINTS.latest, CHECKPOINTS.best]) {
    if (name === CHECKPOINTS.latest && found.length > 0) break;
    try {
      const file = await job.checkpoints.read(name);
      if (file) found.push({ ...(await readCheckpoint(file, context)), isFinal: name === CHECKPOINTS.final });
    } catch (error) {
      unread.push(error);
    }
  }
  if (found.length === 0 && unread.length > 0) throw unread[0];
  for (const error of unread) await tellTrouble(job, error);
  const isFurther = ({ state: a }: ReadCheckpoint, { state: b }: ReadCheckpoint) =>
    b.epoch - a.epoch || b.partial.iterations - a.partial.iterations;
  return found.sort(isFurther)[0];
}

function recipeOf(
  { setup }: TrainFoldJob,
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
async function writeModelFiles({ setup, results }: TrainFoldJob, trainer: Trainer): Promise<void> {
  await results.write('plans.json', await setup.plansFile.bytes());
  await results.write('dataset.json', await setup.datasetFile.bytes());
  const fingerprint = await setup.question.preprocessed.open('dataset_fingerprint.json');
  if (fingerprint) await results.write('dataset_fingerprint.json', await fingerprint.bytes());
  await results.write(`fold_${setup.question.fold}/debug.json`, debugJson(setup, trainer));
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
