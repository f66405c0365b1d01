// Evaluations as the page shows them: one is worked on at a time, all are kept across reloads.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { failureOf, highestNumber, recordList, workQueue } from '@/app/recordQueue';
import { isAbort } from '@/shared/errors';
import type { CaseEvaluation, EvaluationRecord, EvaluationStatus } from '@/storage/evaluationRecord';
import type { RecordStore } from '@/storage/recordStore';
import type {
  EvaluateApi,
  EvaluationEvent,
  EvaluationProgress,
  EvaluationSources,
} from '@/workers/evaluate/api';

/** The evaluation that is worked on in this tab; without an id while its files are taken in. */
export interface RunningEvaluation {
  readonly id: string | undefined;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly progress: EvaluationProgress;
}

export interface EvaluationsState {
  readonly isLoaded: boolean;
  /** Newest first. */
  readonly evaluations: readonly EvaluationRecord[];
  readonly running: RunningEvaluation | undefined;
  /** The last thing that happened, for screen readers. */
  readonly outcome: string;
}

/** What a person asks for. */
interface EvaluationRequest {
  readonly sources: EvaluationSources;
  readonly title: string;
  readonly toleranceMm: number;
}

export interface Evaluations {
  readonly store: StoreApi<EvaluationsState>;
  readonly api: EvaluateApi;
  /** Reads what is kept. */
  load(): Promise<void>;
  /** Reads it again, after another tab has changed it; the evaluation that this tab is at stays. */
  refresh(): Promise<void>;
  /** Takes the files in and begins to evaluate; resolves to the evaluation's id as soon as there is one. */
  start(order: EvaluationRequest): Promise<string>;
  /** Evaluates what is left after an evaluation was cancelled or interrupted. */
  resume(id: string): Promise<void>;
  cancel(): void;
  remove(id: string): Promise<void>;
  /** Deletes files that no evaluation owns. */
  sweep(): Promise<void>;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
}

interface Options {
  readonly records: RecordStore;
  readonly api: EvaluateApi;
  /** Runs `work` while no other tab evaluates. */
  readonly exclusively: (work: () => Promise<void>) => Promise<void>;
  /** Runs `work` while no tab sweeps. */
  readonly whileAdding: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

/** Verdicts are kept this often while they come in. */
const KEEP_EVERY_MS = 2000;

export function createEvaluations({ records, api, exclusively, whileAdding }: Options): Evaluations {
  const store = createStore<EvaluationsState>(() => ({
    isLoaded: false,
    evaluations: [],
    running: undefined,
    outcome: '',
  }));
  const list = recordList<EvaluationRecord>({
    records,
    shown: () => store.getState().evaluations,
    show: (evaluations) => store.setState({ evaluations }),
    compare: (a, b) => b.createdAt - a.createdAt,
  });
  const { find, change } = list;
  /** Ids of evaluations to go on with. */
  const waiting: string[] = [];
  const queue = workQueue({
    exclusively,
    next: () => waiting.at(0),
    run: (id) =>
      evaluate(id).finally(() => {
        waiting.shift();
        store.setState({ running: undefined });
      }),
  });
  const evaluationsOf = (id: string): readonly CaseEvaluation[] => find(id)?.verdicts ?? [];

  function showProgress(id: string | undefined, title: string, startedAt: number) {
    return (progress: EvaluationProgress) => store.setState({ running: { id, title, startedAt, progress } });
  }

  async function evaluate(id: string): Promise<void> {
    const record = find(id);
    if (!record) return;
    const show = showProgress(id, record.title, Date.now());
    show({ stage: 'Evaluating', share: record.verdicts.length / record.pairs.length });
    await change(id, { state: { status: 'running' } });
    let keptAt = Date.now();
    let isOver = false;
    const take = (event: EvaluationEvent) => {
      if (isOver) return undefined; // on its way while the evaluation was cancelled
      if (event.kind === 'progress') return show(event.progress);
      const isKept = Date.now() - keptAt > KEEP_EVERY_MS;
      if (isKept) keptAt = Date.now();
      return change(id, { verdicts: [...evaluationsOf(id), event.evaluation] }, isKept);
    };
    let state: EvaluationStatus = { status: 'done' };
    try {
      await api.evaluate(record, take);
    } catch (error) {
      state = isAbort(error) ? { status: 'cancelled' } : { status: 'failed', ...failureOf(error) };
    }
    isOver = true;
    await change(id, { state });
    const cases = evaluationsOf(id).length;
    store.setState({ running: undefined, outcome: outcomeText(record.title, state, cases) });
  }

  async function importInto(
    sources: EvaluationSources,
    facts: Pick<EvaluationRecord, 'title' | 'toleranceMm'>,
    show: (progress: EvaluationProgress) => void,
  ): Promise<EvaluationRecord> {
    const filesId = crypto.randomUUID();
    let isOver = false;
    const take = (event: EvaluationEvent) => {
      if (event.kind === 'progress' && !isOver) show(event.progress);
    };
    const taken = await api.take(sources, filesId, take).finally(() => {
      isOver = true;
    });
    const record: EvaluationRecord = {
      id: `evaluation-${(await highestNumber(records)) + 1}`,
      filesId,
      createdAt: Date.now(),
      ...facts,
      ...taken,
      state: { status: 'interrupted' },
      verdicts: [],
    };
    await records.set(record.id, record);
    return record;
  }

  function begin(id: string): void {
    waiting.push(id);
    queue.start();
  }

  return {
    store,
    api,

    async load() {
      const evaluations = (await list.read()).map(
        (one): EvaluationRecord =>
          one.state.status === 'running' ? { ...one, state: { status: 'interrupted' } } : one,
      );
      store.setState({ isLoaded: true, evaluations });
    },

    async refresh() {
      const evaluations = await list.readBut(() => store.getState().running?.id);
      store.setState({ evaluations });
    },

    async start({ sources, title, toleranceMm }) {
      const show = showProgress(undefined, title, Date.now());
      show({ stage: 'Reading', share: 0 });
      try {
        const record = await whileAdding(() => importInto(sources, { title, toleranceMm }, show));
        store.setState(({ evaluations }) => ({ evaluations: [record, ...evaluations] }));
        begin(record.id);
        return record.id;
      } catch (error) {
        store.setState({ running: undefined });
        throw error;
      }
    },

    async resume(id) {
      if (!queue.isWorking()) begin(id);
    },

    cancel: () => api.cancel(),

    async remove(id) {
      const found = find(id);
      if (!found) return;
      if (store.getState().running?.id === id) api.cancel();
      await queue.idle();
      await list.remove(id);
      await api.remove(found.filesId);
    },

    async sweep() {
      if (queue.isWorking() || store.getState().running) return;
      await api.sweep((await list.read()).map(({ filesId }) => filesId));
    },

    idle: queue.idle,
  };
}

function outcomeText(title: string, state: EvaluationStatus, cases: number): string {
  switch (state.status) {
    case 'done':
      return `${title}: ${cases} cases are evaluated.`;
    case 'failed':
      return `${title}: ${state.message}`;
    default:
      return `${title}: the evaluation was cancelled.`;
  }
}
