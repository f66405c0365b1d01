import { describe, expect, test } from 'vitest';
import { createTrainings, type NewTraining, type TrainingWorker } from '@/app/train/trainingsStore';
import type { TrainingEpochReport } from '@/core/training/trainingRun';
import type {
  OnTrainingEvent,
  RelatedRuns,
  TrainingRequest,
  TrainingResultsApi,
  TrainingStart,
} from '@/workers/train/api';
import { MemoryRecords } from '../../storage/memoryRecords';

const SCHEDULE = { epochs: 3, iterationsPerEpoch: 2, validationIterationsPerEpoch: 1 };
const training = (fold: number | 'all', changes: Partial<NewTraining> = {}): NewTraining => ({
  datasetName: 'Dataset001_A',
  plansName: 'nnUNetPlans',
  configurationName: '3d_fullres',
  fold,
  trainerName: 'nnUNetTrainer_3epochs',
  schedule: SCHEDULE,
  seed: 0,
  storage: 'f32',
  augmentsOn: 'cpu',
  ...changes,
});

const start = (epoch: number): TrainingStart => ({
  epoch,
  schedule: SCHEDULE,
  batchSize: 2,
  patchSize: [8, 8, 8],
  trainingCases: ['a'],
  validationCases: ['b'],
  classNames: ['x'],
  allocatedBytes: 1,
  flopsPerIteration: 1,
  adapter: 'made up',
  isSoftware: true,
  restarts: 0,
});

const epoch = (index: number): TrainingEpochReport => ({
  epoch: index,
  epochs: 3,
  learningRate: 0.01,
  trainLoss: -index,
  valLoss: 0,
  dicePerClassOrRegion: [0.5],
  meanFgDice: 0.5,
  emaFgDice: 0.5,
  isBest: true,
  seconds: 1,
  dataWaitShare: 0,
});

/** A worker whose run goes on as the test says. */
class HeldWorker implements TrainingWorker {
  readonly order: Promise<TrainingRequest>;
  related: RelatedRuns | undefined;
  isPaused = false;
  isClosed = false;
  tell: OnTrainingEvent = () => undefined;
  private begun: (order: TrainingRequest) => void = () => undefined;
  private settle: { resolve(status: 'done' | 'stopped'): void; reject(error: Error): void } | undefined;

  constructor() {
    this.order = new Promise((resolve) => {
      this.begun = resolve;
    });
  }

  run(order: TrainingRequest, related: RelatedRuns, tell: OnTrainingEvent): Promise<'done' | 'stopped'> {
    this.related = related;
    this.tell = tell;
    this.begun(order);
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
  }

  keepNow(): void {}

  stop(): void {
    this.settle?.resolve('stopped');
  }

  end(modelId: string): void {
    this.tell({ kind: 'trained' });
    this.tell({ kind: 'validated', validation: { meanDice: 0.8, cases: [] } });
    this.tell({ kind: 'model', modelId });
    this.settle?.resolve('done');
  }

  fail(error: Error): void {
    this.settle?.reject(error);
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A tab of the studio over records that outlive it. */
function tab(records = new MemoryRecords()) {
  const workers: HeldWorker[] = [];
  const removed: string[] = [];
  const replaced: string[] = [];
  let isHeld = false;
  const view: Pick<TrainingResultsApi, 'remove' | 'sweep'> = {
    remove: async (id) => void removed.push(id),
    sweep: async () => undefined,
  };
  const trainings = createTrainings({
    records,
    view: view as TrainingResultsApi,
    startWorker: () => {
      const worker = new HeldWorker();
      workers.push(worker);
      return worker;
    },
    exclusively: async (work) => {
      isHeld = true;
      await work();
      isHeld = false;
    },
    isSomebodyTraining: async () => isHeld,
    onModel: async (ids) => void replaced.push(...ids),
  });
  const states = () =>
    Object.fromEntries(trainings.store.getState().runs.map(({ id, state }) => [id, state.status]));
  const worker = async (index: number) => {
    while (!workers[index]) await new Promise((resolve) => setTimeout(resolve));
    await workers[index].order;
    return workers[index];
  };
  return { records, trainings, workers, removed, replaced, states, worker };
}

describe('trainings', () => {
  test('folds are trained one after the other, each in a worker of its own', async () => {
    const { trainings, worker, workers, states } = tab();
    await trainings.enqueue([training(0), training(1)]);
    const first = await worker(0);
    expect(states()).toEqual({ 'run-1': 'running', 'run-2': 'waiting' });
    first.end('m1');
    const second = await worker(1);
    expect(first.isClosed).toBe(true);
    expect(states()).toEqual({ 'run-1': 'done', 'run-2': 'running' });
    expect(second.related?.otherFolds.map(({ fold }) => fold)).toEqual([0]);
    second.end('m2');
    await trainings.idle();
    expect(workers).toHaveLength(2);
  });

  test('the model of more folds takes the place of that of fewer', async () => {
    const { trainings, worker, replaced } = tab();
    await trainings.enqueue([training(0), training(1)]);
    (await worker(0)).end('m1');
    (await worker(1)).end('m2');
    await trainings.idle();
    expect(replaced).toEqual(['m1']);
    expect(trainings.store.getState().runs.map(({ modelId }) => modelId)).toEqual(['m2', 'm2']);
  });

  test('after a reload a run is interrupted, waits for a person, and takes back what was behind its checkpoint', async () => {
    const before = tab();
    await before.trainings.enqueue([training(0), training(1)]);
    const cut = await before.worker(0);
    cut.tell({ kind: 'started', start: start(0) });
    cut.tell({ kind: 'epoch', epoch: epoch(0) });
    cut.tell({ kind: 'epoch', epoch: epoch(1) });
    await new Promise((resolve) => setTimeout(resolve));

    const after = tab(before.records);
    await after.trainings.load();
    expect(after.states()).toEqual({ 'run-1': 'interrupted', 'run-2': 'waiting' });
    expect(after.workers).toHaveLength(0);
    await after.trainings.resume('run-1');
    const resumed = await after.worker(0);
    expect(await resumed.order).toEqual(await cut.order);
    resumed.tell({ kind: 'started', start: start(1) });
    resumed.tell({ kind: 'epoch', epoch: epoch(1) });
    const run = () => after.trainings.store.getState().runs.find(({ id }) => id === 'run-1');
    expect(run()?.epochs.map((one) => one.epoch)).toEqual([0, 1]);
  });

  test('a failure is kept with its reason, and the next run starts', async () => {
    const { trainings, worker, states } = tab();
    await trainings.enqueue([training(0), training(1)]);
    (await worker(0)).fail(Object.assign(new Error('no memory'), { name: 'GpuOutOfMemory' }));
    await worker(1);
    expect(states()).toEqual({ 'run-1': 'failed', 'run-2': 'running' });
    const failed = trainings.store.getState().runs.find(({ id }) => id === 'run-1');
    expect(failed?.state).toEqual({ status: 'failed', name: 'GpuOutOfMemory', message: 'no memory' });
  });

  test('a run is paused, and stopped; a waiting one leaves the queue', async () => {
    const { trainings, worker, states } = tab();
    await trainings.enqueue([training(0), training(1)]);
    const first = await worker(0);
    trainings.pause(true);
    expect(first.isPaused).toBe(true);
    expect(trainings.store.getState().live?.isPaused).toBe(true);
    await trainings.stop('run-2');
    await trainings.stop('run-1');
    await trainings.idle();
    expect(states()).toEqual({ 'run-1': 'stopped', 'run-2': 'stopped' });
    expect(trainings.store.getState().live).toBeUndefined();
  });

  test('a run is trained to another length: its name says so, and the model it gave stays', async () => {
    const { trainings, worker, replaced } = tab();
    await trainings.enqueue([training(0)]);
    const first = await worker(0);
    for (const index of [0, 1, 2]) first.tell({ kind: 'epoch', epoch: epoch(index) });
    first.end('m1');
    await trainings.idle();
    const longer = { ...SCHEDULE, epochs: 5 };
    await trainings.changeSchedule('run-1', longer);
    const second = await worker(1);
    expect(await second.order).toMatchObject({ trainerName: 'nnUNetTrainer_5epochs', schedule: longer });
    expect((await second.order).runId).toBe((await first.order).runId);
    await trainings.changeSchedule('run-1', SCHEDULE);
    const run = () => trainings.store.getState().runs[0];
    expect(run()).toMatchObject({ state: { status: 'running' }, isTrained: false, validation: undefined });
    second.tell({ kind: 'notice', message: 'The schedule has changed.' });
    second.tell({ kind: 'started', start: start(3) });
    await new Promise((resolve) => setTimeout(resolve));
    expect(run()).toMatchObject({ notices: ['The schedule has changed.'], order: { schedule: longer } });
    expect(run().epochs).toHaveLength(3);
    second.end('m2');
    await trainings.idle();
    expect(replaced).toEqual([]);
    expect(run().modelId).toBe('m2');
  });

  test('a removed run is stopped first, and what it kept is freed', async () => {
    const { trainings, worker, removed, records } = tab();
    await trainings.enqueue([training(0)]);
    const { runId } = await (await worker(0)).order;
    await trainings.remove('run-1');
    expect(removed).toEqual([runId]);
    expect(await records.keys()).toEqual([]);
    expect(trainings.store.getState().runs).toEqual([]);
  });

  test('a stage of a cascade is told of the validated runs before it', async () => {
    const { trainings, worker } = tab();
    await trainings.enqueue([
      training(0, { configurationName: '3d_lowres' }),
      training(0, { configurationName: '3d_cascade_fullres' }),
    ]);
    const first = await worker(0);
    first.end('m1');
    const second = await worker(1);
    expect(second.related?.previousStage).toEqual([await first.order]);
    expect(second.related?.otherFolds).toEqual([]);
  });
});
