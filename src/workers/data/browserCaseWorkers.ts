import { isRequestMessage } from '@/workers/sharedParts';
import { caseScriptAddress, passPartsTo } from '@/workers/workerSide';
import type { CaseAnswer } from './caseMessages';
import { casePool } from './casePool';
import type { CaseWorkers } from './caseWorkers';

/** A browser tab gets about this much memory, whatever the machine has. */
const MAX_THREADS = 4;

/** A thread for each processor but the page's own. */
function usualThreads(): number {
  return Math.max(1, Math.min(MAX_THREADS, navigator.hardwareConcurrency - 1));
}

/** Works on cases in Web Workers, started from another worker. Close it when done. */
export function browserCaseWorkers(count = usualThreads()): CaseWorkers {
  return casePool(count, ({ answer, death }) => {
    let isEnded = false;
    let end: () => void = () => undefined;
    const starting = caseScriptAddress().then((script) => {
      if (isEnded) return undefined;
      const worker = new Worker(script, { type: 'module' });
      const stopPassing = passPartsTo(worker);
      end = () => {
        stopPassing();
        worker.terminate();
      };
      worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        if (isRequestMessage(data)) postMessage(data);
        else answer(data as CaseAnswer);
      });
      worker.addEventListener('messageerror', () => death('its answer could not be read'));
      worker.addEventListener('error', ({ message }) => death(message || 'the browser gave no reason'));
      return worker;
    });
    starting.catch(death);
    return {
      post: (request) =>
        void starting.then(
          (worker) => worker?.postMessage(request),
          () => undefined, // told as its death
        ),
      terminate: () => {
        isEnded = true;
        end();
      },
    };
  });
}
