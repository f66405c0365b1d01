// The best configuration of each dataset, as the page shows it: found one at a time, kept across reloads.
import { createStore, type StoreApi } from 'zustand/vanilla';
import { type Failure, failureOf, readRecords, withFailure, workQueue } from '@/app/recordQueue';
import { isAbort, messageOf } from '@/shared/errors';
import type { ChoiceRecord } from '@/storage/choiceRecord';
import type { RecordStore } from '@/storage/recordStore';
import type { ChooseApi, ChooseProgress, ChooseRequest } from '@/workers/choose/api';

export interface ChoicesState {
  readonly isLoaded: boolean;
  /** Newest first. */
  readonly choices: readonly ChoiceRecord[];
  readonly running:
    | {
        readonly datasetName: string;
        /** Milliseconds since 1970. */
        readonly startedAt: number;
        readonly progress: ChooseProgress | undefined;
      }
    | undefined;
  /** Why the last attempt came to nothing, by dataset. */
  readonly failures: Readonly<Record<string, Failure>>;
  /** The last thing that happened, for screen readers. */
  readonly outcome: string;
}

export interface Choices {
  readonly store: StoreApi<ChoicesState>;
  readonly api: ChooseApi;
  load(): Promise<void>;
  /** Compares the candidates; what went wrong is in the state. */
  find(order: ChooseRequest): Promise<void>;
  cancel(): void;
}

interface Options {
  readonly records: RecordStore;
  readonly api: ChooseApi;
  /** Runs `work` while no other tab chooses. */
  readonly exclusively: (work: () => Promise<void>) => Promise<void>;
}

export function createChoices({ records, api, exclusively }: Options): Choices {
  const store = createStore<ChoicesState>(() => ({
    isLoaded: false,
    choices: [],
    running: undefined,
    failures: {},
    outcome: '',
  }));

  let waiting: ChooseRequest | undefined;

  async function load(): Promise<void> {
    const choices = await readRecords<ChoiceRecord>(records, (a, b) => b.foundAt - a.foundAt);
    store.setState({ isLoaded: true, choices });
  }

  const queue = workQueue({ exclusively, next: () => waiting, run: find });

  function setFailure(datasetName: string, failure?: Failure): void {
    store.setState(({ failures }) => ({ failures: withFailure(failures, datasetName, failure) }));
  }

  async function find(order: ChooseRequest): Promise<void> {
    const { datasetName } = order;
    const startedAt = Date.now();
    const show = (progress?: ChooseProgress) =>
      store.setState({ running: { datasetName, startedAt, progress } });
    show();
    setFailure(datasetName);
    try {
      const record = await api.findBest(order, show);
      await records.set(datasetName, record);
      await load();
      store.setState({ outcome: `The best configuration of ${datasetName} is found.` });
    } catch (error) {
      if (!isAbort(error)) setFailure(datasetName, failureOf(error));
      store.setState({ outcome: `${datasetName}: ${isAbort(error) ? 'cancelled' : messageOf(error)}` });
    } finally {
      waiting = undefined;
      store.setState({ running: undefined });
    }
  }

  return {
    store,
    api,
    load,
    async find(order) {
      if (waiting) return;
      waiting = order;
      queue.start();
      await queue.idle();
    },
    cancel: () => api.cancel(),
  };
}
