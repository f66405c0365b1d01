import { describe, expect, test } from 'vitest';
import { createBenchmark } from '@/app/system/benchmarkStore';
import { readUserAgent } from '@/app/system/browserEnvironment';
import type { BenchmarkFigures, BenchmarkProgress } from '@/workers/system/api';

const FIGURES: BenchmarkFigures = {
  startedAt: 1,
  seconds: 2,
  limitSeconds: 60,
  areKernelsMeasured: true,
  facts: {
    vendor: 'v',
    architecture: 'a',
    description: 'd',
    isSoftware: true,
    hasF16: false,
    hasSubgroups: false,
    subgroupSize: undefined,
    hasTimestamps: false,
  },
  limits: { maxBufferSize: 1, maxStorageBufferBindingSize: 1, maxComputeWorkgroupStorageSize: 1 },
  peak: { f32: 1e9, copy: 1e9 },
  rows: [],
};
const PROGRESS: BenchmarkProgress = {
  step: 1,
  steps: 3,
  doing: 'memory copy',
  share: 0,
  secondsLeft: undefined,
  peak: {},
  rows: [],
};
const ENVIRONMENT = { version: '1', runtime: 'Chrome', system: 'Linux' };

function memoryStorage(): Storage {
  const values = new Map<string, string>();
  return {
    get length() {
      return values.size;
    },
    key: (i) => [...values.keys()][i] ?? null,
    clear: () => values.clear(),
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

function deferred<Value>() {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<Value>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

/** A benchmark whose end the test decides. */
function setUp(storage = memoryStorage()) {
  const ends = deferred<BenchmarkFigures>();
  const limits: (number | undefined)[] = [];
  const benchmark = createBenchmark({
    measure: async (limitSeconds, onProgress, signal) => {
      limits.push(limitSeconds);
      onProgress(PROGRESS);
      signal.addEventListener('abort', () => ends.reject(signal.reason));
      return ends.promise;
    },
    environment: async () => ENVIRONMENT,
    exclusively: async (work, signal, onWait) => {
      onWait('training');
      signal.throwIfAborted();
      await work();
    },
    storage,
  });
  return { benchmark, ends, limits, storage };
}

describe('benchmark of the studio', () => {
  test('tells how far it is, and keeps the report beyond the page', async () => {
    const { benchmark, ends, limits, storage } = setUp();
    const done = benchmark.start(60);
    await Promise.resolve();
    expect(benchmark.store.getState().run).toEqual({ status: 'running', progress: PROGRESS });
    ends.resolve(FIGURES);
    await done;
    expect(benchmark.store.getState().run).toEqual({ status: 'idle' });
    expect(limits).toEqual([60]);
    const reloaded = setUp(storage).benchmark.store.getState();
    expect(reloaded.run).toEqual({ status: 'idle' });
    expect(reloaded.report).toMatchObject({ figures: { peak: FIGURES.peak }, environment: ENVIRONMENT });
  });

  test('cancelled, it is idle again and the last report stays', async () => {
    const { benchmark, storage } = setUp();
    const done = benchmark.start(undefined);
    benchmark.cancel();
    await done;
    expect(benchmark.store.getState()).toEqual({ run: { status: 'idle' }, report: undefined });
    expect(setUp(storage).benchmark.store.getState().report).toBeUndefined();
  });

  test('a failure is told in words, and another run may follow', async () => {
    const { benchmark, ends, limits } = setUp();
    const done = benchmark.start(1);
    ends.reject(new Error('No WebGPU adapter was found.'));
    await done;
    expect(benchmark.store.getState().run).toEqual({
      status: 'failed',
      message: 'No WebGPU adapter was found.',
    });
    await benchmark.start(2);
    expect(limits).toEqual([1, 2]);
  });

  test('a second start while one runs does nothing', async () => {
    const { benchmark, ends, limits } = setUp();
    const done = benchmark.start(1);
    await benchmark.start(2);
    ends.resolve(FIGURES);
    await done;
    expect(limits).toEqual([1]);
  });
});

describe('what a user agent says', () => {
  test.each([
    {
      userAgent:
        'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
      runtime: 'Safari 26.0',
      system: 'Macintosh; Intel Mac OS X 10_15_7',
    },
    {
      userAgent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0',
      runtime: 'Firefox 141.0',
      system: 'Windows NT 10.0; Win64; x64',
    },
    {
      userAgent:
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36 Edg/144.0.0.0',
      runtime: 'Edge 144.0.0.0',
      system: 'X11; Linux x86_64',
    },
    { userAgent: 'other/1', runtime: 'other/1', system: 'unknown system' },
  ])('$runtime', ({ userAgent, runtime, system }) => {
    expect(readUserAgent(userAgent)).toEqual({ runtime, system });
  });
});
