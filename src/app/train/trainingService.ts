// A training in the browser from first step to usable model: what the train worker does, over whatever folders and
// stores it is given.

import { evaluatedLabels, labelKey } from '@/core/evaluation/metrics';
import type { EvaluationSummary } from '@/core/evaluation/summary';
import { importModel } from '@/core/interop/importModel';
import { foregroundLabels } from '@/core/interop/labels';
import { trainingCost } from '@/core/planning/trainingCost';
import { type Trainer, trainerNamed } from '@/core/training/trainers';
import type { Gpu } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import { isAbort, messageOf } from '@/shared/errors';
import type { CheckpointStore } from '@/storage/checkpointStore';
import { recordCheckpoints } from '@/storage/checkpointStoreRecords';
import type { DatasetFolder, DatasetFolderStore } from '@/storage/datasetFolder';
import type { ModelLibrary } from '@/storage/modelLibrary';
import type {
  OnTrainingEvent,
  RelatedRuns,
  TrainApi,
  TrainingRequest,
  TrainingStart,
  TrainingValidation,
} from '@/workers/train/api';
import { type DrawProgress, TrainFoldLog } from './foldLog';
import { type FoldSetup, openFold } from './foldSetup';
import { modelFiles, type RunStores } from './runModelFiles';
import { StepClock } from './stepClock';
import { trainAndValidate, type ValidateTrainedFoldRequest } from './trainAndValidate';
import { networkOfFold, type StartReport } from './trainFold';

export interface TrainingServiceOptions extends RunStores {
  readonly datasets: DatasetFolderStore;
  readonly library: ModelLibrary;
  readonly openGpu: () => Promise<Gpu>;
  /** Where measured choices of kernels are remembered. */
  readonly tuning?: TuningStore;
  /** Draws progress.png, where the platform can. */
  readonly drawProgress?: DrawProgress;
}

/** No eye follows progress faster. */
const PROGRESS_INTERVAL_MS = 200;

/** One run at a time. */
export function createTrainingService(needs: TrainingServiceOptions): TrainApi {
  let stopping: AbortController | undefined;
  let isKeepWanted = false;
  let pause: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  function setPaused(isPaused: boolean): void {
    pause?.end();
    pause = undefined;
    if (!isPaused) return;
    isKeepWanted = true;
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    pause = { ended, end };
  }

  /** Trains and validates; resolves to whether the model can be kept. */
  async function trainOrder(
    order: TrainingRequest,
    { previousStage }: RelatedRuns,
    tell: OnTrainingEvent,
    signal: AbortSignal,
  ): Promise<'validated' | 'benchmarked' | 'stopped'> {
    const { trainer, setup, results } = await openOrder(needs, order, previousStage);
    const clock = new StepClock(PROGRESS_INTERVAL_MS);
    let gpu: Gpu | undefined;
    const { status, summary } = await trainAndValidate({
      ...validationOf(order, setup, tell),
      setup,
      trainer,
      seed: order.seed,
      results,
      checkpoints: checkpointsOf(needs, order, tell),
      shouldContinue: true,
      hasCheckpoints: !trainer.isBenchmark,
      onTrouble: (error) => tell({ kind: 'trouble', message: messageOf(error) }),
      onNotice: (message) => tell({ kind: 'notice', message }),
      storage: order.storage,
      augmentsOn: order.augmentsOn,
      isCheckpointWanted: () => {
        const isWanted = isKeepWanted;
        isKeepWanted = false;
        return isWanted;
      },
      openGpu: async () => {
        gpu = await needs.openGpu();
        return gpu;
      },
      tuning: needs.tuning,
      log: new TrainFoldLog(results, setup, needs.drawProgress),
      signal,
      whilePaused: async () => {
        if (!pause) return;
        await pause.ended;
        clock.restart();
      },
      onStart: (report) => {
        clock.restart();
        tell({ kind: 'started', start: startOf(setup, trainer, report, gpu) });
      },
      onStep: (step) => {
        const secondsPerIteration = clock.tick(step.stage);
        if (clock.isReportDue(step)) tell({ kind: 'step', step: { ...step, secondsPerIteration } });
      },
      onEpoch: (epoch) => tell({ kind: 'epoch', epoch }),
      onTrained: () => tell({ kind: 'trained' }),
    });
    if (status === 'stopped') return 'stopped';
    if (!summary) return 'benchmarked';
    tell({ kind: 'validated', validation: validationResult(setup, summary) });
    return 'validated';
  }

  return {
    async run(order, related, onEvent) {
      if (stopping) throw new Error('trainingService: a run is under way');
      stopping = new AbortController();
      const { signal } = stopping;
      try {
        const outcome = await trainOrder(order, related, onEvent, signal);
        if (outcome === 'stopped') return 'stopped';
        if (outcome === 'validated') {
          onEvent({ kind: 'model', modelId: await keepModel(needs, order, related) });
        }
        return 'done';
      } catch (error) {
        if (isAbort(error)) return 'stopped';
        throw error;
      } finally {
        stopping = undefined;
        setPaused(false);
      }
    },

    pause: setPaused,

    keepNow() {
      isKeepWanted = true;
    },

    stop() {
      stopping?.abort();
      setPaused(false);
    },
  };
}

interface OpenRequest {
  readonly trainer: Trainer;
  readonly setup: FoldSetup;
  readonly results: DatasetFolder;
}

async function openOrder(
  { datasets, runs }: TrainingServiceOptions,
  order: TrainingRequest,
  previousStage: readonly TrainingRequest[],
): Promise<OpenRequest> {
  const { datasetName, plansName, configurationName, fold, runId } = order;
  const trainer = { ...trainerNamed(order.trainerName), schedule: order.schedule };
  const previousFolders = previousStage.map((one) => ({ order: one, folder: runs.folder(one.runId) }));
  const setup = await openFold(
    {
      preprocessed: datasets.folder(datasetName, 'preprocessed'),
      plansName,
      configurationName,
      fold,
      previousStage: (stage) =>
        joinedFolder(
          previousFolders.filter((one) => one.order.configurationName === stage).map(({ folder }) => folder),
          `predicted_next_stage/${configurationName}`,
        ),
    },
    trainer,
  );
  return { trainer, setup, results: runs.folder(runId) };
}

/** Reads below a path of several folders, whichever has the file first. */
function joinedFolder(folders: readonly DatasetFolder[], below: string): DatasetFolder {
  const refuse = () => Promise.reject(new Error('a joined folder is only read'));
  const open = async (path: string) => {
    for (const folder of folders) {
      const file = await folder.open(`${below}/${path}`);
      if (file) return file;
    }
    return undefined;
  };
  return {
    open,
    has: async (path) => (await open(path)) !== undefined,
    list: async (path) => {
      const lists = await Promise.all(folders.map((folder) => folder.list(`${below}/${path}`)));
      return [...new Set(lists.flat())].sort();
    },
    write: refuse,
    remove: refuse,
  };
}

/** The run's checkpoints; tells of each that is kept, and of one that is damaged. */
function checkpointsOf(
  { checkpoints }: TrainingServiceOptions,
  order: TrainingRequest,
  tell: OnTrainingEvent,
): CheckpointStore {
  const store = recordCheckpoints({
    ...checkpoints,
    run: order.runId,
    title: `${order.datasetName} ${order.configurationName} fold ${order.fold}`,
    onDamage: (message) => tell({ kind: 'trouble', message }),
  });
  return {
    ...store,
    async write(name, content) {
      await store.write(name, content);
      tell({ kind: 'kept', name, sizeInBytes: content.length });
    },
  };
}

function startOf(
  setup: FoldSetup,
  trainer: Trainer,
  report: StartReport,
  gpu: Gpu | undefined,
): TrainingStart {
  const { configuration, dataset, plans, split } = setup;
  const { inputChannels } = networkOfFold(setup, trainer);
  const channels = { input: inputChannels, output: dataset.labels.outputChannels };
  const trained = { ...configuration, batchSize: report.batchSize };
  const device = gpu && { device: gpu, memoryBytes: Number.NaN, flopsPerSecond: Number.NaN };
  return {
    epoch: report.epoch,
    schedule: report.schedule,
    batchSize: report.batchSize,
    microBatch: report.microBatch,
    hasOtherRoundings: report.hasOtherRoundings,
    patchSize: configuration.patchSize,
    transposeBackward: plans.transposeBackward,
    trainingCases: split.train,
    validationCases: split.val,
    classNames: classNames(setup),
    allocatedBytes: report.allocatedBytes,
    flopsPerIteration: device ? trainingCost(trained, channels, device).flopsPerIteration : Number.NaN,
    adapter: report.adapter,
    isSoftware: gpu?.facts.isSoftware ?? false,
    restarts: report.restarts,
  };
}

/** Of the foreground classes, or regions. */
function classNames({ dataset: { labels } }: FoldSetup): readonly string[] {
  const nameOf = (value: number) => labels.names.get(value) ?? `label ${value}`;
  if (labels.hasRegions) return labels.regionsClassOrder.map(nameOf);
  return foregroundLabels(labels).map(nameOf);
}

/** Imports the run's own results folder, with its other folds, into the library. */
async function keepModel(needs: TrainingServiceOptions, order: TrainingRequest, { otherFolds }: RelatedRuns) {
  const { library } = needs;
  const [imported] = await importModel(await modelFiles(needs, [order, ...otherFolds]));
  const { model, origin } = imported;
  const name = `${model.datasetName} · ${model.configuration.name}`;
  const record = await library.add({ ...imported, name, source: origin, origin: 'trained' });
  return record.id;
}

/** What of validating an order depends on it, and how far it is as an event. */
function validationOf(
  { datasetName, ...order }: TrainingRequest,
  { split }: FoldSetup,
  tell: OnTrainingEvent,
) {
  const total = split.val.length;
  let done = 0;
  return {
    shouldSaveProbabilities: order.shouldSaveProbabilities ?? false,
    nameOf: (where, path) => (where === 'results' ? path : `${datasetName}/${path}`),
    onProgress: (caseId, { share }) =>
      tell({ kind: 'validating', caseId, share: (done + share) / total, done, total }),
    onCase: (report) => {
      done = report.done;
    },
  } satisfies Partial<ValidateTrainedFoldRequest>;
}

function validationResult({ dataset, split }: FoldSetup, summary: EvaluationSummary): TrainingValidation {
  const labels = evaluatedLabels(dataset.labels);
  const names = new Map(split.val.map((caseId) => [`${caseId}${dataset.fileEnding}`, caseId]));
  return {
    meanDice: summary.foregroundMean.Dice,
    cases: summary.cases.map(({ predictionFile, metrics }) => {
      const file = predictionFile.slice(predictionFile.lastIndexOf('/') + 1);
      return {
        caseId: names.get(file) ?? file,
        dice: new Map(labels.map((label, l) => [labelKey(label), metrics[l].Dice])),
      };
    }),
  };
}
