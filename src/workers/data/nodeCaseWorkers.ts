import { availableParallelism, freemem } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { CaseAnswer } from './caseMessages';
import { casePool } from './casePool';
import { type CaseWorkers, localCaseWorkers } from './caseWorkers';

/** Free memory that a case at work may need: a large CT, its resampled copy and its label map. */
const BYTES_PER_CASE = 2e9;

/** As many cases at once as there are processors and memory for. The main thread only waits and writes. */
export function usualCasesAtOnce(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / BYTES_PER_CASE)));
}

/** Works on `count` cases at once: in threads, one alone in this thread. */
export function workersFor(count: number): CaseWorkers {
  return count === 1 ? localCaseWorkers({ atOnce: 1 }) : nodeCaseWorkers(count);
}

/**
 * Works on cases in `count` threads of Node. `workerFile`: the bundle of `workers/nodeCase.worker.ts`, which lies
 * beside every bundle made with it. Close it when done.
 */
export function nodeCaseWorkers(
  count = usualCasesAtOnce(),
  workerFile = new URL('nodeCase.worker.mjs', import.meta.url),
): CaseWorkers {
  return casePool(count, ({ answer, death }) => {
    // geotiff's web-worker looks into what the thread was given, and fails where that is nothing.
    const worker = new Worker(workerFile, { workerData: {} });
    // An idle thread keeps nobody waiting.
    worker.unref();
    worker.on('message', (message: CaseAnswer) => answer(message));
    worker.on('messageerror', ({ message }) => death(message));
    worker.on('error', ({ message }) => death(message));
    worker.on('exit', (code) => death(`exit code ${code}`));
    return {
      post: (request) => worker.postMessage(request),
      terminate: () => void worker.terminate(),
    };
  });
}
