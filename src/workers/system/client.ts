import { proxy } from 'comlink';
import { workerClient } from '@/workers/workerClient';
import type { BenchmarkApi, BenchmarkFigures, BenchmarkProgress } from './api';

/** Measures in a worker that lives as long as the measuring. When `signal` fires the worker ends at once, with its device. */
export async function runBenchmark(
  limitSeconds: number | undefined,
  onProgress: (progress: BenchmarkProgress) => void,
  signal: AbortSignal,
): Promise<BenchmarkFigures> {
  signal.throwIfAborted();
  const worker = workerClient<BenchmarkApi>('benchmark');
  const cancelled = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    const figures = worker.ask((remote) => remote.run(limitSeconds, proxy(onProgress)));
    return await Promise.race([figures, cancelled]);
  } finally {
    worker.close();
  }
}
