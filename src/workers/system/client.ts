import { workerApi } from '@/workers/workerApi';
import type { BenchmarkApi, BenchmarkFigures, BenchmarkProgress } from './api';

/** Measures in a worker that lives as long as the measuring. When `signal` fires the worker ends at once, with its device. */
export async function runBenchmark(
  limitSeconds: number | undefined,
  onProgress: (progress: BenchmarkProgress) => void,
  signal: AbortSignal,
): Promise<BenchmarkFigures> {
  signal.throwIfAborted();
  const { api, close } = workerApi<BenchmarkApi>('benchmark');
  signal.addEventListener('abort', () => close(signal.reason), { once: true });
  try {
    return await api.run(limitSeconds, onProgress);
  } finally {
    close();
  }
}
