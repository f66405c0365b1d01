// Cases and the queue that works through them: one at a time on the GPU, kept across reloads.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { failureOf, recordList, workQueue } from '@/app/recordQueue';
import { isAbort } from '@/shared/errors';
import type { CaseRecord, CaseRun, GivenSegmentation, PredictRequest } from '@/storage/caseRecord';
import { explainWriteFailure, type RecordStore } from '@/storage/recordStore';
import type { FilesApi } from '@/workers/files/api';
import type { CaseProgress, PredictApi } from '@/workers/segment/api';

/** The case on the GPU now. */
export interface RunningCase {
  readonly id: string;
  readonly startedAt: number;
  readonly progress: CaseProgress | undefined;
}

export interface CaseQueueState {
  readonly isLoaded: boolean;
  /** Oldest first, without removed ones. */
  readonly cases: readonly CaseRecord[];
  readonly running: RunningCase | undefined;
  /** Cases that were queued or under way when the page was last closed, and were taken up again. */
  readonly resumed: number;
}

export interface CaseQueue {
  readonly store: StoreApi<CaseQueueState>;
  /** Reads the kept cases; what was queued or running when the tab closed is queued again, and started. */
  load(): Promise<void>;
  /** Reads the records again, after another tab has changed them; the case that this tab is at stays. */
  refresh(): Promise<void>;
  /** Keeps the records; where there is no room, the cases' files go too. */
  add(cases: readonly CaseRecord[]): Promise<void>;
  enqueue(ids: readonly string[], job: PredictRequest): Promise<void>;
  /** Takes a waiting case out of the queue, or stops a running one. */
  cancel(id: string): Promise<void>;
  /** Shows a label map that is kept with a case as its segmentation. */
  giveSegmentation(id: string, segmentation: GivenSegmentation): Promise<void>;
  /** Calls a case, and the files that are saved of it, by another name. */
  rename(id: string, caseId: string): Promise<void>;
  /** Takes the case off the list; {@link CaseQueue.restore} brings it back until {@link CaseQueue.purge}. */
  remove(id: string): Promise<void>;
  restore(caseRecord: CaseRecord): Promise<void>;
  /** Deletes a removed case's files. */
  purge(id: string): Promise<void>;
  /** Resolves when nothing waits or runs. */
  idle(): Promise<void>;
}

interface Options {
  readonly records: RecordStore;
  readonly predictor: Pick<PredictApi, 'predict' | 'cancel'>;
  readonly files: Pick<FilesApi, 'removeCases' | 'sweep'>;
  /** Runs `work` while no other tab of the studio does. */
  readonly exclusively: (work: () => Promise<void>) => Promise<void>;
}

export function createCaseQueue({ records, predictor, files, exclusively }: Options): CaseQueue {
  const store = createStore<CaseQueueState>(() => ({
    isLoaded: false,
    cases: [],
    running: undefined,
    resumed: 0,
  }));
  const list = recordList<CaseRecord>({
    records,
    shown: () => store.getState().cases,
    show: (cases) => store.setState({ cases }),
    compare: byTime,
  });
  const { find } = list;
  const queue = workQueue({ exclusively, next: nextQueued, run: runCase });
  const runningId = () => store.getState().running?.id;

  function nextQueued() {
    for (const caseRecord of store.getState().cases) {
      if (caseRecord.run.status === 'queued') return { caseRecord, job: caseRecord.run.job };
    }
    return undefined;
  }

  async function runCase({
    caseRecord,
    job,
  }: {
    caseRecord: CaseRecord;
    job: PredictRequest;
  }): Promise<void> {
    const { id } = caseRecord;
    const startedAt = Date.now();
    store.setState({ running: { id, startedAt, progress: undefined } });
    await list.change(id, { run: { status: 'running', job } });
    try {
      const result = await predictor.predict(caseRecord, job, (progress) =>
        store.setState({ running: { id, startedAt, progress } }),
      );
      await list.change(id, { result, run: { status: 'done', job } });
    } catch (error) {
      const run: CaseRun = isAbort(error)
        ? { status: 'cancelled', job }
        : { status: 'failed', job, error: failureOf(error) };
      await list.change(id, { run });
    } finally {
      store.setState({ running: undefined });
    }
  }

  return {
    store,

    async refresh() {
      const cases = await list.readBut(runningId);
      store.setState({ cases });
    },

    async load() {
      const found = await list.read();
      const isInterrupted = ({ run }: CaseRecord) => run.status === 'running' || run.status === 'queued';
      const cases = found.map((one) =>
        one.run.status === 'running'
          ? { ...one, run: { status: 'queued', job: one.run.job } satisfies CaseRun }
          : one,
      );
      store.setState({ isLoaded: true, cases, resumed: found.filter(isInterrupted).length });
      if (nextQueued()) queue.start();
    },

    async add(added) {
      const ids = added.map(({ id }) => id);
      try {
        for (const caseRecord of added) await records.set(caseRecord.id, caseRecord);
      } catch (error) {
        await records.remove(ids);
        await files.removeCases(ids);
        const sizeInBytes = added.reduce((sum, { image }) => sum + image.sizeInBytes, 0);
        throw explainWriteFailure(error, added.map(({ caseId }) => caseId).join(', '), sizeInBytes);
      }
      store.setState(({ cases }) => ({ cases: [...cases, ...added] }));
    },

    async enqueue(ids, job) {
      const found = ids.map(find).filter((one) => one !== undefined);
      await list.save(...found.map((one): CaseRecord => ({ ...one, run: { status: 'queued', job } })));
      queue.start();
    },

    async cancel(id) {
      const found = find(id);
      if (found?.run.status === 'queued') {
        await list.change(id, { run: { status: 'cancelled', job: found.run.job } });
      }
      if (found?.run.status === 'running') predictor.cancel(id);
    },

    giveSegmentation: (id, result) => list.change(id, { result }),

    rename: (id, caseId) => list.change(id, { caseId }),

    async remove(id) {
      if (find(id)?.run.status === 'running') predictor.cancel(id);
      await list.remove(id);
    },

    async restore(caseRecord) {
      const { run } = caseRecord;
      const settled: CaseRecord =
        run.status === 'running' || run.status === 'queued'
          ? { ...caseRecord, run: { status: 'cancelled', job: run.job } }
          : caseRecord;
      await records.set(settled.id, settled);
      store.setState(({ cases }) => ({ cases: [...cases, settled].sort(byTime) }));
    },

    purge: (id) => files.removeCases([id]),

    idle: queue.idle,
  };
}

function byTime(a: CaseRecord, b: CaseRecord): number {
  return a.addedAt - b.addedAt;
}
