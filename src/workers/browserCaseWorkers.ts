import type { CaseAnswer } from './caseMessages';
import { casePool } from './casePool';
import type { CaseWorkers } from './caseWorkers';

/** A browser tab gets about this much memory, whatever the machine has. */
const MAX_THREADS = 4;

/** A thread for each processor but the page's own. */
function usualThreads(): number {
  return Math.max(1, Math.min(MAX_THREADS, navigator.hardwareConcurrency - 1));
}

/** Works on cases in Web Workers, started from the page or from another worker. Close it when done. */
export function browserCaseWorkers(count = usualThreads()): CaseWorkers {
  return casePool(count, ({ answer, death }) => {
    const worker = new Worker(new URL('../../workers/case.worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<CaseAnswer>) => answer(data));
    worker.addEventListener('messageerror', () => death('its answer could not be read'));
    worker.addEventListener('error', ({ message }) => death(message || 'the browser gave no reason'));
    return {
      post: (request) => worker.postMessage(request),
      terminate: () => worker.terminate(),
    };
  });
}
