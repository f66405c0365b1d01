import { createStore, type StoreApi } from 'zustand/vanilla';
import { messageOf } from '@/shared/errors';
import { measureStorage, requestPersistence, type StorageSpace } from '@/storage/storageSpace';
import type { GpuReport, PredictApi } from '@/workers/predictApi';

export type GpuState =
  | { readonly status: 'opening' }
  | { readonly status: 'ready'; readonly report: GpuReport }
  | { readonly status: 'missing'; readonly reason: string };

export interface SystemState {
  readonly gpu: GpuState;
  /** Where there is no GPU: whether the person has chosen to compute on the processor. */
  readonly usesProcessor: boolean;
  readonly storage: StorageSpace | undefined;
  /** Requests the page made since it was loaded: the privacy promise, counted. */
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
  persist(): Promise<boolean>;
  /** Starts counting requests; call once everything the page needs is loaded. */
  countRequests(): void;
}

export function createSystem(predictor: Pick<PredictApi, 'openGpu'>): System {
  const store = createStore<SystemState>(() => ({
    gpu: { status: 'opening' },
    usesProcessor: false,
    storage: undefined,
    requestsSinceLoad: 0,
  }));
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
    async persist() {
      const granted = await requestPersistence();
      await measure();
      return granted;
    },
    countRequests() {
      const loadedAt = performance.now();
      new PerformanceObserver((list) => {
        const isRequest = ({ name, startTime }: PerformanceEntry) =>
          startTime > loadedAt && /^https?:/.test(name); // entries come late, and blobs are no requests
        const requests = list.getEntries().filter(isRequest).length;
        if (requests > 0) {
          store.setState(({ requestsSinceLoad }) => ({ requestsSinceLoad: requestsSinceLoad + requests }));
        }
      }).observe({ type: 'resource' });
    },
  };
}
