// Trainings as the page shows them, and the queue that works through them: one at a time, kept across reloads.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import { trainerNameWithEpochs } from '@/core/training/trainers';
import type { EpochReport } from '@/core/training/trainingRun';
import { messageOf } from '@/shared/errors';
import type { RecordStore } from '@/storage/recordStore';
import type {
  RelatedRuns,
  TrainApi,
  TrainingEvent,
  TrainingOrder,
  TrainingStart,
  TrainingStep,
  TrainingValidation,
  TrainViewApi,
} from '@/workers/train/api';

/** Where a run stands. One that was under way when its tab went is `interrupted`. */
export type TrainingStatus =
  | { readonly status: 'waiting' | 'running' | 'stopped' | 'interrupted' | 'done' }
  | { readonly status: 'failed'; readonly name: string; readonly message: string };

/** A run as it is kept. */
export interface TrainingRun {
  /** `run-3`: its part of the address. What it writes lies under its order's `runId`, which no other run ever has. */
  readonly id: string;
  readonly order: TrainingOrder;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly state: TrainingStatus;
  /** By epoch. */
  readonly epochs: readonly EpochReport[];
  /** Of its newest sitting. */
  readonly start: TrainingStart | undefined;
  /** What to know of its newest sitting: of splits, schedule and checkpoint. */
  readonly notices?: readonly string[];
  /** All epochs are done. */
  readonly isTrained: boolean;
  readonly validation: TrainingValidation | undefined;
  /** In the library. */
  readonly modelId: string | undefined;
}

/** The run that is worked on in this tab. */
export interface LiveTraining {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly step: TrainingStep | undefined;
  readonly validating: Extract<TrainingEvent, { kind: 'validating' }> | undefined;
  readonly isPaused: boolean;
  readonly isStopping: boolean;
  /** Devices lost since it was started. */
  readonly restarts: number;
  /** The newest checkpoint, milliseconds since 1970. */
  readonly keptAt: number | undefined;
  /** What could not be kept or read, until a checkpoint is kept again. */
  readonly trouble: string | undefined;
}

export interface TrainingsState {
  readonly isLoaded: boolean;
  /** Newest first. */
  readonly runs: readonly TrainingRun[];
  readonly live: LiveTraining | undefined;
  /** The last thing that happened, for screen readers. */
  readonly outcome: string;
}

/** A fold to train, before it has an id. */
export type NewTraining = Omit<TrainingOrder, 'runId'>;

export interface Trainings {
  readonly store: StoreApi<TrainingsState>;
  /** Looking at what runs have left. */
  readonly view: TrainViewApi;
  /** Reads what is kept. Runs that wait are started, unless one before them was interrupted. */
  load(): Promise<void>;
  /** Reads the records again, after another tab may have changed them. */
  refresh(): Promise<void>;
  /** Adds runs to the queue, in their order; returns the first's id. */
  enqueue(trainings: readonly NewTraining[]): Promise<string>;
  /** Queues a run that was stopped, interrupted or failed; it goes on from its newest checkpoint. */
  goOn(id: string): Promise<void>;
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

interface Needs {
  readonly records: RecordStore;
  readonly startWorker: () => TrainingWorker;
  readonly view: TrainViewApi;
  /** Runs `work` while no other tab of the studio trains. */
  readonly exclusively: (work: () => Promise<void>) => Promise<void>;
  /** Whether any tab is training. */
  readonly isSomebodyTraining: () => Promise<boolean>;
  /** Told when a model came into the library, with those it takes the place of. */
  readonly onModel: (replacedModelIds: readonly string[]) => Promise<void>;
}

export function createTrainings(needs: Needs): Trainings {
  const { records, view } = needs;
  const store = createStore<TrainingsState>(() => ({
    isLoaded: false,
    runs: [],
    live: undefined,
    outcome: '',
  }));
  let pumping: Promise<void> | undefined;
  let worker: TrainingWorker | undefined;
  /** Settles when the newest run has ended and its records are read. */
  let underWay: Promise<void> | undefined;

  const find = (id: string) => store.getState().runs.find((one) => one.id === id);

  async function readRuns(): Promise<readonly TrainingRun[]> {
    const found = await Promise.all((await records.keys()).map((key) => records.get<TrainingRun>(key)));
    return found.filter((run) => run !== undefined).sort((a, b) => numberOf(b.id) - numberOf(a.id));
  }

  async function save(run: TrainingRun): Promise<void> {
    store.setState(({ runs }) => ({ runs: runs.map((one) => (one.id === run.id ? run : one)) }));
    await records.set(run.id, run);
  }

  async function change(id: string, changes: Partial<TrainingRun>): Promise<void> {
    const run = find(id);
    if (run) await save({ ...run, ...changes });
  }

  function setLive(changes: Partial<LiveTraining>): void {
    store.setState(({ live }) => ({ live: live && { ...live, ...changes } }));
  }

  async function refresh(): Promise<void> {
    const kept = await readRuns();
    const isTraining = await needs.isSomebodyTraining();
    const { live } = store.getState();
    const runs = kept.map((run) => (run.id === live?.id ? (find(run.id) ?? run) : run));
    store.setState({ isLoaded: true, runs: isTraining ? runs : runs.map(withoutRunning) });
  }

  function nextWaiting(): TrainingRun | undefined {
    return store.getState().runs.findLast(({ state }) => state.status === 'waiting');
  }

  function pump(): void {
    pumping ??= needs
      .exclusively(async () => {
        await takeUpInterrupted();
        for (let next = nextWaiting(); next; next = nextWaiting()) {
          underWay = run(next).then(takeUpNew);
          await underWay;
        }
      })
      .finally(() => {
        pumping = undefined;
        if (nextWaiting()) pump();
      });
  }

  /** With the lock in hand nobody else trains: what still runs by its record does not. */
  async function takeUpInterrupted(): Promise<void> {
    store.setState({ runs: (await readRuns()).map(withoutRunning) });
  }

  /** Runs that another tab queued meanwhile. */
  async function takeUpNew(): Promise<void> {
    store.setState({ runs: await readRuns() });
  }

  async function run({ id, order }: TrainingRun): Promise<void> {
    store.setState({ live: newLive(id) });
    await change(id, { state: { status: 'running' }, notices: [] });
    worker = needs.startWorker();
    const keeping: Promise<void>[] = [];
    try {
      const status = await worker.run(order, relatedTo(order, store.getState().runs), (event) => {
        keeping.push(take(id, event));
      });
      await Promise.all(keeping);
      await change(id, { state: { status } });
      say(id, status === 'done' ? 'is done' : 'is stopped');
    } catch (error) {
      const name = error instanceof Error ? error.name : 'Error';
      await change(id, { state: { status: 'failed', name, message: messageOf(error) } });
      say(id, `failed: ${messageOf(error)}`);
    } finally {
      worker.close();
      worker = undefined;
      store.setState({ live: undefined });
    }
  }

  function say(id: string, what: string): void {
    const found = find(id);
    if (found) store.setState({ outcome: `${nameOf(found.order)} ${what}.` });
  }

  async function take(id: string, event: TrainingEvent): Promise<void> {
    const found = find(id);
    if (!found) return;
    switch (event.kind) {
      case 'started':
        setLive({ restarts: event.start.restarts, step: undefined });
        // Epochs behind the checkpoint are trained again.
        await save({ ...found, start: event.start, epochs: found.epochs.slice(0, event.start.epoch) });
        return;
      case 'step':
        setLive({ step: event.step });
        return;
      case 'epoch':
        await save({ ...found, epochs: [...found.epochs.slice(0, event.epoch.epoch), event.epoch] });
        return;
      case 'kept':
        setLive({ keptAt: Date.now(), trouble: undefined });
        return;
      case 'trouble':
        setLive({ trouble: event.message });
        store.setState({ outcome: event.message });
        return;
      case 'notice':
        await save({ ...found, notices: [...(found.notices ?? []), event.message] });
        return;
      case 'trained':
        setLive({ step: undefined });
        say(id, 'is trained');
        await save({ ...found, isTrained: true });
        return;
      case 'validating':
        setLive({ validating: event });
        return;
      case 'validated':
        setLive({ validating: undefined });
        await save({ ...found, validation: event.validation });
        return;
      case 'model':
        await takeModel(found, event.modelId);
        return;
      default:
        event satisfies never;
    }
  }

  /** The new model has the weights of the other folds as well: theirs alone are of no more use. */
  async function takeModel(found: TrainingRun, modelId: string): Promise<void> {
    const folds = [found, ...otherFolds(found.order, store.getState().runs)];
    const replaced = folds.flatMap((one) => (one.modelId && one.modelId !== modelId ? [one.modelId] : []));
    for (const { id } of folds) await change(id, { modelId });
    await needs.onModel([...new Set(replaced)]);
  }

  return {
    store,
    view,
    refresh,

    async load() {
      await refresh();
      const { runs } = store.getState();
      if (nextWaiting() && !runs.some(({ state }) => state.status === 'interrupted')) pump();
    },

    async enqueue(trainings) {
      const kept = await readRuns();
      let number = Math.max(0, ...kept.map(({ id }) => numberOf(id)));
      const added: TrainingRun[] = [];
      for (const training of trainings) {
        const id = `run-${++number}`;
        const run = newRun(id, { ...training, runId: crypto.randomUUID() });
        await records.set(id, run);
        added.push(run);
      }
      store.setState(({ runs }) => ({ runs: [...added.toReversed(), ...runs] }));
      pump();
      return added[0].id;
    },

    async goOn(id) {
      await change(id, { state: { status: 'waiting' } });
      pump();
    },

    async changeSchedule(id, schedule) {
      const found = find(id);
      if (!found || found.state.status === 'running') return;
      const trainerName = trainerNameWithEpochs(found.order.trainerName, schedule.epochs);
      await change(id, {
        order: { ...found.order, schedule, trainerName },
        state: { status: 'waiting' },
        isTrained: false,
        validation: undefined,
        modelId: undefined,
      });
      pump();
    },

    async validateWithProbabilities(ids) {
      for (const id of ids) {
        const found = find(id);
        if (!found?.isTrained || found.state.status === 'running') continue;
        const order = { ...found.order, shouldSaveProbabilities: true };
        await change(id, { order, state: { status: 'waiting' } });
      }
      pump();
    },

    pause(isPaused) {
      worker?.pause(isPaused);
      setLive({ isPaused });
    },

    async stop(id) {
      if (store.getState().live?.id === id) {
        worker?.stop();
        setLive({ isStopping: true, isPaused: false });
      } else if (find(id)?.state.status === 'waiting') {
        await change(id, { state: { status: 'stopped' } });
      }
    },

    keepNow: () => worker?.keepNow(),

    async remove(id) {
      const runId = find(id)?.order.runId;
      if (store.getState().live?.id === id) {
        worker?.stop();
        await Promise.allSettled([underWay]);
      }
      store.setState(({ runs }) => ({ runs: runs.filter((one) => one.id !== id) }));
      await records.remove([id]);
      if (runId !== undefined) await view.remove(runId);
    },

    async sweep() {
      if (pumping || (await needs.isSomebodyTraining())) return;
      await view.sweep((await readRuns()).map(({ order }) => order.runId));
    },

    async idle() {
      while (pumping) await pumping;
    },
  };
}

function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1));
}

function newRun(id: string, order: TrainingOrder): TrainingRun {
  return {
    id,
    order,
    createdAt: Date.now(),
    state: { status: 'waiting' },
    epochs: [],
    start: undefined,
    isTrained: false,
    validation: undefined,
    modelId: undefined,
  };
}

function newLive(id: string): LiveTraining {
  return {
    id,
    startedAt: Date.now(),
    step: undefined,
    validating: undefined,
    isPaused: false,
    isStopping: false,
    restarts: 0,
    keptAt: undefined,
    trouble: undefined,
  };
}

function withoutRunning(run: TrainingRun): TrainingRun {
  return run.state.status === 'running' ? { ...run, state: { status: 'interrupted' } } : run;
}

/** Runs that a run's own has to do with. */
export function relatedTo(order: TrainingOrder, runs: readonly TrainingRun[]): RelatedRuns {
  const isValidated = (run: TrainingRun) =>
    run.validation !== undefined &&
    run.order.datasetName === order.datasetName &&
    run.order.plansName === order.plansName;
  return {
    previousStage: runs.filter(isValidated).map((run) => run.order),
    otherFolds: otherFolds(order, runs).map((run) => run.order),
  };
}

/** The newest trained run of each further fold of the same training. */
function otherFolds(order: TrainingOrder, runs: readonly TrainingRun[]): readonly TrainingRun[] {
  const key = trainingKey(order);
  const byFold = new Map<string, TrainingRun>();
  for (const run of runs.toReversed()) {
    const isOther = run.order.fold !== order.fold && run.isTrained && run.validation !== undefined;
    if (isOther && trainingKey(run.order) === key) byFold.set(`${run.order.fold}`, run);
  }
  return [...byFold.values()];
}

/** Folds of the same training have it in common. */
export function trainingKey({
  runId: _,
  fold,
  seed: __,
  shouldSaveProbabilities: ___,
  ...training
}: TrainingOrder): string {
  return JSON.stringify([training, fold === 'all']);
}

/** A run in a few words. */
function nameOf({ datasetName, configurationName, fold }: TrainingOrder): string {
  return `${datasetName} ${configurationName}, fold ${fold}`;
}
