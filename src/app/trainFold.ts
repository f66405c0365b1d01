// Trains one fold: nnU-Net's run_training. What it writes lies where nnU-Net puts it.

import { pythonJson } from '@/core/interop/pythonJson';
import type { SourceFile } from '@/core/io/sourceFile';
import { BatchLoader, type BatchRecipe } from '@/core/training/batchLoader';
import { cpuBatches } from '@/core/training/batchSource';
import { type CheckpointContext, readCheckpoint, writeCheckpoint } from '@/core/training/checkpoint';
import { trainedNetwork } from '@/core/training/trainedNetwork';
import type { Trainer } from '@/core/training/trainers';
import { type EpochReport, type SaveReason, type StepReport, TrainingRun } from '@/core/training/trainingRun';
import { freshState, type TrainingState } from '@/core/training/trainingState';
import type { Gpu } from '@/gpu/device';
import type { CheckpointStore } from '@/storage/checkpointStore';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { TrainFoldLog } from './trainFoldLog';
import { type FoldSetup, loadFoldCase } from './trainFoldSetup';

/** nnU-Net writes its latest checkpoint this often, epochs. */
const EPOCHS_BETWEEN_CHECKPOINTS = 50;
/** And so often in any case, so that little is lost when the machine goes. */
const MINUTES_BETWEEN_CHECKPOINTS = 10;
/** Memory for cases that are kept from one batch to the next. */
const DEFAULT_CACHE_BYTES = 2e9;
/** How often a device that is lost is opened again. */
const MOST_RESTARTS = 20;

export const CHECKPOINTS = {
  latest: 'checkpoint_latest.pth',
  best: 'checkpoint_best.pth',
  final: 'checkpoint_final.pth',
} as const;

export interface TrainFoldJob {
  readonly setup: FoldSetup;
  readonly trainer: Trainer;
  /** Of weights, patches and turns. A run that goes on keeps the one it began with. */
  readonly seed: number;
  /** `<trainer>__<plans>__<configuration>` among the results. */
  readonly results: DatasetFolder;
  /** Of this fold. */
  readonly checkpoints: CheckpointStore;
  /** Go on from the newest checkpoint, if there is one. */
  readonly shouldContinue: boolean;
  /** A checkpoint to take the weights from, all but the heads'. */
  readonly pretrainedWeights?: SourceFile;
  /** Whether checkpoints are written. */
  readonly hasCheckpoints: boolean;
  readonly openGpu: () => Promise<Gpu>;
  readonly cacheBytes?: number;
  readonly minutesBetweenCheckpoints?: number;
  readonly signal?: AbortSignal;
  readonly whilePaused?: () => Promise<void>;
  readonly onStart?: (report: StartReport) => void;
  readonly onStep?: (report: StepReport) => void;
  readonly onEpoch?: (report: EpochReport) => void;
}

/** What a run begins with. */
export interface StartReport {
  /** Epochs done before. */
  readonly epoch: number;
  readonly seed: number;
  readonly plannedBytes: number;
  readonly dispatches: number;
}

/** Trains until the last epoch, or until `signal` fires; then a checkpoint to go on from is written. */
export async function trainFold(job: TrainFoldJob): Promise<'done' | 'stopped'> {
  const { setup, trainer } = job;
  const network = trainedNetwork({
    trainer,
    configuration: setup.configuration,
    labels: setup.dataset.labels,
    imageChannels: setup.dataset.channelNames.length,
  });
  const context = (seed: number): CheckpointContext => ({
    trainer,
    architecture: setup.configuration.architecture,
    inputChannels: network.inputChannels,
    outputChannels: setup.dataset.labels.outputChannels,
    seed,
    mirrorAxes: network.augmentation.training.mirrorAxes,
    hasLossScaling: false,
    plansDocument: setup.plansDocument,
    datasetDocument: setup.datasetDocument,
    configurationName: setup.configuration.name,
    fold: setup.question.fold,
  });
  const resumed = job.shouldContinue ? await newestCheckpoint(job, context(job.seed)) : undefined;
  const seed = resumed?.own?.seed ?? job.seed;
  let state = resumed?.state ?? freshState(network.graph, seed);
  const recipe: BatchRecipe = {
    seed,
    batchSize: network.batchSize,
    oversampling: trainer.oversampling,
    caseIds: { training: setup.split.train, validation: setup.split.val },
    augmentation: network.augmentation,
  };
  const loader = new BatchLoader({
    recipe,
    loadCase: (caseId) => loadFoldCase(setup, caseId),
    cacheBytes: job.cacheBytes ?? DEFAULT_CACHE_BYTES,
  });
  const log = await TrainFoldLog.open(job.results, setup);
  await writeModelFiles(job);
  const keeper = new CheckpointKeeper(job, context(seed));
  for (let restarts = 0; ; restarts++) {
    const gpu = await job.openGpu();
    try {
      const run = await TrainingRun.open(
        { gpu, trainer, network, batches: cpuBatches(gpu, loader, recipe) },
        state,
      );
      try {
        job.onStart?.({
          epoch: state.epoch,
          seed,
          plannedBytes: run.planned.bytes.peak,
          dispatches: 0,
        });
        return await run.train({
          ...(job.signal && { signal: job.signal }),
          ...(job.whilePaused && { whilePaused: job.whilePaused }),
          ...(job.onStep && { onStep: job.onStep }),
          isCheckpointDue: (place) => keeper.isDue(place),
          save: async (reason, kept) => {
            state = kept;
            await keeper.save(reason, kept);
          },
          onEpoch: async (report, now) => {
            await log.addEpoch(report, now.log);
            job.onEpoch?.(report);
          },
        });
      } finally {
        run.close();
      }
    } catch (error) {
      const isLost = error instanceof Error && error.name === 'DeviceLost';
      if (!isLost || restarts >= MOST_RESTARTS) throw error;
    } finally {
      gpu.close();
    }
  }
}

/** The final checkpoint, else the one of latest and best that is further on. */
async function newestCheckpoint(job: TrainFoldJob, context: CheckpointContext) {
  const found = [];
  for (const name of [CHECKPOINTS.final, CHECKPOINTS.latest, CHECKPOINTS.best]) {
    const file = await job.checkpoints.read(name);
    if (!file) continue;
    const checkpoint = await readCheckpoint(file, context);
    if (name === CHECKPOINTS.final) return checkpoint;
    found.push(checkpoint);
  }
  const place = ({ state }: { state: TrainingState }) => state.epoch + state.partial.iterations / 1e9;
  return found.sort((a, b) => place(b) - place(a))[0];
}

/** Writes checkpoints under nnU-Net's names when they are due. */
class CheckpointKeeper {
  private readonly job: TrainFoldJob;
  private readonly context: CheckpointContext;
  private lastLatest = performance.now();
  private hasSaved = false;

  constructor(job: TrainFoldJob, context: CheckpointContext) {
    this.job = job;
    this.context = context;
  }

  isDue({ epoch, isEpochEnd }: { readonly epoch: number; readonly isEpochEnd: boolean }): boolean {
    const isLast = epoch === this.job.trainer.schedule.epochs - 1;
    if (isEpochEnd && !isLast && (epoch + 1) % EPOCHS_BETWEEN_CHECKPOINTS === 0) return true;
    const minutes = this.job.minutesBetweenCheckpoints ?? MINUTES_BETWEEN_CHECKPOINTS;
    return performance.now() - this.lastLatest >= minutes * 60_000;
  }

  async save(reason: SaveReason, state: TrainingState): Promise<void> {
    const { checkpoints, hasCheckpoints, shouldContinue } = this.job;
    if (!hasCheckpoints) return;
    const content = writeCheckpoint(state, this.context);
    const name =
      reason === 'best' ? CHECKPOINTS.best : reason === 'final' ? CHECKPOINTS.final : CHECKPOINTS.latest;
    if (!this.hasSaved && !shouldContinue) {
      // Those of an earlier run would be gone on from instead of this one.
      await checkpoints.remove(CHECKPOINTS.final);
      await checkpoints.remove(CHECKPOINTS.latest);
    }
    this.hasSaved = true;
    await checkpoints.write(name, content);
    if (name === CHECKPOINTS.latest) this.lastLatest = performance.now();
    if (name === CHECKPOINTS.final) await checkpoints.remove(CHECKPOINTS.latest);
  }
}

/** What nnU-Net's `on_train_start` leaves beside the folds. */
async function writeModelFiles({ setup, results, trainer }: TrainFoldJob): Promise<void> {
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
