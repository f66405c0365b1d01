import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { copyForward } from '@/kernels/elementwise';
import {
  normApplyReference,
  normGradientSumsReference,
  normInputGradientReference,
  normStatisticsReference,
} from '@/kernels/norm.reference';
import {
  normApply,
  normGradientSums,
  normInputGradient,
  normScratchSize,
  normStatistics,
} from '@/kernels/normTraining';
import type { FeatureDtype } from '@/kernels/storage';
import { test } from '../support/gpu';
import { halfError, normalHalves, normals, relativeError, runKernel, scratch } from './device';

const EPS = 1e-5;
const NEGATIVE_SLOPE = 0.01;

interface Case {
  readonly shape: readonly [number, number, number];
  readonly hasResidual: boolean;
  readonly bindingBytes?: number;
}

const CASES: readonly Case[] = [
  { shape: [1, 1, 1], hasResidual: false },
  { shape: [2, 3, 5], hasResidual: true },
  { shape: [2, 3, 315], hasResidual: false },
  { shape: [2, 5, 512], hasResidual: true },
  { shape: [1, 2, 49_152], hasResidual: false },
  { shape: [2, 3, 33_001], hasResidual: true, bindingBytes: 300_000 },
  { shape: [2, 37, 1000], hasResidual: true, bindingBytes: 65_536 },
];

function expectNear(storage: FeatureDtype, actual: Float32Array, expected: Float64Array): void {
  if (storage === 'f16') expect(halfError(actual, expected)).toBeLessThanOrEqual(1);
  else expect(relativeError(actual, expected)).toBeLessThan(4e-6);
}

/** A norm in training, its inputs exact in either storage. */
async function problemOf(gpu: Gpu, storage: FeatureDtype, { shape, hasResidual, bindingBytes }: Case) {
  const [batch, channels, planeLength] = shape;
  const planes = batch * channels;
  const size = planes * planeLength;
  const x = normalHalves(size, 1);
  const affine = { weight: normals(channels, 2), bias: normals(channels, 3) };
  const norm = { planes, affine, negativeSlope: NEGATIVE_SLOPE };
  const statistics = normStatisticsReference(x, planes, EPS).map(Math.fround);
  const residual = hasResidual ? normalHalves(size, 4) : undefined;
  const output = residual && normApplyReference(norm, x, statistics, residual).map(Math.sign);
  const gradient = normalHalves(size, 5);
  const limits = {
    maxStorageBufferBindingSize: bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupsPerDimension: bindingBytes ? 9 : 65_535,
  };
  const sizes = { batch, channels, planeLength, limits };
  const partials = await scratch(gpu, normScratchSize(sizes));
  const activation = ([gpuX, gpuStatistics, weight, bias]: readonly GpuArray[]) => ({
    ...sizes,
    ...{ x: gpuX, statistics: gpuStatistics, weight, bias, negativeSlope: NEGATIVE_SLOPE },
  });
  /** Runs a pass on the norm's arrays and then `others`, those of voxels stored as `storage`. */
  const run = (
    others: readonly { readonly data: Float64Array; readonly isSum?: boolean }[],
    resultSize: number,
    resultStorage: FeatureDtype,
    launch: (norm: ReturnType<typeof activation>, others: readonly GpuArray[], y: GpuArray) => Dispatch[],
  ) =>
    runKernel(
      gpu,
      [x, statistics, affine.weight, affine.bias, ...others.map(({ data }) => data)],
      resultSize,
      (arrays, y) => launch(activation(arrays), arrays.slice(4), y),
      {
        inputs: [storage, 'f32', 'f32', 'f32', ...others.map(({ isSum }) => (isSum ? 'f32' : storage))],
        y: resultStorage,
      },
    );
  return { ...{ planes, size, x, norm, statistics, residual, output, gradient, partials, limits }, run };
}

describe.each(['f32', 'f16'] as const)('norm in training, stored as %s', (storage) => {
  for (const item of CASES) {
    const name = `[${item.shape.join(', ')}]${item.hasResidual ? ' with a residual' : ''}`;

    test(`statistics and output: ${name}`, async ({ gpu }) => {
      const { planes, size, x, norm, statistics, residual, partials, run } = await problemOf(
        gpu,
        storage,
        item,
      );
      const found = await run([], 2 * planes, 'f32', (args, _others, result) =>
        normStatistics({ ...args, statistics: result, scratch: partials, eps: EPS }),
      );
      const expected = normStatisticsReference(x, planes, EPS);
      for (const [i, value] of expected.entries()) {
        expect(Math.abs(found[i] - value)).toBeLessThan(4e-6 * Math.max(1, Math.abs(value)));
      }
      const y = await run(
        residual ? [{ data: residual }] : [],
        size,
        storage,
        (args, [gpuResidual], result) => normApply({ ...args, residual: gpuResidual, y: result }),
      );
      expectNear(storage, y, normApplyReference(norm, x, statistics, residual));
    });

    test(`gradients: ${name}`, async ({ gpu }) => {
      const { planes, size, x, norm, statistics, output, gradient, partials, limits, run } = await problemOf(
        gpu,
        storage,
        item,
      );
      const sums = normGradientSumsReference(norm, x, statistics, output, gradient).map(Math.fround);
      const others = [{ data: gradient }, ...(output ? [{ data: output }] : [])];
      const found = await run(others, 2 * planes, 'f32', (args, [gpuGradient, gpuOutput], result) =>
        normGradientSums({
          ...args,
          ...{ output: gpuOutput, gradient: gpuGradient, sums: result, scratch: partials },
        }),
      );
      // Rounding grows with what is added up, not with the sum.
      const magnitude = Math.sqrt(size / planes);
      for (const [i, value] of sums.entries()) {
        expect(Math.abs(found[i] - value) / magnitude).toBeLessThan(1e-5);
      }
      const expected = normInputGradientReference(norm, x, statistics, output, gradient, sums);
      const withSums = [{ data: gradient }, { data: sums, isSum: true }, ...others.slice(1)];
      const gx = await run(withSums, size, storage, (args, [gpuGradient, gpuSums, gpuOutput], result) =>
        normInputGradient({
          ...args,
          ...{ output: gpuOutput, gradient: gpuGradient, sums: gpuSums, gx: result },
        }),
      );
      expectNear(storage, gx, expected);
      const inPlace = await run(
        withSums,
        size,
        storage,
        (args, [gpuGradient, gpuSums, gpuOutput], result) => [
          ...copyForward(gpuGradient, 0, result, 0, size, limits),
          ...normInputGradient({ ...args, output: gpuOutput, gradient: result, sums: gpuSums, gx: result }),
        ],
      );
      expectNear(storage, inPlace, expected);
    });
  }
});
