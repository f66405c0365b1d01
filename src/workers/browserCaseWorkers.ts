import scriptAddress from '../../workers/case.worker.ts?worker&url';
import type { CaseAnswer } from './caseMessages';
import { casePool } from './casePool';
import type { CaseWorkers } from './caseWorkers';

/** A browser tab gets about this much memory, whatever the machine has. */
const MAX_THREADS = 4;

/** Where threads find their script: fetched with the page, so that nothing is asked for when they start. */
let script = scriptAddress;
if (import.meta.env.PROD) {
  void fetch(scriptAddress)
    .then((answer) => answer.blob())
    .then(
      (content) => {
        script = URL.createObjectURL(content);
      },
      () => undefined, // fetched once more when it is needed, which then says what is wrong
    );
}

/** A thread for each processor but the page's own. */
function usualThreads(): number {
  return Math.max(1, Math.min(MAX_THREADS, navigator.hardwareConcurrency - 1));
}

/** Works on cases in Web Workers, started from the page or from another worker. Close it when done. */
export function browserCaseWorkers(count = usualThreads()): CaseWorkers {
  return casePool(count, ({ answer, death }) => {
    const worker = new Worker(script, { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<CaseAnswer>) => answer(data));
    worker.addEventListener('messageerror', () => death('its answer could not be read'));
    worker.addEventListener('error', ({ message }) => death(message || 'the browser gave no reason'));
    return {
      post: (request) => worker.postMessage(request),
      terminate: () => worker.terminate(),
    };
  });
}
