import type { gpuLocks } from '@/app/gpuLocks';

type Locks = NonNullable<Parameters<typeof gpuLocks>[0]>;

/** Web Locks of one process: exclusive, first come, first served. */
export function memoryLocks(): Locks {
  const queues = new Map<string, Promise<unknown>>();
  const held = new Set<string>();
  async function request(name: string, ...rest: readonly unknown[]): Promise<unknown> {
    const work = rest[rest.length - 1] as () => unknown;
    const { signal } = (rest.length > 1 ? rest[0] : {}) as { readonly signal?: AbortSignal };
    const before = queues.get(name);
    const aborted = new Promise<never>((_, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason)),
    );
    const turn = Promise.race([before, aborted]);
    const ended = turn.then(async () => {
      held.add(name);
      try {
        return await work();
      } finally {
        held.delete(name);
      }
    });
    queues.set(name, Promise.allSettled([before, ended]));
    return ended;
  }
  return {
    request: request as Locks['request'],
    query: async () => ({ held: [...held].map((name) => ({ name })), pending: [] }),
  };
}
