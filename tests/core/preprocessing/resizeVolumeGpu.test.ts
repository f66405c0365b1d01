import { test as cpuTest, describe, expect } from 'vitest';
import { bandedTaps, tapsRange } from '@/core/preprocessing/axisTaps';
import { resampleChannel } from '@/core/preprocessing/resampleAsync';
import { type ResampleRequest, resampleData } from '@/core/preprocessing/resampling';
import { resizeVolumeGpu } from '@/core/preprocessing/resizeVolumeGpu';
import { planAxis } from '@/core/preprocessing/splineAxis';
import type { Gpu } from '@/gpu/device';
import * as reference from '@/kernels/resampleAxis.reference';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { test } from '../../support/gpu';
import { defaultResampling } from '../../support/plans';

/** The GPU against the exact CPU path, data of unit variance. */
const TOLERANCE = 1e-5;

const torch = { ...defaultResampling(1), functionName: 'resample_torch_fornnunet' } as const;
const isotropic = { spacing: [1, 1, 1], newSpacing: [1, 1, 1] } as const;

const CASES: readonly ResampleRequest[] = [
  { ...isotropic, shape: [13, 17, 15], newShape: [20, 26, 23], resampling: defaultResampling(3) },
  { ...isotropic, shape: [21, 18, 24], newShape: [13, 11, 15], resampling: defaultResampling(3) },
  { ...isotropic, shape: [1, 1, 1], newShape: [2, 3, 5], resampling: defaultResampling(3) },
  { ...isotropic, shape: [1, 61, 47], newShape: [1, 33, 90], resampling: defaultResampling(3) },
  { ...isotropic, shape: [40, 1, 3], newShape: [77, 2, 1], resampling: defaultResampling(3) },
  { ...isotropic, shape: [9, 30, 31], newShape: [9, 30, 62], resampling: defaultResampling(3) },
  { ...isotropic, shape: [9, 30, 31], newShape: [4, 30, 31], resampling: defaultResampling(3) },
  { ...isotropic, shape: [9, 10, 31], newShape: [12, 15, 20], resampling: defaultResampling(1) },
  { ...isotropic, shape: [9, 10, 31], newShape: [12, 15, 20], resampling: defaultResampling(0) },
  { ...isotropic, shape: [9, 10, 31], newShape: [12, 15, 20], resampling: torch },
  {
    shape: [7, 28, 26],
    newShape: [11, 37, 34],
    spacing: [6, 1, 1],
    newSpacing: [4, 0.8, 0.8],
    resampling: defaultResampling(3),
  },
  {
    shape: [28, 7, 26],
    newShape: [37, 5, 34],
    spacing: [1, 6, 1],
    newSpacing: [0.8, 8, 0.8],
    resampling: { ...defaultResampling(3), orderZ: 1 },
  },
  {
    shape: [28, 26, 7],
    newShape: [28, 26, 12],
    spacing: [1, 1, 6],
    newSpacing: [1, 1, 3],
    resampling: defaultResampling(3),
  },
];

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
}

describe('resampling on the GPU', () => {
  for (const request of CASES) {
    const { shape, newShape, spacing, resampling } = request;
    test(`${shape} to ${newShape} at ${spacing}, ${resampling.functionName} order ${resampling.order}`, async ({
      gpu,
    }) => {
      const source = randomNormal(elementCount(shape), 11);
      const target = new Float32Array(elementCount(newShape));
      await resampleChannel(source, target, request, { gpu, gpuFromVoxels: 0 });
      expect(largestDifference(target, resampleData(source, 1, request))).toBeLessThan(TOLERANCE);
    });
  }

  const shape = [24, 300, 20] as const;
  const newShape = [30, 210, 26] as const;
  const method = { orderInPlane: 3, orderZ: 3, clip: 'volume' } as const;
  /** The device as an adapter with small bindings would give it. */
  const withBindings = (gpu: Gpu, maxStorageBufferBindingSize: number): Gpu => ({
    ...gpu,
    limits: new Proxy(gpu.limits, {
      get: (limits, name) =>
        name === 'maxStorageBufferBindingSize'
          ? maxStorageBufferBindingSize
          : Reflect.get(limits, name, limits),
    }),
  });

  test('a volume above the binding limit is cut into bands that join without a seam', async ({ gpu }) => {
    const source = randomNormal(elementCount(shape), 13);
    const whole = new Float32Array(elementCount(newShape));
    const banded = new Float32Array(elementCount(newShape));
    const shares: number[] = [];
    await resizeVolumeGpu(gpu, source, shape, whole, newShape, method);
    const small = withBindings(gpu, 200_000);
    expect(
      await resizeVolumeGpu(small, source, shape, banded, newShape, method, (share) => shares.push(share)),
    ).toBe(true);
    expect(shares.length).toBeGreaterThan(3);
    expect(shares.at(-1)).toBe(1);
    expect(largestDifference(banded, whole)).toBeLessThan(1e-6);
  });

  test('where not one row fits, nothing is done and the CPU takes over', async ({ gpu }) => {
    const source = randomNormal(elementCount(shape), 13);
    const target = new Float32Array(elementCount(newShape));
    const tiny = withBindings(gpu, 4096);
    expect(await resizeVolumeGpu(tiny, source, shape, target, newShape, method)).toBe(false);
    const request = { ...isotropic, shape, newShape, resampling: defaultResampling(3) };
    await resampleChannel(source, target, request, { gpu: tiny, gpuFromVoxels: 0 });
    expect(target).toEqual(resampleData(source, 1, request));
  });

  test('nothing stays allocated, and stopping is heard between bands', async ({ gpu }) => {
    const before = gpu.memory.currentBytes;
    const source = randomNormal(elementCount(shape), 13);
    const target = new Float32Array(elementCount(newShape));
    const controller = new AbortController();
    const small = withBindings(gpu, 200_000);
    const request = { ...isotropic, shape, newShape, resampling: defaultResampling(3) };
    const run = resampleChannel(source, target, request, {
      gpu: small,
      gpuFromVoxels: 0,
      signal: controller.signal,
      onProgress: (share) => share > 0.2 && controller.abort(),
    });
    await expect(run).rejects.toThrow(/abort/i);
    expect(gpu.memory.currentBytes).toBe(before);
  });
});

describe('bandedTaps', () => {
  cpuTest.each([
    { nIn: 1, nOut: 4 },
    { nIn: 3, nOut: 50 },
    { nIn: 100, nOut: 37 },
    { nIn: 31, nOut: 64 },
  ])('one matrix does what prefilter and evaluation do, $nIn to $nOut', ({ nIn, nOut }) => {
    const x = randomNormal(nIn, 17);
    const request = { ...isotropic, shape: [1, 1, nIn], newShape: [1, 1, nOut] } as const;
    for (const order of [0, 1, 3] as const) {
      const taps = bandedTaps(planAxis(nIn, nOut, order));
      const expected = resampleData(x, 1, { ...request, resampling: defaultResampling(order) });
      const low = Math.min(...x);
      const high = Math.max(...x);
      const y = reference.resampleAxis(x, taps, 1, [low, high]);
      expect(largestDifference(Float32Array.from(y), expected)).toBeLessThan(2e-6);
      for (let k = 0; k < nOut; k++) {
        const sum = taps.weights.subarray(k * taps.taps, (k + 1) * taps.taps).reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(1, 6);
      }
    }
  });

  cpuTest('a range of outputs reads only its own samples', () => {
    const range = tapsRange(bandedTaps(planAxis(200, 100, 3)), 40, 60);
    expect(range.first).toBeGreaterThan(50);
    expect(range.nIn).toBeLessThan(80);
    for (const start of range.start) expect(start + range.taps).toBeLessThanOrEqual(range.nIn);
  });
});
