// Datasets as the page shows them, and the queue of work on them: one task at a time, kept across reloads.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { failureOf, withFailure, workQueue } from '@/app/recordQueue';
import { isAbort, messageOf } from '@/shared/errors';
import type { DatasetRecord, DatasetTask } from '@/storage/datasetRecord';
import type {
  DatasetApi,
  DatasetProgress,
  LabelsChoice,
  LabelsProposal,
  PairsFacts,
  PairsProposal,
  PreprocessOutcome,
  RecognisedDataset,
} from '@/workers/data/api';
import type { GivenFile } from '@/workers/files/api';

/** The task that is worked on now. */
export interface RunningTask {
  readonly name: string;
  readonly task: DatasetTask;
  readonly startedAt: number;
  readonly progress: DatasetProgress | undefined;
}

/** Files on their way in. */
interface RunningImport {
  readonly name: string;
  readonly startedAt: number;
  readonly progress: DatasetProgress | undefined;
}

/** Why a dataset's last task did not get done. */
export interface TaskFailure {
  readonly kind: DatasetTask['kind'];
  readonly name: string;
  readonly message: string;
}

export interface DatasetsState {
  readonly isLoaded: boolean;
  /** Newest first. */
  readonly datasets: readonly DatasetRecord[];
  readonly running: RunningTask | undefined;
  readonly importing: RunningImport | undefined;
  /** By dataset name, until it is tried again. */
  readonly failures: Readonly<Record<string, TaskFailure>>;
  /** What became of the last preprocessing since the page was loaded, by dataset name. */
  readonly outcomes: Readonly<Record<string, PreprocessOutcome>>;
  /** Loose pairs that wait for their form. */
  readonly pairs: { readonly files: readonly GivenFile[]; readonly proposal: PairsProposal } | undefined;
  /** A dataset whose name is taken waits for a decision. */
  readonly nameConflict: { readonly files: readonly GivenFile[]; readonly name: string } | undefined;
  /** Label maps of a dataset that wait for a decision. */
  readonly labels: { readonly files: readonly GivenFile[]; readonly proposal: LabelsProposal } | undefined;
  /** Images that nnU-Net trains on in no way wait for a decision. */
  readonly unlabelled:
    | { readonly files: readonly GivenFile[]; readonly caseIds: readonly string[] }
    | undefined;
  /** The last thing that happened, for screen readers. */
  readonly outcome: string;
}

export interface Datasets {
  readonly store: StoreApi<DatasetsState>;
  /** The worker itself, for what needs no state here. */
  readonly api: DatasetApi;
  /** Reads what is kept; what was under way when the tab closed goes on. */
  load(): Promise<void>;
  /** Reads the records again, after something else changed a dataset. */
  refresh(): Promise<void>;
  recognise(
    files: readonly GivenFile[],
    given: { readonly isExpected: boolean; readonly into?: string | undefined },
  ): Promise<RecognisedDataset>;
  /** Copies a dataset in and checks it. Throws what the worker throws; an `AbortError` when cancelled. */
  importDataset(files: readonly GivenFile[], name: string): Promise<DatasetRecord>;
  /** The same in place of the dataset of that name. */
  replaceDataset(files: readonly GivenFile[], name: string): Promise<DatasetRecord>;
  importPairs(files: readonly GivenFile[], facts: PairsFacts): Promise<DatasetRecord>;
  /** Adds label maps to a dataset and checks it again. */
  addLabels(name: string, files: readonly GivenFile[], choice: LabelsChoice): Promise<DatasetRecord>;
  /** What nnU-Net preprocessed elsewhere. */
  importPreprocessed(files: readonly GivenFile[], name: string): Promise<DatasetRecord>;
  /** The made-up dataset. */
  importSample(): Promise<DatasetRecord>;
  cancelImport(): void;
  /** Gives a dataset another title. */
  rename(name: string, title: string): Promise<void>;
  /** Adds tasks of a dataset to the queue. */
  enqueue(name: string, tasks: readonly DatasetTask[]): Promise<void>;
  /** Stops the running task of a dataset and forgets those that wait. */
  cancel(name: string): Promise<void>;
  remove(name: string, part: 'all' | 'preprocessed'): Promise<void>;
  /** Deletes what closed tabs left; only while nobody imports. */
  sweep(): Promise<void>;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

interface Options {
  readonly api: DatasetApi;
  /** Runs `work` while no other tab of the studio does. */
  readonly exclusively: (work: () => Promise<void>) => Promise<void>;
  /** Runs `work` while no tab sweeps. */
  readonly whileAdding: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

const IMPORT_CALL = 'import';
const TASK_CALL = 'task';

export function createDatasets({ api, exclusively, whileAdding }: Options): Datasets {
  const store = createStore<DatasetsState>(() => ({
    isLoaded: false,
    datasets: [],
    running: undefined,
    importing: undefined,
    failures: {},
    outcomes: {},
    pairs: undefined,
    nameConflict: undefined,
    labels: undefined,
    unlabelled: undefined,
    outcome: '',
  }));
  const find = (name: string) => store.getState().datasets.find((one) => one.name === name);

  function put(record: DatasetRecord): void {
    store.setState(({ datasets }) => ({
      datasets: datasets.map((one) => (one.name === record.name ? record : one)),
    }));
  }

  async function refresh(): Promise<void> {
    store.setState({ isLoaded: true, datasets: await api.list() });
  }

  const { queue, nextTask } = taskQueue({ api, exclusively, store, refresh });

  async function enqueue(name: string, tasks: readonly DatasetTask[]): Promise<void> {
    put(await api.addTasks(name, tasks));
    queue.start();
  }

  return {
    store,
    api,
    refresh,
    enqueue,
    ...datasetImports({ api, whileAdding, store, refresh, enqueue }),

    async load() {
      await refresh();
      if (nextTask()) queue.start();
    },

    async rename(name, title) {
      put(await api.rename(name, title));
    },

    async cancel(name) {
      const isRunning = store.getState().running?.name === name;
      if (isRunning) api.cancel(TASK_CALL);
      else if (find(name)) put(await api.dropTasks(name));
    },

    async remove(name, part) {
      if (store.getState().running?.name === name) {
        api.cancel(TASK_CALL);
        await queue.idle();
      }
      await api.remove(name, part);
      await refresh();
    },

    sweep: () => api.sweep(),

    idle: queue.idle,
  };
}

type DatasetsStore = StoreApi<DatasetsState>;

/** A task of a dataset by its name. */
interface NamedTask {
  readonly name: string;
  readonly task: DatasetTask;
}

interface TaskOptions extends Pick<Options, 'api' | 'exclusively'> {
  readonly store: DatasetsStore;
  readonly refresh: () => Promise<void>;
}

/** Works through the tasks of all datasets; what becomes of each is in the state. */
function taskQueue({ api, exclusively, store, refresh }: TaskOptions) {
  function nextTask(): NamedTask | undefined {
    const waiting = store.getState().datasets.findLast(({ tasks }) => tasks.length > 0);
    return waiting && { name: waiting.name, task: waiting.tasks[0] };
  }

  async function run({ name, task }: NamedTask): Promise<void> {
    const startedAt = Date.now();
    const show = (progress?: DatasetProgress) =>
      store.setState({ running: { name, task, startedAt, progress } });
    show();
    setFailure(name);
    let isDone = false;
    try {
      await perform(name, task, show);
      isDone = true;
      store.setState({ outcome: `${name}: ${DONE[task.kind]}.` });
    } catch (error) {
      store.setState({ outcome: `${name}: ${isAbort(error) ? 'cancelled' : messageOf(error)}` });
      if (!isAbort(error)) setFailure(name, { kind: task.kind, ...failureOf(error) });
    } finally {
      await (isDone ? api.finishTask(name) : api.dropTasks(name)).catch(() => undefined); // it may be gone
      store.setState({ running: undefined });
      await refresh();
    }
  }

  async function perform(
    name: string,
    task: DatasetTask,
    show: (progress: DatasetProgress) => void,
  ): Promise<void> {
    switch (task.kind) {
      case 'check':
        await api.check(name, TASK_CALL, show);
        return;
      case 'fingerprint':
        await api.extractFingerprint(name, TASK_CALL, show);
        return;
      case 'plan':
        await api.plan(name, { planner: task.planner });
        return;
      case 'preprocess': {
        const outcome = await api.preprocess(name, task, TASK_CALL, show);
        store.setState(({ outcomes }) => ({ outcomes: { ...outcomes, [name]: outcome } }));
        return;
      }
      default:
        task satisfies never;
    }
  }

  function setFailure(name: string, failure?: TaskFailure): void {
    store.setState(({ failures }) => ({ failures: withFailure(failures, name, failure) }));
  }

  // Another tab may have worked on them while this one waited.
  const queue = workQueue({ exclusively, prepare: refresh, next: nextTask, run });
  return { queue, nextTask };
}

interface ImportOptions extends Pick<Options, 'api' | 'whileAdding'> {
  readonly store: DatasetsStore;
  readonly refresh: () => Promise<void>;
  readonly enqueue: Datasets['enqueue'];
}

type Imports = Pick<
  Datasets,
  | 'recognise'
  | 'importDataset'
  | 'replaceDataset'
  | 'importPairs'
  | 'addLabels'
  | 'importPreprocessed'
  | 'importSample'
  | 'cancelImport'
>;

/** Takes datasets in; a dataset with images is checked at once. */
function datasetImports({ api, whileAdding, store, refresh, enqueue }: ImportOptions): Imports {
  async function importInto(
    name: string,
    copy: (show: (progress: DatasetProgress) => void) => Promise<DatasetRecord>,
  ): Promise<DatasetRecord> {
    const startedAt = Date.now();
    const show = (progress?: DatasetProgress) => store.setState({ importing: { name, startedAt, progress } });
    show();
    try {
      const record = await whileAdding(() => copy(show));
      await refresh();
      // Without images there is nothing to check.
      if (!record.check && record.kind !== 'preprocessed') await enqueue(record.name, [{ kind: 'check' }]);
      return record;
    } finally {
      store.setState({ importing: undefined });
    }
  }

  return {
    async recognise(files, given) {
      const show = (progress: DatasetProgress) =>
        store.setState({ importing: { name: 'Looking at the files', startedAt: Date.now(), progress } });
      try {
        return await api.recognise(files, given, IMPORT_CALL, show);
      } finally {
        store.setState({ importing: undefined });
      }
    },

    importDataset: (files, name) =>
      importInto(name, (show) => api.importDataset(files, name, IMPORT_CALL, show)),
    replaceDataset: (files, name) =>
      importInto(name, (show) => api.replaceDataset(files, name, IMPORT_CALL, show)),
    importPairs: (files, facts) =>
      importInto(facts.name, (show) => api.importPairs(files, facts, IMPORT_CALL, show)),
    addLabels: (name, files, choice) =>
      importInto(name, (show) => api.addLabels(name, files, choice, IMPORT_CALL, show)),
    importPreprocessed: (files, name) =>
      importInto(name, (show) => api.importPreprocessed(files, name, IMPORT_CALL, show)),
    importSample: () => importInto('Sample', (show) => api.importSample(IMPORT_CALL, show)),
    cancelImport: () => api.cancel(IMPORT_CALL),
  };
}

/** What is true of a dataset once a task is done. */
const DONE: Readonly<Record<DatasetTask['kind'], string>> = {
  check: 'checked',
  fingerprint: 'the fingerprint is taken',
  plan: 'planned',
  preprocess: 'preprocessed',
};
