import { type Remote, wrap } from 'comlink';
import { StudioError } from '@/shared/errors';

/** A worker's typed API, and a promise that rejects when the worker itself dies, which comlink does not notice. */
export interface WorkerClient<Api> {
  readonly remote: Remote<Api>;
  /** Settles as `answer` does, or rejects with `WorkerCrashed` if the worker dies first. */
  whileAlive<Answer>(answer: Promise<Answer>): Promise<Answer>;
}

export function workerClient<Api>(worker: Worker): WorkerClient<Api> {
  const died = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      reject(
        new StudioError(
          'WorkerCrashed',
          `A background worker stopped: ${event.message || 'the browser gave no reason'}.`,
          'Reload the page; models and cases are kept. If it happens again, the image may be too large for this computer.',
        ),
      );
    });
  });
  died.catch(() => undefined);
  return { remote: wrap<Api>(worker), whileAlive: (answer) => Promise.race([answer, died]) };
}
