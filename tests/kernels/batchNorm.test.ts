import { describe, expect, test as plainTest } from 'vitest';
import { readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { runDispatches } from '@/gpu/dispatch';
import {
  batchMoments,
  batchNormGradientMeans,
  batchNormStatistics,
  batchNormUpdate,
} from '@/kernels/batchNorm';
import {
  batchMomentsReference,
  batchNormGradientMeansReference,
  batchNormReference,
  batchNormStatisticsReference,
} from '@/kernels/batchNorm.reference';
import { copyForward } from '@/kernels/elementwise';
import { instanceNormForward } from '@/kernels/instanceNorm';
import {
  normApplyReference,
  normGradientSumsReference,
  normInputGradientReference,
} from '@/kernels/norm.reference';
import { normScratchSize } from '@/kernels/normTraining';
import { IS_EVALUATING_BYTES, writeControl } from '@/kernels/optimisers/control';
import { fromFloat16Bits, toFloat16Bits } from '@/shared/numeric';
import { test } from '../support/gpu';
import { halfError, normalHalves, normals, relativeError, runKernel, scratch } from './device';
import { dot, finiteDifferences } from './finiteDifferences';

const EPS = 1e-5;
const MOMENTUM = 0.1;
const NEGATIVE_SLOPE = 0.01;

interface Case {
  readonly shape: readonly [number, number, number];
  readonly bindingBytes?: number;
}

const CASES: readonly Case[] = [
  { shape: [1, 1, 1] },
  { shape: [2, 1, 1] },
  { shape: [2, 3, 5] },
  { shape: [3, 5, 512] },
  { shape: [1, 2, 49_152] },
  { shape: [2, 3, 33_001], bindingBytes: 300_000 },
  { shape: [2, 37, 1000], bindingBytes: 65_536 },
  { shape: [2, 65_537, 3] },
];

function sizesOf(gpu: Gpu, { shape: [batch, channels, planeLength], bindingBytes }: Case) {
  const limits = {
    maxStorageBufferBindingSize: bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupsPerDimension: bindingBytes ? 9 : 65_535,
  };
  return { batch, channels, planeLength, limits };
}

/** Errors of the found numbers, relative to the expected ones where those exceed 1. */
function expectEach(actual: ArrayLike<number>, expected: Float64Array, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const worst = expected.reduce(
    (most, value, i) => Math.max(most, Math.abs(actual[i] - value) / Math.max(1, Math.abs(value))),
    0,
  );
  expect(worst).toBeLessThan(tolerance);
}

describe('batch norm in f64', () => {
  plainTest.each([
    ['one channel, one voxel', [3, 1, 1]],
    ['a batch', [2, 3, 5]],
    ['one sample', [1, 2, 7]],
  ] as const)('has the gradient of finite differences: %s', (_, [batch, channels, length]) => {
    const planes = batch * channels;
    const x = normals(planes * length, 1);
    const gradient = normals(planes * length, 2);
    const affine = { weight: normals(channels, 3), bias: normals(channels, 4) };
    const norm = { planes, affine, negativeSlope: 0.3 };
    const statisticsOf = (at: Float64Array) =>
      batchNormStatisticsReference(batchMomentsReference(at, channels, length), batch, EPS);
    const loss = (at: Float64Array) =>
      dot(gradient, normApplyReference(norm, at, statisticsOf(at), undefined));
    const sums = normGradientSumsReference(norm, x, statisticsOf(x), undefined, gradient);
    const means = batchNormGradientMeansReference(sums, batch);
    const exact = normInputGradientReference(norm, x, statisticsOf(x), undefined, gradient, means);
    const numeric = finiteDifferences(loss, x, 1e-5);
    for (const [i, value] of exact.entries()) expect(Math.abs(numeric[i] - value)).toBeLessThan(1e-8);
  });

  plainTest('by the batch is the inference of the batch’s own statistics', () => {
    const [batch, channels, length] = [2, 3, 10];
    const x = normals(batch * channels * length, 1);
    const moments = batchMomentsReference(x, channels, length);
    const running = {
      mean: moments.filter((_, i) => i % 2 === 0),
      variance: moments.filter((_, i) => i % 2 === 1),
    };
    const statistics = batchNormStatisticsReference(moments, batch, EPS);
    const norm = { planes: batch * channels, affine: undefined, negativeSlope: 1 };
    const trained = normApplyReference(norm, x, statistics, undefined);
    expectEach(trained, batchNormReference(x, length, running, undefined, EPS), 1e-12);
  });
});

describe.each(['f32', 'f16'] as const)('batch norm, stored as %s', (storage) => {
  for (const item of CASES) {
    const name = `[${item.shape.join(', ')}]`;

    test(`moments match their reference: ${name}`, async ({ gpu }) => {
      const sizes = sizesOf(gpu, item);
      const { batch, channels, planeLength } = sizes;
      const x = normalHalves(batch * channels * planeLength, 1).map((value) =>
        fromFloat16Bits(toFloat16Bits(value + 3)),
      );
      const partials = await scratch(gpu, normScratchSize(sizes));
      const found = await runKernel(
        gpu,
        [x],
        2 * channels,
        ([gpuX], moments) => batchMoments({ ...sizes, x: gpuX, moments, scratch: partials }),
        { inputs: [storage] },
      );
      partials.buffer.destroy();
      expectEach(found, batchMomentsReference(x, channels, planeLength), 4e-6);
    });

    test(`inference matches its reference: ${name}`, async ({ gpu }) => {
      const sizes = sizesOf(gpu, item);
      const { batch, channels, planeLength } = sizes;
      const size = batch * channels * planeLength;
      const [x, residual] = [normalHalves(size, 1), normalHalves(size, 2)];
      const affine = { weight: normals(channels, 3), bias: normals(channels, 4) };
      const running = { mean: normals(channels, 5), variance: normals(channels, 6).map((v) => v * v) };
      const statistics = [affine.weight, affine.bias, running.mean, running.variance];
      const normed = batchNormReference(x, planeLength, running, affine, EPS);
      const forward = (hasResidual: boolean) =>
        runKernel(
          gpu,
          [x, residual, ...statistics],
          size,
          ([gpuX, gpuResidual, weight, bias, mean, variance], values) => [
            ...copyForward(gpuX, 0, values, 0, size, sizes.limits),
            ...instanceNormForward({
              ...sizes,
              ...{ values, partials: undefined, weight, bias, running: { mean, variance }, eps: EPS },
              residual: hasResidual ? gpuResidual : undefined,
              negativeSlope: NEGATIVE_SLOPE,
            }),
          ],
          { inputs: [storage, storage], y: storage },
        );
      for (const hasResidual of [false, true]) {
        const expected = normed.map((value, i) => {
          const sum = value + (hasResidual ? residual[i] : 0);
          return sum > 0 ? sum : NEGATIVE_SLOPE * sum;
        });
        const actual = await forward(hasResidual);
        if (storage === 'f16') expect(halfError(actual, expected)).toBeLessThanOrEqual(1);
        else expect(relativeError(actual, expected)).toBeLessThan(4e-6);
      }
    });
  }
});

describe('statistics of batch norm', () => {
  test.for(CASES)('match their references: $shape', async (item, { gpu }) => {
    const sizes = sizesOf(gpu, item);
    const { batch, channels } = sizes;
    const moments = normals(2 * channels, 1).map((value, i) =>
      i % 2 === 0 ? value : Math.fround(value * value),
    );
    const mean = normals(channels, 3);
    const variance = normals(channels, 4).map((value) => Math.fround(value * value));
    for (const isEvaluating of [false, true]) {
      const statistics = await runKernel(
        gpu,
        [moments, mean, variance, controlOf(isEvaluating)],
        2 * batch * channels,
        ([gpuMoments, gpuMean, gpuVariance, control], result) => [
          batchNormStatistics({
            ...sizes,
            ...{ moments: gpuMoments, mean: gpuMean, variance: gpuVariance, control },
            statistics: result,
            eps: EPS,
          }),
        ],
      );
      const used = isEvaluating
        ? moments.map((_, k) => (k % 2 === 0 ? mean : variance)[Math.floor(k / 2)])
        : moments;
      expectEach(statistics, batchNormStatisticsReference(used, batch, EPS), 1e-6);
    }
    const sums = normals(2 * batch * channels, 2);
    const means = await runKernel(gpu, [sums], sums.length, ([gpuSums], result) => [
      batchNormGradientMeans({ ...sizes, sums: gpuSums, means: result }),
    ]);
    expectEach(means, batchNormGradientMeansReference(sums, batch), 1e-6);
  });

  /** The optimiser's control array in a training step, or in evaluation. */
  function controlOf(isEvaluating: boolean): Float64Array {
    const control = Float64Array.from(writeControl({ lossScale: 1, learningRate: 0 }));
    control[IS_EVALUATING_BYTES / 4] = Number(isEvaluating);
    return control;
  }

  /** Means and unbiased variances over three batches, by the definition. */
  function runningOf(batches: readonly Float64Array[], channels: number, length: number) {
    const mean = new Float64Array(channels);
    const variance = new Float64Array(channels).fill(1);
    for (const x of batches) {
      for (let c = 0; c < channels; c++) {
        const values: number[] = [];
        for (let i = 0; i < x.length; i++) if (Math.floor(i / length) % channels === c) values.push(x[i]);
        let sum = 0;
        for (const value of values) sum += value;
        let squares = 0;
        for (const value of values) squares += (value - sum / values.length) ** 2;
        mean[c] = 0.9 * mean[c] + 0.1 * (sum / values.length);
        variance[c] = 0.9 * variance[c] + 0.1 * (squares / (values.length - 1));
      }
    }
    return { mean, variance };
  }

  test.for([{ shape: [2, 1, 1] }, { shape: [2, 3, 33_001] }, { shape: [1, 130, 8] }] as const)(
    'run over three steps as their definition says: $shape',
    async (item, { gpu }) => {
      const sizes = sizesOf(gpu, item);
      const { batch, channels, planeLength } = sizes;
      const size = batch * channels * planeLength;
      const batches = [1, 2, 3].map((seed) => normals(size, seed).map((value) => 2 * value + seed));
      const partials = await scratch(gpu, normScratchSize(sizes));
      const moments = await scratch(gpu, 2 * channels);
      const control = await upload(gpu, Float32Array.from(controlOf(false)), 'control');
      // In one buffer, as a program keeps them.
      const stride = Math.ceil(channels / 64) * 64;
      const all = await upload(gpu, new Float32Array(3 * stride).fill(1, stride, 2 * stride), 'running');
      const part = (index: number, length: number) => ({ ...all, offset: 4 * index * stride, size: length });
      const [mean, variance, batchCount] = [part(0, channels), part(1, channels), part(2, 1)];
      for (const batchData of batches) {
        const x = await upload(gpu, Float32Array.from(batchData), 'x');
        runDispatches(gpu, [
          ...batchMoments({ ...sizes, x, moments, scratch: partials }),
          batchNormUpdate({ ...sizes, moments, mean, variance, batchCount, control, momentum: MOMENTUM }),
        ]);
        await gpu.device.queue.onSubmittedWorkDone();
        x.buffer.destroy();
      }
      const expected = runningOf(batches, channels, planeLength);
      expectEach(await readFloats(gpu, mean), expected.mean, 2e-6);
      expectEach(await readFloats(gpu, variance), expected.variance, 4e-6);
      expect(await readFloats(gpu, batchCount)).toEqual(Float32Array.of(3));
      const evaluation = await upload(gpu, Float32Array.from(controlOf(true)), 'control');
      const arrays = { moments, mean, variance, batchCount, control: evaluation };
      runDispatches(gpu, [batchNormUpdate({ ...sizes, ...arrays, momentum: MOMENTUM })]);
      expect(await readFloats(gpu, batchCount)).toEqual(Float32Array.of(3));
      expectEach(await readFloats(gpu, mean), expected.mean, 2e-6);
      for (const { buffer } of [partials, moments, all, control, evaluation]) buffer.destroy();
    },
  );
});
