// "Benchmark this GPU" in the studio: what runs, and the last report, which this browser keeps.

import { createJSONStorage, persist } from 'zustand/middleware';
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { GpuLocks, GpuUse } from '@/app/gpuLocks';
import { isAbort, messageOf } from '@/shared/errors';
import type { BenchmarkFigures, BenchmarkProgress } from '@/workers/system/api';
import type { BenchmarkEnvironment, BenchmarkReport } from './benchmarkReport';

type BenchmarkRun =
  | { readonly status: 'idle' }
  /** Until the GPU is free of other work of the studio, in this tab or another. */
  | { readonly status: 'waiting'; readonly waitsFor: GpuUse }
  | { readonly status: 'running'; readonly progress: BenchmarkProgress | undefined }
  | { readonly status: 'failed'; readonly message: string };

export interface BenchmarkState {
  readonly run: BenchmarkRun;
  /** Of the last run that came to its end. */
  readonly report: BenchmarkReport | undefined;
}

export interface Benchmark {
  readonly store: StoreApi<BenchmarkState>;
  /**
   * Measures for about `limitSeconds`; the usual limit of the adapter where not given. Resolves when it is done,
   * cancelled or failed, which the store tells; does nothing while one runs.
   */
  start(limitSeconds: number | undefined): Promise<void>;
  cancel(): void;
}

interface Options {
  readonly measure: (
    limitSeconds: number | undefined,
    onProgress: (progress: BenchmarkProgress) => void,
    signal: AbortSignal,
  ) => Promise<BenchmarkFigures>;
  readonly environment: () => Promise<BenchmarkEnvironment>;
  /** Runs `work` while nothing else of the studio uses the GPU; `signal` ends the waiting, `onWait` is told what for. */
  readonly exclusively: GpuLocks['whileMeasuring'];
  readonly storage?: Storage;
}

export function createBenchmark({ measure, environment, exclusively, storage }: Options): Benchmark {
  const store = createStore<BenchmarkState>()(
    persist((): BenchmarkState => ({ run: { status: 'idle' }, report: undefined }), {
      name: 'nnstudio-benchmark',
      version: 1,
      storage: createJSONStorage(() => storage ?? localStorage),
      partialize: ({ report }) => ({ report }),
    }),
  );
  const setRun = (run: BenchmarkRun) => store.setState({ run });
  let controller: AbortController | undefined;

  return {
    store,

    async start(limitSeconds) {
      if (controller) return;
      controller = new AbortController();
      const { signal } = controller;
      const work = async () => {
        setRun({ status: 'running', progress: undefined });
        const tell = (progress: BenchmarkProgress) => {
          if (!signal.aborted) setRun({ status: 'running', progress });
        };
        const figures = await measure(limitSeconds, tell, signal);
        store.setState({ report: { figures, environment: await environment() } });
      };
      try {
        await exclusively(work, signal, (waitsFor) => setRun({ status: 'waiting', waitsFor }));
        setRun({ status: 'idle' });
      } catch (error) {
        setRun(isAbort(error) ? { status: 'idle' } : { status: 'failed', message: messageOf(error) });
      } finally {
        controller = undefined;
      }
    },

    cancel: () => controller?.abort(),
  };
}
