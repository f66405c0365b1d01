// Trainings as the page shows them, and the queue that works through them: one at a time, kept across reloads.
import { createStore, type StoreApi } from 'zustand/vanilla';
import {
  failureOf,
  highestNumber,
  numberOfId,
  type RecordList,
  recordList,
  workQueue,
} from '@/app/recordQueue';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import { trainerNameWithEpochs } from '@/core/training/trainers';
import type { RecordStore } from '@/storage/recordStore';
import type { TrainApi, TrainingEvent, TrainingRequest, TrainingResultsApi } from '@/workers/train/api';
import { liveChanges, recordChanges } from './trainingEvents';
import {
  type LiveTraining,
  nameOf,
  newLive,
  newRun,
  otherFolds,
  relatedTo,
  type TrainingRecord,
  withoutRunning,
} from './trainingRecord';

export interface TrainingsState {
  readonly isLoaded: boolean;
  /** Newest first. */
  readonly runs: readonly TrainingRecord[];
  readonly live: LiveTraining | undefined;
  /** The last thing that happened, for screen readers. */
  readonly outcome: string;
}

/** A fold to train, before it has an id. */
export type NewTraining = Omit<TrainingRequest, 'runId'>;

export interface Trainings {
  readonly store: StoreApi<TrainingsState>;
  /** Looking at what runs have left. */
  readonly view: TrainingResultsApi;
  /** Reads what is kept. Runs that wait are started, unless one before them was interrupted. */
  load(): Promise<void>;
  /** Reads the records again, after another tab may have changed them. */
  refresh(): Promise<void>;
  /** Adds runs to the queue, in their order; returns the first's id. */
  enqueue(trainings: readonly NewTraining[]): Promise<string>;
  /** Queues a run that was stopped, interrupted or failed; it goes on from its newest checkpoint. */
  resume(id: string): Promise<void>;
  /**
   * Queues a run that is not under way to be trained to another length: more epochs, or no more than it has done. It goes on
   * from its newest checkpoint; a model it already gave stays in the library by itself.
   */
  changeSchedule(id: string, schedule: TrainingSchedule): Promise<void>;
  /** Validates trained runs once more, with probabilities kept. */
  validateWithProbabilities(ids: readonly string[]): Promise<void>;
  pause(isPaused: boolean): void;
  /** Ends the running one with a checkpoint, or takes a waiting one out of the queue. */
  stop(id: string): Promise<void>;
  /** Keeps a checkpoint of what runs now. */
  keepNow(): void;
  /** Frees everything of a run but its model in the library. */
  remove(id: string): Promise<void>;
  /** Deletes what no run owns; only while nothing is trained. */
  sweep(): Promise<void>;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

/** A worker for one run. */
export interface TrainingWorker extends TrainApi {
  close(): void;
}

interface Options {
  readonly records: RecordStore;
  readonly startWorker: () => TrainingWorker;
  readonly view: TrainingResultsApi;
  /** Runs `work` while no other tab of the studio trains. */
  readonly exclusively: (work: () => Promise<void>) => Promise<void>;
  /** Whether any tab is training. */
  readonly isSomebodyTraining: () => Promise<boolean>;
  /** Told when a model came into the library, with those it takes the place of. */
  readonly onModel: (replacedModelIds: readonly string[]) => Promise<void>;
}

export function createTrainings(needs: Options): Trainings {
  const { records, view } = needs;
  const store = createStore<TrainingsState>(() => ({
    isLoaded: false,
    runs: [],
    live: undefined,
    outcome: '',
  }));
  const list = recordList<TrainingRecord>({
    records,
    shown: () => store.getState().runs,
    show: (runs) => store.setState({ runs }),
    compare: newestFirst,
  });
  const { find, change } = list;
  const setLive = (changes: Partial<LiveTraining>) =>
    store.setState(({ live }) => ({ live: live && { ...live, ...changes } }));
  const worker = workerOfTraining({ ...needs, store, list, setLive });
  /** Settles when the newest run has ended and its records are read. */
  let underWay: Promise<void> | undefined;
  const nextWaiting = () => store.getState().runs.findLast(({ state }) => state.status === 'waiting');
  const queue = workQueue({
    exclusively: needs.exclusively,
    // With the lock in hand nobody else trains: what still runs by its record does not.
    prepare: async () => store.setState({ runs: (await list.read()).map(withoutRunning) }),
    next: nextWaiting,
    run: async (next) => {
      // Another tab may have queued runs meanwhile.
      underWay = worker.run(next).then(async () => store.setState({ runs: await list.read() }));
      await underWay;
    },
  });

  async function refresh(): Promise<void> {
    const runs = await list.readBut(() => store.getState().live?.id);
    const isTraining = await needs.isSomebodyTraining();
    store.setState({ isLoaded: true, runs: isTraining ? runs : runs.map(withoutRunning) });
  }

  async function queueAgain(id: string, changes: Partial<TrainingRecord> = {}): Promise<void> {
    await change(id, { ...changes, state: { status: 'waiting' } });
    queue.start();
  }

  return {
    store,
    view,
    refresh,
    idle: queue.idle,
    keepNow: () => worker.current()?.keepNow(),
    resume: (id) => queueAgain(id),

    async load() {
      await refresh();
      const { runs } = store.getState();
      if (nextWaiting() && !runs.some(({ state }) => state.status === 'interrupted')) queue.start();
    },

    async enqueue(trainings) {
      const highest = await highestNumber(records);
      const added = trainings.map((training, i) =>
        newRun(`run-${highest + 1 + i}`, { ...training, runId: crypto.randomUUID() }),
      );
      for (const run of added) await records.set(run.id, run);
      store.setState(({ runs }) => ({ runs: [...added.toReversed(), ...runs] }));
      queue.start();
      return added[0].id;
    },

    async changeSchedule(id, schedule) {
      const found = find(id);
      if (!found || found.state.status === 'running') return;
      const trainerName = trainerNameWithEpochs(found.order.trainerName, schedule.epochs);
      await queueAgain(id, {
        order: { ...found.order, schedule, trainerName },
        isTrained: false,
        validation: undefined,
        modelId: undefined,
      });
    },

    async validateWithProbabilities(ids) {
      for (const id of ids) {
        const found = find(id);
        if (!found?.isTrained || found.state.status === 'running') continue;
        await queueAgain(id, { order: { ...found.order, shouldSaveProbabilities: true } });
      }
    },

    pause(isPaused) {
      worker.current()?.pause(isPaused);
      setLive({ isPaused });
    },

    async stop(id) {
      if (store.getState().live?.id === id) {
        worker.current()?.stop();
        setLive({ isStopping: true, isPaused: false });
      } else if (find(id)?.state.status === 'waiting') {
        await change(id, { state: { status: 'stopped' } });
      }
    },

    async remove(id) {
      const runId = find(id)?.order.runId;
      if (store.getState().live?.id === id) {
        worker.current()?.stop();
        await Promise.allSettled([underWay]);
      }
      await list.remove(id);
      if (runId !== undefined) await view.remove(runId);
    },

    async sweep() {
      if (queue.isWorking() || (await needs.isSomebodyTraining())) return;
      await view.sweep((await list.read()).map(({ order }) => order.runId));
    },
  };
}

interface WorkerOptions extends Pick<Options, 'startWorker' | 'onModel'> {
  readonly store: StoreApi<TrainingsState>;
  readonly list: RecordList<TrainingRecord>;
  readonly setLive: (changes: Partial<LiveTraining>) => void;
}

/** Trains a run in a worker of its own, and takes up what the worker tells. */
function workerOfTraining({ startWorker, onModel, store, list, setLive }: WorkerOptions) {
  const { find, change } = list;
  let worker: TrainingWorker | undefined;

  function say(id: string, what: string): void {
    const found = find(id);
    if (found) store.setState({ outcome: `${nameOf(found.order)} ${what}.` });
  }

  async function take(id: string, event: TrainingEvent): Promise<void> {
    const found = find(id);
    if (!found) return;
    setLive(liveChanges(event));
    if (event.kind === 'trouble') store.setState({ outcome: event.message });
    if (event.kind === 'trained') say(id, 'is trained');
    const changes = recordChanges(found, event);
    if (Object.keys(changes).length > 0) await change(id, changes);
    if (event.kind === 'model') await takeModel(found, event.modelId);
  }

  /** The new model has the weights of the other folds as well: theirs alone are of no more use. */
  async function takeModel(found: TrainingRecord, modelId: string): Promise<void> {
    const folds = [found, ...otherFolds(found.order, store.getState().runs)];
    const replaced = folds.flatMap((one) => (one.modelId && one.modelId !== modelId ? [one.modelId] : []));
    for (const { id } of folds) await change(id, { modelId });
    await onModel([...new Set(replaced)]);
  }

  return {
    current: () => worker,

    async run({ id, order }: TrainingRecord): Promise<void> {
      store.setState({ live: newLive(id) });
      await change(id, { state: { status: 'running' }, notices: [] });
      worker = startWorker();
      const keeping: Promise<void>[] = [];
      try {
        const status = await worker.run(order, relatedTo(order, store.getState().runs), (event) => {
          keeping.push(take(id, event));
        });
        await Promise.all(keeping);
        await change(id, { state: { status } });
        say(id, status === 'done' ? 'is done' : 'is stopped');
      } catch (error) {
        const failure = failureOf(error);
        await change(id, { state: { status: 'failed', ...failure } });
        say(id, `failed: ${failure.message}`);
      } finally {
        worker.close();
        worker = undefined;
        store.setState({ live: undefined });
      }
    },
  };
}

function newestFirst(a: TrainingRecord, b: TrainingRecord): number {
  return numberOfId(b.id) - numberOfId(a.id);
}
