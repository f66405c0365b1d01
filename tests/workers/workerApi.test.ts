// The bridge to workers, over a worker of this thread: its two ends are those of a message channel.
import { expose } from 'comlink';
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { type CallableApi, withMethods, workerApi } from '@/workers/workerApi';

vi.mock('@/workers/ownParts', () => ({
  scriptAddress: async () => 'memory:script',
  binary: async () => new Blob(),
}));

interface SumApi {
  add(a: number, b: number, onStep: (sum: number) => void): Promise<number>;
  fail(): Promise<void>;
  never(): Promise<void>;
  note(what: string): void;
}

let noted: string[] = [];
const sums: SumApi = {
  async add(a, b, onStep) {
    await onStep(a);
    await onStep(a + b);
    return a + b;
  },
  fail: () => Promise.reject(Object.assign(new Error('no sum'), { name: 'NoSum' })),
  never: () => new Promise(() => undefined),
  note: (what) => void noted.push(what),
};

class ChannelWorker {
  static all: ChannelWorker[] = [];
  readonly address: string;
  isTerminated = false;
  private readonly channel = new MessageChannel();
  private readonly onError = new Set<(event: { message: string }) => void>();

  constructor(address: string) {
    this.address = address;
    ChannelWorker.all.push(this);
    const { port2 } = this.channel;
    expose(sums, port2 as unknown as Parameters<typeof expose>[1]);
  }

  addEventListener(kind: string, listener: (event: never) => void): void {
    if (kind === 'error') this.onError.add(listener as never);
    else this.channel.port1.addEventListener(kind, listener as never);
    this.channel.port1.start();
  }

  removeEventListener(kind: string, listener: (event: never) => void): void {
    this.channel.port1.removeEventListener(kind, listener as never);
  }

  postMessage(message: unknown, transfer: Transferable[] = []): void {
    this.channel.port1.postMessage(message, transfer);
  }

  terminate(): void {
    this.isTerminated = true;
    this.channel.port1.close();
  }

  crash(message: string): void {
    for (const listener of this.onError) listener({ message });
  }
}

beforeEach(() => {
  ChannelWorker.all = [];
  noted = [];
  vi.stubGlobal('Worker', ChannelWorker);
});

afterEach(() => {
  for (const worker of ChannelWorker.all) worker.terminate();
  vi.unstubAllGlobals();
});

describe('the API of a worker', () => {
  test('starts the worker with its first call, passes callbacks, and answers', async () => {
    const { api } = workerApi<SumApi>('files');
    expect(ChannelWorker.all).toHaveLength(0);
    const steps: number[] = [];
    expect(await api.add(2, 3, (sum) => void steps.push(sum))).toBe(5);
    expect(steps).toEqual([2, 5]);
    api.note('seen');
    expect(await api.add(1, 1, () => undefined)).toBe(2);
    expect(noted).toEqual(['seen']);
    expect(ChannelWorker.all.map(({ address }) => address)).toEqual(['memory:script']);
  });

  test('tells what the worker throws by its name', async () => {
    await expect(workerApi<SumApi>('files').api.fail()).rejects.toMatchObject({
      name: 'NoSum',
      message: 'no sum',
    });
  });

  test('may be what a promise resolves to', async () => {
    const { api } = workerApi<SumApi>('files');
    expect(await Promise.resolve(api)).toBe(api);
    expect(ChannelWorker.all).toHaveLength(0);
  });

  test('a crash rejects what is under way', async () => {
    const { api } = workerApi<SumApi>('files');
    await api.add(1, 1, () => undefined);
    const waiting = api.never();
    ChannelWorker.all[0].crash('out of memory');
    const error: unknown = await waiting.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'WorkerCrashed', message: expect.stringContaining('out of memory') });
  });

  test('closed, it rejects what is under way with the reason, and starts anew with the next call', async () => {
    const { api, close } = workerApi<SumApi>('files');
    await api.add(1, 1, () => undefined);
    const waiting = api.never();
    close(new DOMException('cancelled', 'AbortError'));
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError', message: 'cancelled' });
    expect(ChannelWorker.all[0].isTerminated).toBe(true);
    expect(await api.add(4, 4, () => undefined)).toBe(8);
    expect(ChannelWorker.all).toHaveLength(2);
  });

  test('closed before its script is there, it starts no worker', async () => {
    const { api, close } = workerApi<SumApi>('files');
    const waiting = api.never();
    close();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(ChannelWorker.all).toHaveLength(0);
  });

  test('some methods may be answered otherwise', async () => {
    const { api } = workerApi<SumApi>('files');
    const other = withMethods(api, { never: async () => undefined, close: () => 'closed' });
    await other.never();
    expect(other.close()).toBe('closed');
    expect(ChannelWorker.all).toHaveLength(0);
    expect(await other.add(1, 2, () => undefined)).toBe(3);
  });
});

test('an API has methods alone that answer later, or not at all', () => {
  expectTypeOf<SumApi>().toExtend<CallableApi<SumApi>>();
  expectTypeOf<{ size(): number }>().not.toExtend<CallableApi<{ size(): number }>>();
  expectTypeOf<{ size: number }>().not.toExtend<CallableApi<{ size: number }>>();
});
