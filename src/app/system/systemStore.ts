import { createStore, type StoreApi } from 'zustand/vanilla';
import { messageOf } from '@/shared/errors';
import { measureStorage, requestPersistence, type StorageSpace } from '@/storage/storageSpace';
import { followRequests } from '@/workers/requestLog';
import type { GpuReport, PredictApi } from '@/workers/segment/api';
import type { StoragePart } from './storageParts';

type GpuState =
  | { readonly status: 'opening' }
  | { readonly status: 'ready'; readonly report: GpuReport }
  | { readonly status: 'missing'; readonly reason: string };

/** How much of nnStudio itself is there. */
export type LoadState =
  | { readonly status: 'loading'; readonly loaded: number; readonly total: number }
  /** From here on nothing is needed from where the page came from. */
  | { readonly status: 'complete' }
  /** Parts, by title, that could not be fetched. */
  | { readonly status: 'incomplete'; readonly missing: readonly string[] };

export interface SystemState {
  readonly gpu: GpuState;
  /** Where there is no GPU: whether the person has chosen to compute on the processor. */
  readonly usesProcessor: boolean;
  readonly storage: StorageSpace | undefined;
  /** What takes it, once asked for. */
  readonly storageParts: readonly StoragePart[] | undefined;
  readonly load: LoadState;
  /** Requests that the page and its workers made since everything was loaded: the privacy promise, counted. */
  readonly requestsSinceLoad: number;
}

/** What this computer offers, and what the page has done with it. */
export interface System {
  readonly store: StoreApi<SystemState>;
  /** Resolves once it is known whether there is a GPU; it is asked for at once. */
  readonly whenOpened: Promise<void>;
  /** From now on the processor computes where there is no GPU. */
  computeOnProcessor(): void;
  measureStorage(): Promise<void>;
  /** The same, and by what it is taken: every file is looked at. */
  measureStorageParts(): Promise<void>;
  persist(): Promise<boolean>;
  /** Follows the loading of nnStudio's parts, by title, and counts requests once it is over; the first call alone does. */
  followLoading(parts: ReadonlyMap<string, Promise<unknown>>): void;
}

export function createSystem(
  predictor: Pick<PredictApi, 'openGpu'>,
  listStorageParts: (usedBytes: number) => Promise<readonly StoragePart[]>,
): System {
  const store = createStore<SystemState>(() => ({
    gpu: { status: 'opening' },
    usesProcessor: false,
    storage: undefined,
    storageParts: undefined,
    load: { status: 'loading', loaded: 0, total: 0 },
    requestsSinceLoad: 0,
  }));
  let isFollowing = false;
  const measure = async () => store.setState({ storage: await measureStorage() });
  const whenOpened = predictor.openGpu().then(
    (report) => store.setState({ gpu: { status: 'ready', report } }),
    (error: unknown) => store.setState({ gpu: { status: 'missing', reason: messageOf(error) } }),
  );
  return {
    store,
    whenOpened,
    computeOnProcessor: () => store.setState({ usesProcessor: true }),
    measureStorage: measure,
    async measureStorageParts() {
      await measure();
      const { storage } = store.getState();
      const storageParts = await listStorageParts(storage?.usedBytes ?? 0);
      store.setState({ storageParts });
    },
    async persist() {
      const granted = await requestPersistence();
      await measure();
      return granted;
    },
    followLoading(parts) {
      if (isFollowing) return;
      isFollowing = true;
      void loadAll(parts, (load) => store.setState({ load })).then(() => {
        const loadedAt = performance.timeOrigin + performance.now();
        followRequests((all) => {
          const requestsSinceLoad = all.filter(({ at }) => at > loadedAt).length;
          store.setState({ requestsSinceLoad });
        });
      });
    },
  };
}

/** Resolves, with a last state, once every part is there or has failed. */
async function loadAll(
  parts: ReadonlyMap<string, Promise<unknown>>,
  onState: (state: LoadState) => void,
): Promise<void> {
  let loaded = 0;
  const missing: string[] = [];
  onState({ status: 'loading', loaded, total: parts.size });
  const waits = [...parts].map(([title, part]) =>
    part.then(
      () => onState({ status: 'loading', loaded: ++loaded, total: parts.size }),
      () => void missing.push(title),
    ),
  );
  await Promise.all(waits);
  onState(missing.length === 0 ? { status: 'complete' } : { status: 'incomplete', missing });
}
