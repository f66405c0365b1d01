import { describe, expect, test as plainTest } from 'vitest';
import { BenchmarkEstimate } from '@/app/system/benchmarkEstimate';
import { benchmarkGpu } from '@/app/system/benchmarkGpu';
import { BENCHMARK_NETWORKS, type BenchmarkNetwork, plainUNet } from '@/app/system/benchmarkNetworks';
import { measureTrainingStep, planBenchmarkStep } from '@/app/system/benchmarkPasses';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import type { BenchmarkProgress, BenchmarkRow } from '@/workers/system/api';
import { test } from '../../support/gpu';
import { plannedDevice } from '../../support/plannedDevice';

const TINY: BenchmarkNetwork = {
  name: 'tiny',
  architecture: plainUNet(3, [4, 8]),
  patchSize: [8, 8, 8],
  batch: 2,
};
/** One feature map of it is larger than any buffer. */
const HUGE: BenchmarkNetwork = { ...TINY, name: 'huge', patchSize: [1024, 1024, 1024] };

const reasonOf = ({ outcome }: BenchmarkRow) => ('leftOut' in outcome ? outcome.leftOut : undefined);

describe('benchmark of an adapter', () => {
  test('gives peaks and figures, says what does not fit, and leaves nothing on the GPU', async ({ gpu }) => {
    const told: BenchmarkProgress[] = [];
    const figures = await benchmarkGpu({
      open: async () => ({ ...gpu, close: () => undefined }),
      networks: [TINY, HUGE],
      limitSeconds: Number.POSITIVE_INFINITY,
      onProgress: (progress) => told.push(progress),
    });
    expect(figures.facts).toEqual(gpu.facts);
    expect(figures.peak.f32).toBeGreaterThan(1e8);
    expect(figures.peak.f16 !== undefined).toBe(gpu.facts.hasF16);
    expect(figures.peak.copy).toBeGreaterThan(1e7);
    const [forward, step, ...huge] = figures.rows;
    for (const [row, pass] of [
      [forward, 'forward'],
      [step, 'training step'],
    ] as const) {
      expect(row).toMatchObject({ network: 'tiny', batch: 2, pass });
      if ('leftOut' in row.outcome) throw new Error(row.outcome.leftOut);
      const { ms, flops, samples, dispatches, plannedBytes, allocatedBytes } = row.outcome;
      expect(ms).toBeGreaterThan(0);
      expect(samples).toBeGreaterThanOrEqual(1);
      expect(dispatches).toBeGreaterThan(10);
      expect(Math.abs(allocatedBytes - plannedBytes)).toBeLessThanOrEqual(0.01 * plannedBytes);
      expect(flops / ms / 1e-3).toBeLessThan(figures.peak.f32);
    }
    expect(huge.map(reasonOf)).toEqual([
      expect.stringMatching(/needs one buffer of .* GB/),
      expect.stringMatching(/needs one buffer of .* GB/),
    ]);
    const steps = gpu.facts.hasF16 ? 7 : 6;
    expect(told.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
    expect(told.every((progress) => progress.steps === steps)).toBe(true);
    expect(told.at(-1)).toMatchObject({ doing: 'huge: training step', rows: figures.rows.slice(0, 3) });
    expect(gpu.memory.currentBytes).toBe(0);
  });

  plainTest('leaves out what the time limit does not hold, once a rate is known', async () => {
    const large = { ...TINY, name: 'large', patchSize: [512, 512, 512] };
    const figures = await benchmarkGpu({ open: openNodeGpu, networks: [TINY, large], limitSeconds: 20 });
    const [forward, step, ...others] = figures.rows.map(reasonOf);
    expect([forward, step]).toEqual([undefined, undefined]);
    expect(others).toEqual([
      expect.stringMatching(/^no time: about \d+ (s|min|h)$/),
      expect.stringMatching(/^no time: about \d+ (s|min|h)$/),
    ]);
    expect(figures.seconds).toBeLessThan(40);
  });

  plainTest('goes on with the next network on a new device where one is lost', async () => {
    const opened: Gpu[] = [];
    const figures = await benchmarkGpu({
      open: async () => {
        opened.push(await openNodeGpu());
        return opened[opened.length - 1];
      },
      networks: [TINY, { ...TINY, name: 'next' }],
      limitSeconds: Number.POSITIVE_INFINITY,
      onProgress: ({ doing }) => {
        if (doing === 'tiny: forward') opened[0].device.destroy();
      },
    });
    expect(opened).toHaveLength(2);
    const [lost, ...others] = figures.rows.map(reasonOf);
    expect(lost).toMatch(/GPU/);
    expect(others).toEqual([undefined, undefined, undefined]);
  });

  plainTest('ends at once when cancelled', async () => {
    const controller = new AbortController();
    const work = benchmarkGpu({
      open: openNodeGpu,
      networks: [TINY],
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(work).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  });
});

describe('benchmark networks', () => {
  plainTest.each(BENCHMARK_NETWORKS)('$name can be planned as one training step', (network) => {
    const { plan, bytes } = planBenchmarkStep(network, plannedDevice());
    expect(plan.flops).toBeGreaterThan(1e8);
    expect(bytes.peak).toBeLessThan(8 * 2 ** 30);
  });

  test('the training step that is measured is the one that is planned', async ({ gpu }) => {
    const figures = await measureTrainingStep(gpu, TINY);
    const planned = planBenchmarkStep(TINY, gpu);
    expect(figures.flops).toBe(planned.plan.flops);
    expect(figures.plannedBytes).toBe(planned.bytes.peak);
  });
});

describe('estimate of the time left', () => {
  plainTest('knows nothing before the first measurement, then goes by the best rate', () => {
    const estimate = new BenchmarkEstimate();
    expect(estimate.isKnown).toBe(false);
    const pass = (estimatedFlops: number, estimatedKernels: number) => ({ estimatedFlops, estimatedKernels });
    expect(estimate.msOf(pass(1e12, 10))).toBe(0);
    // Two runs of 4 s in 8 s, and 2 s for compiling.
    estimate.learn(pass(0, 10), { ms: 4000, flops: 4e9 }, 10_000);
    expect(estimate.msOf(pass(1e10, 30))).toBe(20_000 + 6000);
    estimate.learn(pass(0, 10), { ms: 4000, flops: 4e10 }, 8000);
    const [fits, fitsNot] = [pass(1e11, 30), pass(1e13, 30)];
    expect(estimate.msOf(fits)).toBe(20_000);
    expect(estimate.msOfFitting([fits, fitsNot, fits], 50_000)).toBe(40_000);
  });
});
