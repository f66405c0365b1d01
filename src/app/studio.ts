import { browserRecords, DATABASES } from '@/storage/browserRecords';
import { createModelLibrary } from '@/storage/modelLibrary';
import { followChanges } from '@/storage/recordChanges';
import { storedFiles } from '@/storage/storageSpace';
import { runBenchmark } from '@/workers/benchmarkClient';
import { chooseClient } from '@/workers/chooseClient';
import { datasetClient } from '@/workers/datasetClient';
import { evaluateClient } from '@/workers/evaluateClient';
import type { FilesApi, GivenFile } from '@/workers/filesApi';
import { filesClient } from '@/workers/filesClient';
import { planningClient } from '@/workers/planningClient';
import type { PredictApi } from '@/workers/predictApi';
import { predictClient } from '@/workers/predictClient';
import { startTrainWorker, trainViewClient } from '@/workers/trainClient';
import { type Benchmark, createBenchmark } from './benchmarkStore';
import { browserEnvironment } from './browserEnvironment';
import { type CaseQueue, createCaseQueue } from './caseQueue';
import { type Choices, createChoices } from './choiceStore';
import { createDatasets, type Datasets } from './datasetStore';
import { createEvaluations, type Evaluations } from './evaluationStore';
import { gpuLocks } from './gpuLocks';
import { createLibrary, type Library } from './libraryStore';
import { createPlansShelf, type PlansShelf } from './plansShelf';
import { prefetchSample } from './sample';
import { createSelection, type SelectionStore } from './selectionStore';
import { storageParts } from './storageParts';
import { createSystem, type System } from './systemStore';
import { createPlanning, type Planning } from './throughput';
import { watchPageForTraining } from './trainPage';
import { createTrainings, type Trainings } from './trainRuns';

/** Everything the page works with: stores to subscribe to, and the workers behind them. */
export interface Studio {
  readonly files: FilesApi;
  readonly predictor: Pick<PredictApi, 'measureWindow'>;
  readonly queue: CaseQueue;
  readonly library: Library;
  readonly datasets: Datasets;
  readonly plans: PlansShelf;
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
  const plans = createPlansShelf(browserRecords(DATABASES.plans), datasets.api, datasets.refresh);
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
