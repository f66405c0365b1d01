import { proxy } from 'comlink';
import type { BenchmarkApi, BenchmarkFigures, BenchmarkProgress } from './benchmarkApi';
import { workerClient } from './workerClient';

/** Measures in a worker that lives as long as the measuring. When `signal` fires the worker ends at once, with its device. */
export async function runBenchmark(
  limitSeconds: number | undefined,
  onProgress: (progress: BenchmarkProgress) => void,
  signal: AbortSignal,
): Promise<BenchmarkFigures> {
  signal.throwIfAborted();
  const worker = new Worker(new URL('../../workers/benchmark.worker.ts', import.meta.url), {
    type: 'module',
  });
  const { remote, whileAlive } = workerClient<BenchmarkApi>(worker);
  const cancelled = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([whileAlive(remote.run(limitSeconds, proxy(onProgress))), cancelled]);
  } finally {
    worker.terminate();
  }
}
