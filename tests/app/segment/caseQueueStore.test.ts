import { describe, expect, test } from 'vitest';
import { type CaseQueue, createCaseQueue } from '@/app/segment/caseQueueStore';
import type { CaseRecord, PredictRequest, StoredCaseResult } from '@/storage/caseRecord';
import { MemoryRecords } from '../../storage/memoryRecords';

const JOB: PredictRequest = {
  modelId: 'm',
  modelName: 'Model',
  settings: {
    folds: ['0'],
    tileStepSize: 0.5,
    useGaussian: true,
    useMirroring: true,
    saveProbabilities: false,
  },
};

const RESULT: StoredCaseResult = {
  job: JOB,
  labels: [],
  hasProbabilities: false,
  seconds: 1,
  secondsByStage: {},
  memory: { plannedBytes: 0, peakBytes: 0 },
  warnings: [],
  restarts: 0,
  finishedAt: 1,
};

function caseRecord(id: string, addedAt = 0): CaseRecord {
  const image = {
    channels: 1,
    shape: [1, 1, 1],
    spacing: [1, 1, 1],
    orientation: 'RAS',
    voxelType: 'int16',
    sizeInBytes: 1,
  } as const;
  return { id, caseId: id, files: [`${id}.nii.gz`], image, addedAt, run: { status: 'idle' } };
}

/** A predictor whose cases end when the test says so. */
class HeldPredictor {
  readonly started: string[] = [];
  private readonly endings = new Map<string, { resolve(): void; reject(error: Error): void }>();

  predict(one: CaseRecord): Promise<StoredCaseResult> {
    this.started.push(one.id);
    return new Promise((resolve, reject) => {
      this.endings.set(one.id, { resolve: () => resolve(RESULT), reject });
    });
  }

  cancel(id: string): void {
    this.end(id, new DOMException('cancelled', 'AbortError'));
  }

  end(id: string, error?: Error): void {
    const ending = this.endings.get(id);
    if (!ending) throw new Error(`${id} is not running`);
    if (error) ending.reject(error);
    else ending.resolve();
  }
}

function open(records = new MemoryRecords()) {
  const predictor = new HeldPredictor();
  const removed: string[] = [];
  const queue = createCaseQueue({
    records,
    predictor,
    files: {
      removeCases: async (ids) => {
        removed.push(...ids);
      },
      sweep: async () => undefined,
    },
    exclusively: (work) => work(),
  });
  return { queue, predictor, records, removed };
}

const statusOf = (queue: CaseQueue, id: string) =>
  queue.store.getState().cases.find((one) => one.id === id)?.run.status;

/** Lets pending promises go on. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('the queue', () => {
  test('takes several cases at once: none is shown to wait while another is still to be queued', async () => {
    const { queue } = open();
    await queue.add([caseRecord('a'), caseRecord('b', 1)]);
    const seen: string[] = [];
    queue.store.subscribe(() => seen.push(['a', 'b'].map((id) => statusOf(queue, id)).join()));
    await queue.enqueue(['a', 'b'], JOB);
    expect(seen[0]).toBe('queued,queued');
  });

  test('follows what another tab removes and renames, but for the case that it is at', async () => {
    const { queue, records } = open();
    await queue.add([caseRecord('a'), caseRecord('b', 1), caseRecord('c', 2)]);
    await records.remove(['a']);
    await records.set('b', { ...caseRecord('b', 1), caseId: 'renamed' });
    await queue.refresh();
    expect(queue.store.getState().cases.map(({ caseId }) => caseId)).toEqual(['renamed', 'c']);
    queue.store.setState({ running: { id: 'c', startedAt: 0, progress: undefined } });
    await records.set('c', { ...caseRecord('c', 2), caseId: 'stale' });
    await queue.refresh();
    expect(queue.store.getState().cases.map(({ caseId }) => caseId)).toEqual(['renamed', 'c']);
  });

  test('runs one case at a time, in order', async () => {
    const { queue, predictor } = open();
    await queue.add([caseRecord('a'), caseRecord('b', 1)]);
    await queue.enqueue(['a', 'b'], JOB);
    await settle();
    expect(predictor.started).toEqual(['a']);
    expect(statusOf(queue, 'b')).toBe('queued');
    predictor.end('a');
    await settle();
    expect(statusOf(queue, 'a')).toBe('done');
    expect(predictor.started).toEqual(['a', 'b']);
    predictor.end('b');
    await queue.idle();
    expect(queue.store.getState().running).toBeUndefined();
  });

  test('a case that fails keeps its message, and the next one runs', async () => {
    const { queue, predictor } = open();
    await queue.add([caseRecord('a'), caseRecord('b', 1)]);
    await queue.enqueue(['a', 'b'], JOB);
    await settle();
    predictor.end('a', Object.assign(new Error('a: too dark'), { name: 'EmptyImage' }));
    await settle();
    expect(queue.store.getState().cases[0].run).toMatchObject({
      status: 'failed',
      error: { name: 'EmptyImage', message: 'a: too dark' },
    });
    expect(predictor.started).toEqual(['a', 'b']);
  });

  test('cancelling takes a waiting case out and stops a running one', async () => {
    const { queue, predictor } = open();
    await queue.add([caseRecord('a'), caseRecord('b', 1)]);
    await queue.enqueue(['a', 'b'], JOB);
    await settle();
    await queue.cancel('b');
    await queue.cancel('a');
    await queue.idle();
    expect([statusOf(queue, 'a'), statusOf(queue, 'b')]).toEqual(['cancelled', 'cancelled']);
    expect(predictor.started).toEqual(['a']);
  });

  test('an earlier result stays until a later run is finished', async () => {
    const { queue, predictor } = open();
    await queue.add([{ ...caseRecord('a'), result: { ...RESULT, finishedAt: 7 } }]);
    await queue.enqueue(['a'], JOB);
    await settle();
    await queue.cancel('a');
    await queue.idle();
    expect(queue.store.getState().cases[0].result?.finishedAt).toBe(7);
    await queue.enqueue(['a'], JOB);
    await settle();
    predictor.end('a');
    await queue.idle();
    expect(queue.store.getState().cases[0].result?.finishedAt).toBe(1);
  });

  test('a closed tab loses nothing: running and waiting cases start again', async () => {
    const records = new MemoryRecords();
    const first = open(records);
    await first.queue.add([caseRecord('a'), caseRecord('b', 1), caseRecord('c', 2)]);
    await first.queue.enqueue(['a', 'b'], JOB);
    await settle();

    const second = open(records);
    await second.queue.load();
    await settle();
    expect(second.queue.store.getState().resumed).toBe(2);
    expect(second.predictor.started).toEqual(['a']);
    second.predictor.end('a');
    await settle();
    second.predictor.end('b');
    await second.queue.idle();
    expect([statusOf(second.queue, 'b'), statusOf(second.queue, 'c')]).toEqual(['done', 'idle']);
  });

  test('a renamed case keeps its name over a reload, and its result', async () => {
    const { queue, predictor, records } = open();
    await queue.add([caseRecord('a')]);
    await queue.enqueue(['a'], JOB);
    await settle();
    await queue.rename('a', 'Anna, first visit');
    predictor.end('a');
    await queue.idle();
    const again = open(records).queue;
    await again.load();
    expect(again.store.getState().cases).toMatchObject([
      { id: 'a', caseId: 'Anna, first visit', run: { status: 'done' }, result: RESULT },
    ]);
  });

  test('a removed case can be restored; purging deletes its files', async () => {
    const { queue, records, removed } = open();
    await queue.add([caseRecord('a'), caseRecord('b', 1)]);
    const [a] = queue.store.getState().cases;
    await queue.remove('a');
    expect(await records.keys()).toEqual(['b']);
    await queue.restore(a);
    expect(queue.store.getState().cases.map(({ id }) => id)).toEqual(['a', 'b']);
    await queue.remove('a');
    await queue.purge('a');
    expect(removed).toEqual(['a']);
  });
});
