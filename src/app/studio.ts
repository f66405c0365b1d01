import { type Choices, createChoices } from '@/app/choose/choiceStore';
import { createDatasets, type Datasets } from '@/app/data/datasetStore';
import { createEvaluations, type Evaluations } from '@/app/evaluate/evaluationStore';
import { createLibrary, type Library } from '@/app/models/modelsStore';
import { createPlansStore, type PlansStore } from '@/app/plan/plansStore';
import { createPlanning, type Planning } from '@/app/plan/throughputStore';
import { type CaseQueue, createCaseQueue } from '@/app/segment/caseQueueStore';
import { prefetchSample } from '@/app/segment/sampleFiles';
import { type Benchmark, createBenchmark } from '@/app/system/benchmarkStore';
import { browserEnvironment } from '@/app/system/browserEnvironment';
import { storageParts } from '@/app/system/storageParts';
import { createSystem, type System } from '@/app/system/systemStore';
import { watchPageForTraining } from '@/app/train/pageLifecycle';
import { createTrainings, type Trainings } from '@/app/train/trainingsStore';
import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { createModelLibrary } from '@/storage/modelLibrary';
import { followChanges } from '@/storage/recordChanges';
import { storedFiles } from '@/storage/storageSpace';
import { chooseClient } from '@/workers/choose/client';
import { datasetClient } from '@/workers/data/client';
import { evaluateClient } from '@/workers/evaluate/client';
import type { FilesApi, GivenFile } from '@/workers/files/api';
import { filesClient } from '@/workers/files/client';
import { planningClient } from '@/workers/plan/client';
import type { PredictApi } from '@/workers/segment/api';
import { predictClient } from '@/workers/segment/client';
import { runBenchmark } from '@/workers/system/client';
import { startTrainWorker, trainViewClient } from '@/workers/train/client';
import { gpuLocks } from './gpuLocks';
import { createSelection, type SelectionStore } from './selectionStore';

/** Everything the page works with: stores to subscribe to, and the workers behind them. */
export interface Studio {
  readonly files: FilesApi;
  readonly predictor: Pick<PredictApi, 'measureWindow'>;
  readonly queue: CaseQueue;
  readonly library: Library;
  readonly datasets: Datasets;
  readonly plans: PlansStore;
  readonly planning: Planning;
  readonly trainings: Trainings;
  readonly evaluations: Evaluations;
  readonly choices: Choices;
  readonly system: System;
  readonly benchmark: Benchmark;
  readonly selection: SelectionStore;
  readonly sample: Promise<readonly GivenFile[] | undefined>;
  /** Runs `work` while no tab clears away what was removed or left behind. */
  withoutSweep<Result>(work: () => Promise<Result>): Promise<Result>;
}

const withoutSweep = <Result>(work: () => Promise<Result>): Promise<Result> =>
  navigator.locks.request('nnstudio-adding', { mode: 'shared' }, work);

/** Starts the workers, which open the GPU, and takes up what was kept. */
export function openStudio(): Studio {
  const files = filesClient();
  const predictor = predictClient();
  const library = createLibrary(
    createModelLibrary(browserRecords(DATABASES.models), browserRecords(DATABASES.weights)),
  );
  const locks = gpuLocks();
  const queue = createCaseQueue({
    records: browserRecords(DATABASES.cases),
    predictor,
    files,
    exclusively: locks.whileSegmenting,
  });
  const datasets = createDatasets({
    api: datasetClient(),
    exclusively: (work) => navigator.locks.request('nnstudio-dataset-tasks', work),
    whileAdding: withoutSweep,
  });
  const plans = createPlansStore(browserRecords(DATABASES.plans), datasets.api, datasets.refresh);
  const trainings = createTrainings({
    records: browserRecords(DATABASES.trainings),
    startWorker: startTrainWorker,
    view: trainViewClient(),
    exclusively: locks.whileTraining,
    isSomebodyTraining: locks.isSomebodyTraining,
    onModel: async (replaced) => {
      for (const id of replaced) {
        await library.remove(id);
        await library.purge(id);
      }
      await library.refresh();
    },
  });
  watchPageForTraining(trainings);
  const evaluations = createEvaluations({
    records: browserRecords(DATABASES.evaluations),
    api: evaluateClient(),
    exclusively: (work) => navigator.locks.request('nnstudio-evaluations', work),
    whileAdding: withoutSweep,
  });
  const choices = createChoices({
    records: browserRecords(DATABASES.choices),
    api: chooseClient(),
    exclusively: (work) => navigator.locks.request('nnstudio-choices', work),
  });
  const system = createSystem(predictor, (usedBytes) =>
    storageParts(usedBytes, {
      files: storedFiles,
      models: browserRecords(DATABASES.models),
      checkpoints: browserRecords(DATABASES.checkpoints),
    }),
  );
  void system.measureStorage();
  void library.refresh();
  const loaded = Promise.all([
    queue.load(),
    datasets.load(),
    trainings.load(),
    evaluations.load(),
    choices.load(),
  ]);
  const refresh = () => {
    void datasets.refresh();
    void trainings.refresh();
  };
  // What another tab changed shows as soon as this one is looked at again.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) refresh();
  });
  addEventListener('focus', refresh);
  followChanges({
    'nnstudio-models': library.refresh,
    'nnstudio-cases': queue.refresh,
    'nnstudio-plans': plans.refresh,
    'nnstudio-datasets': datasets.refresh,
    'nnstudio-trainings': trainings.refresh,
    'nnstudio-evaluations': evaluations.refresh,
    'nnstudio-choices': choices.load,
  });
  void loaded.then(() => sweepLeftovers({ files, queue, library, datasets, trainings, evaluations }));
  return {
    files,
    predictor,
    queue,
    library,
    datasets,
    plans,
    planning: createPlanning(planningClient()),
    trainings,
    evaluations,
    choices,
    system,
    benchmark: createBenchmark({
      measure: runBenchmark,
      environment: browserEnvironment,
      exclusively: locks.whileMeasuring,
    }),
    selection: createSelection(),
    sample: prefetchSample(),
    withoutSweep,
  };
}

/** Clears what closed tabs left behind, unless another tab may be writing just now. */
async function sweepLeftovers({
  files,
  queue,
  library,
  datasets,
  trainings,
  evaluations,
}: Pick<Studio, 'files' | 'queue' | 'library' | 'datasets' | 'trainings' | 'evaluations'>): Promise<void> {
  await navigator.locks.request('nnstudio-adding', { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    await files.sweep(queue.store.getState().cases.map(({ id }) => id));
    await library.sweep();
    await datasets.sweep();
    await trainings.sweep();
    await evaluations.sweep();
  });
}
