import { type Remote, wrap } from 'comlink';
import { messageOf, StudioError } from '@/shared/errors';
import { binary, type ScriptName, scriptAddress } from './ownParts';
import { noteRequests } from './requestLog';
import { BINARY_NAMES, isRequestMessage, type PartMessage, type SharedPart } from './sharedParts';

/** A worker by its typed API. */
export interface WorkerClient<Api> {
  /**
   * Asks the worker, which is started by the first question. Rejects with `WorkerCrashed` if the worker dies before it
   * answers, which comlink does not notice, and with `PartNotLoaded` where its script is not there.
   */
  ask<Answer>(question: (remote: Remote<Api>) => Promise<Answer>): Promise<Answer>;
  /** Ends the worker at once, if it runs. */
  close(): void;
}

interface Running<Api> {
  readonly worker: Worker;
  readonly remote: Remote<Api>;
  readonly died: Promise<never>;
}

export function workerClient<Api>(name: ScriptName): WorkerClient<Api> {
  let running: Promise<Running<Api>> | undefined;
  let isClosed = false;
  return {
    async ask(question) {
      running ??= start<Api>(name);
      const { remote, died, worker } = await running;
      if (isClosed) {
        worker.terminate();
        throw new DOMException('The worker was closed.', 'AbortError');
      }
      return Promise.race([question(remote), died]);
    },
    close() {
      isClosed = true;
      running?.then(
        ({ worker }) => worker.terminate(),
        () => undefined, // it never started
      );
    },
  };
}

async function start<Api>(name: ScriptName): Promise<Running<Api>> {
  const worker = new Worker(await scriptAddress(name), { type: 'module' });
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
  worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (isRequestMessage(data)) noteRequests(data.requests);
  });
  const send = (message: PartMessage) => worker.postMessage(message);
  for (const part of BINARY_NAMES) {
    void settled(binary(part)).then((content) => send({ nnstudio: 'binary', name: part, part: content }));
  }
  void settled(scriptAddress('case')).then((part) => send({ nnstudio: 'caseScript', part }));
  return { worker, remote: wrap<Api>(worker), died };
}

async function settled<Content>(content: Promise<Content>): Promise<SharedPart<Content>> {
  try {
    return { content: await content };
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error';
    return { error: { name, message: messageOf(error) } };
  }
}
