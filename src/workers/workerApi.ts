// The bridge from the page to its workers: an API that is called like one of the page's own objects, and answered by a
// worker. Nothing is written for each method: arguments and answers go as they are, callbacks are called on the page.

import { proxy, wrap } from 'comlink';
import { messageOf, StudioError } from '@/shared/errors';
import { binary, type ScriptName, scriptAddress } from './ownParts';
import { noteRequests } from './requestLog';
import { BINARY_NAMES, isRequestMessage, type PartMessage, type SharedPart } from './sharedParts';

/** What a worker can offer: methods that answer later, or not at all. Another kind of member does not compile. */
export type CallableApi<Api> = {
  readonly [Name in keyof Api]: Api[Name] extends (...args: never[]) => infer Answer
    ? Answer extends Promise<unknown>
      ? Api[Name]
      : undefined extends Answer // as it is where nothing is answered
        ? Api[Name]
        : never
    : never;
};

/** A worker by its typed API. */
export interface WorkerBridge<Api> {
  /**
   * Its first call starts the worker. Calls reject with `WorkerCrashed` if the worker dies before it answers, which comlink
   * does not notice, and with `PartNotLoaded` where its script is not there.
   */
  readonly api: Api;
  /** Ends the worker at once, if it runs: calls under way reject with `reason`, the next call starts another worker. */
  close(reason?: unknown): void;
}

/** The API that a script serves, in a worker of its own. */
export function workerApi<Api extends CallableApi<Api>>(script: ScriptName): WorkerBridge<Api> {
  let session: Session | undefined;
  const call = (method: string, args: readonly unknown[]): Promise<unknown> => {
    session ??= beginSession(script);
    return session.call(method, args);
  };
  const api = new Proxy<object>(
    {},
    {
      get(_, name) {
        // A promise that resolves to the API looks for `then`; symbols are asked for by whoever prints it.
        if (typeof name === 'symbol' || name === 'then') return undefined;
        return (...args: readonly unknown[]) => call(name, args);
      },
    },
  );
  return {
    api: api as Api,
    close(reason = new DOMException('The worker was closed.', 'AbortError')) {
      session?.end(reason);
      session = undefined;
    },
  };
}

/** The same API, but for some methods. */
export function withMethods<Api extends object, Methods extends object>(
  api: Api,
  methods: Methods & Partial<Api>,
): Api & Methods {
  const get = (all: object, name: string | symbol): unknown =>
    Reflect.get(methods, name) ?? Reflect.get(all, name);
  return new Proxy<object>(api, { get }) as Api & Methods;
}

/** One life of a worker. */
interface Session {
  call(method: string, args: readonly unknown[]): Promise<unknown>;
  /** Calls under way reject with `reason`. */
  end(reason: unknown): void;
}

type Call = (...args: readonly unknown[]) => Promise<unknown>;

function beginSession(script: ScriptName): Session {
  let worker: Worker | undefined;
  let hasEnded = false;
  let fail: (reason: unknown) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    fail = reject;
  });
  ended.catch(() => undefined); // told to whoever waits for an answer
  const started = scriptAddress(script).then((address) => {
    if (hasEnded) return ended;
    worker = startWorker(address, fail);
    return { remote: wrap<Record<string, Call>>(worker) };
  });
  return {
    async call(method, args) {
      const { remote } = await Promise.race([started, ended]);
      return Promise.race([remote[method](...args.map(crossing)), ended]);
    },
    end(reason) {
      hasEnded = true;
      worker?.terminate();
      fail(reason);
    },
  };
}

/** As it goes to the worker: a callback stays here and is called from there. */
function crossing(value: unknown): unknown {
  return typeof value === 'function' ? proxy(value as (...args: never[]) => unknown) : value;
}

/** Starts a worker, hands it the parts that the page has fetched, and listens to its requests. */
function startWorker(address: string, onCrash: (error: StudioError) => void): Worker {
  const worker = new Worker(address, { type: 'module' });
  worker.addEventListener('error', (event) => {
    onCrash(
      new StudioError(
        'WorkerCrashed',
        `A background worker stopped: ${event.message || 'the browser gave no reason'}.`,
        'Reload the page; models and cases are kept. If it happens again, the image may be too large for this computer.',
      ),
    );
  });
  worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (isRequestMessage(data)) noteRequests(data.requests);
  });
  const send = (message: PartMessage) => worker.postMessage(message);
  for (const name of BINARY_NAMES) {
    void settled(binary(name)).then((part) => send({ nnstudio: 'binary', name, part }));
  }
  void settled(scriptAddress('case')).then((part) => send({ nnstudio: 'caseScript', part }));
  return worker;
}

async function settled<Content>(content: Promise<Content>): Promise<SharedPart<Content>> {
  try {
    return { content: await content };
  } catch (error) {
    const name = error instanceof Error ? error.name : 'Error';
    return { error: { name, message: messageOf(error) } };
  }
}
