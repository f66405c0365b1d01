// Kernels on feature maps stored as f16: what they read is exact, so that only the rounding of what they store is allowed.

import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { addReference } from '@/kernels/add.reference';
import { avgPoolForward, avgPoolGradient } from '@/kernels/avgPool';
import { avgPoolGradientReference, avgPoolReference } from '@/kernels/avgPool.reference';
import { channelSum, channelSumScratchSize } from '@/kernels/channelSum';
import { channelSumReference } from '@/kernels/channelSum.reference';
import { type Conv3dKernel, conv3dForward, packConv3dWeight, supportsConv3d } from '@/kernels/conv3d';
import * as conv3dReference from '@/kernels/conv3d.reference';
import { type Conv3dShape, conv3dOutputSize } from '@/kernels/conv3dShape';
import { conv3dWeightGradient, conv3dWeightGradientScratchSize } from '@/kernels/conv3dWeightGradient';
import { conv3dBackwardInput, conv3dBackwardWeight } from '@/kernels/conv3dWeightGradient.reference';
import { convTranspose3dForward, packConvTranspose3dWeight } from '@/kernels/convTranspose3d';
import { convTranspose3dReference } from '@/kernels/convTranspose3d.reference';
import {
  convTranspose3dWeightGradient,
  convTranspose3dWeightGradientScratchSize,
} from '@/kernels/convTranspose3dWeightGradient';
import { convTranspose3dBackwardWeight } from '@/kernels/convTranspose3dWeightGradient.reference';
import {
  accumulateInto,
  addForward,
  copyForward,
  leakyReluForward,
  leakyReluGradientInPlace,
} from '@/kernels/elementwise';
import { instanceNormForward, instanceNormPartialsSize } from '@/kernels/instanceNorm';
import { instanceNormReference } from '@/kernels/instanceNorm.reference';
import { leakyReluReference } from '@/kernels/leakyRelu.reference';

import { bindRange } from '@/kernels/ranges';
import type { FeatureDtype } from '@/kernels/storage';
import { chooseStridedKernel, stridedInputGradient, stridedWeight } from '@/kernels/stridedInputGradient';
import { elementCount, type Zyx } from '@/shared/geometry';
import { test } from '../support/gpu';
import { uploadAs } from '../support/uploadAs';
import { halfError, normalHalves, normals, relativeError, runKernel, scratch } from './device';

/** Few workgroups per dimension and small bindings: grids fold, arrays are bound by ranges. */
function smallLimits(gpu: Gpu, bindingBytes?: number) {
  return bindingBytes === undefined
    ? gpu.limits
    : { maxStorageBufferBindingSize: bindingBytes, maxComputeWorkgroupsPerDimension: 7 };
}

/** Each of two arrays stored as either, but not both as f32; most often both are f16. */
const MIXES: readonly (readonly [FeatureDtype, FeatureDtype])[] = [
  ['f16', 'f16'],
  ['f32', 'f16'],
  ['f16', 'f32'],
];

describe('ranges of halves', () => {
  test('begin where bindings can', async ({ gpu }) => {
    const array = await uploadAs(gpu, 'f16', new Float32Array(1000));
    for (const start of [0, 1, 63, 64, 127, 128, 200, 900]) {
      const { array: bound, base } = bindRange(array, start, 10);
      expect(bound.offset % 256).toBe(0);
      expect(bound.offset / 2 + base).toBe(start);
      expect(bound.size).toBe(base + 10);
    }
  });

  test('overflow is infinite, and is told from numbers', async ({ gpu }) => {
    const x = Float64Array.of(65_504, 65_519, 65_521, -1e6, 1e30, 2 ** -24, 2 ** -26, Number.NaN);
    const launch = ([a]: readonly GpuArray[], y: GpuArray) => copyForward(a, 0, y, 0, x.length, gpu.limits);
    const actual = await runKernel(gpu, [x], x.length, launch, { y: 'f16' });
    const infinity = Number.POSITIVE_INFINITY;
    const expected = [65_504, 65_504, infinity, -infinity, infinity, 2 ** -24, 0, Number.NaN];
    expect([...actual]).toEqual(expected);
  });
});

describe.each(MIXES)('elementwise on %s, to %s', (a, y) => {
  test.for([
    [1, undefined],
    [1001, undefined],
    [1003, 1024],
    [1003, 1792],
  ] as const)('%s elements, bindings of %s bytes', async ([size, bindingBytes], { gpu }) => {
    const limits = smallLimits(gpu, bindingBytes);
    const [first, second] = [normalHalves(size, 1), normalHalves(size, 2)];
    const run = (inputs: Float64Array[], launch: Parameters<typeof runKernel>[3]) =>
      runKernel(gpu, inputs, size, launch, { inputs: [a, 'f16'], y });
    const startFrom = (result: GpuArray, values: GpuArray) => copyForward(values, 0, result, 0, size, limits);

    const sum = await run([first, second], ([x1, x2], result) => addForward(x1, x2, result, limits));
    expect(halfError(sum, addReference(first, second))).toBeLessThanOrEqual(1);
    const copied = await run([first], ([x], result) => copyForward(x, 0, result, 0, size, limits));
    expect(Float64Array.from(copied)).toEqual(first);
    const active = await run([first], ([x], result) => leakyReluForward(x, result, 0.01, limits));
    expect(halfError(active, leakyReluReference(first, 0.01))).toBeLessThanOrEqual(1);
    const accumulated = await run([first, second], ([x1, x2], result) => [
      ...startFrom(result, x2),
      ...accumulateInto(x1, result, limits),
    ]);
    expect(halfError(accumulated, addReference(first, second))).toBeLessThanOrEqual(1);
    const gradient = await run([first, second], ([x1, x2], result) => [
      ...startFrom(result, x2),
      ...leakyReluGradientInPlace(x1, result, 0.01, limits),
    ]);
    const slopes = second.map((value, i) => (first[i] > 0 ? value : 0.01 * value));
    expect(halfError(gradient, slopes)).toBeLessThanOrEqual(1);
  });
});

test('copy moves halves between ranges that are not aligned', async ({ gpu }) => {
  const a = normalHalves(2000, 1);
  const limits = { maxStorageBufferBindingSize: 1024, maxComputeWorkgroupsPerDimension: 2 };
  const stored = { inputs: ['f16'], y: 'f16' } as const;
  const y = await runKernel(
    gpu,
    [a],
    3000,
    ([x], out) => copyForward(x, 77, out, 1311, 1500, limits),
    stored,
  );
  expect(y.subarray(1311, 2811)).toEqual(Float32Array.from(a.subarray(77, 1577)));
  expect(y.subarray(0, 1311).every(Number.isNaN) && y.subarray(2811).every(Number.isNaN)).toBe(true);
});

describe.each(MIXES)('average pooling of %s, to %s', (xStorage, yStorage) => {
  test.for([
    [5, [5, 7, 9], [2, 2, 2], undefined],
    [23, [5, 5, 6], [1, 2, 2], 4096],
  ] as const)('%s planes of %s by %s', async ([planes, inputSize, stride, bindingBytes], { gpu }) => {
    const limits = smallLimits(gpu, bindingBytes);
    const x = normalHalves(planes * elementCount(inputSize), 1);
    const expected = avgPoolReference(x, planes, inputSize, stride);
    const y = await runKernel(
      gpu,
      [x],
      expected.length,
      ([gpuX], gpuY) => avgPoolForward({ planes, inputSize, stride, limits, x: gpuX, y: gpuY }),
      { inputs: [xStorage], y: yStorage },
    );
    expect(halfError(y, expected)).toBeLessThanOrEqual(1);
    const gy = normalHalves(expected.length, 2);
    const gx = await runKernel(
      gpu,
      [gy],
      x.length,
      ([gpuY], gpuX) => avgPoolGradient({ planes, inputSize, stride, limits, x: gpuX, y: gpuY }),
      { inputs: [yStorage], y: xStorage },
    );
    const wanted = avgPoolGradientReference(gy, planes, inputSize, stride);
    expect(halfError(gx, wanted)).toBeLessThanOrEqual(1);
  });
});

describe('sums over channels of halves', () => {
  test.for([
    [2, 5, 343, undefined],
    [3, 7, 256, undefined],
    [2, 3, 40_001, undefined],
    [2, 9, 125, 2048],
    [2, 9, 128, 2048],
  ] as const)('[%s, %s, %s]', async ([batch, channels, length, bindingBytes], { gpu }) => {
    const limits = smallLimits(gpu, bindingBytes);
    const values = normalHalves(batch * channels * length, 1);
    const partials = await scratch(gpu, channelSumScratchSize(batch, channels, length));
    const actual = await runKernel(
      gpu,
      [values],
      channels,
      ([gpuValues], sums) =>
        channelSum({
          values: gpuValues,
          batch,
          channels,
          length,
          sums,
          scratch: partials,
          limits,
          accumulate: false,
        }),
      { inputs: ['f16'] },
    );
    const expected = channelSumReference(values, batch, channels, length);
    const magnitude = Math.sqrt(batch * length);
    const errors = expected.map((sum, c) => Math.abs(actual[c] - sum) / magnitude);
    expect(Math.max(...errors)).toBeLessThan(2e-6);
  });
});

describe('instance norm of halves, in place', () => {
  test.for([
    [1, 1, 1, undefined],
    [2, 3, 315, undefined],
    [2, 5, 512, undefined],
    [1, 2, 49_152, undefined],
    [2, 37, 1001, 65_536],
    [2, 9, 1000, 16_384],
  ] as const)('[%s, %s, %s]', async ([batch, channels, planeLength, bindingBytes], { gpu }) => {
    const planes = batch * channels;
    const x = normalHalves(planes * planeLength, 1);
    const [weight, bias] = [normals(channels, 2), normals(channels, 3)];
    const residual = normalHalves(x.length, 4);
    const partials = await scratch(gpu, Math.max(4, instanceNormPartialsSize(planes, planeLength)));
    const limits = smallLimits(gpu, bindingBytes);
    const y = await runKernel(
      gpu,
      [weight, bias, residual, x],
      x.length,
      ([w, b, r, values], result) => [
        ...copyForward(values, 0, result, 0, x.length, limits),
        ...instanceNormForward({
          ...{ batch, channels, planeLength, limits, values: result, partials },
          ...{ weight: w, bias: b, residual: r, eps: 1e-5, negativeSlope: 0.01 },
        }),
      ],
      { inputs: [undefined, undefined, 'f16', 'f16'], y: 'f16' },
    );
    const normed = instanceNormReference(x, planes, { weight, bias }, 1e-5);
    const expected = leakyReluReference(addReference(normed, residual), 0.01);
    expect(halfError(y, expected)).toBeLessThanOrEqual(1);
  });
});

function shapeOf(
  inChannels: number,
  outChannels: number,
  inputSize: Zyx,
  { kernelSize = [3, 3, 3] as Zyx, stride = [1, 1, 1] as Zyx, batch = 1 } = {},
): Conv3dShape {
  return { batch, inChannels, outChannels, inputSize, kernelSize, stride };
}

interface ConvCase {
  readonly name: string;
  readonly shape: Conv3dShape;
  readonly hasBias?: boolean;
  readonly accumulate?: boolean;
  readonly bindingBytes?: number;
  /** The kernels' `y`, where parts of the sum are added to it. */
  readonly roundings?: number;
}

const CONVOLUTIONS: readonly ConvCase[] = [
  { name: 'a single voxel', shape: shapeOf(1, 1, [1, 1, 1]) },
  { name: 'odd sizes', shape: shapeOf(3, 5, [5, 7, 9]), hasBias: true },
  { name: 'whole tiles', shape: shapeOf(8, 16, [4, 8, 32]), hasBias: true },
  { name: 'a batch of two with 33 channels', shape: shapeOf(33, 33, [3, 6, 10], { batch: 2 }) },
  { name: 'stride 2, odd', shape: shapeOf(3, 9, [5, 7, 13], { stride: [2, 2, 2] }), hasBias: true },
  { name: 'stride 2, even', shape: shapeOf(8, 8, [6, 8, 16], { stride: [2, 2, 2] }) },
  { name: 'depth 1', shape: shapeOf(1, 32, [1, 20, 28], { kernelSize: [1, 3, 3] }), hasBias: true },
  { name: 'a 1 × 1 × 1 kernel', shape: shapeOf(12, 3, [4, 5, 8], { kernelSize: [1, 1, 1] }), hasBias: true },
  {
    name: 'accumulation',
    shape: shapeOf(4, 6, [3, 4, 8]),
    hasBias: true,
    accumulate: true,
  },
  {
    name: 'channel ranges past a binding limit',
    shape: shapeOf(7, 11, [4, 5, 8], { batch: 2 }),
    hasBias: true,
    bindingBytes: 6656,
    roundings: 7,
  },
  {
    name: 'slabs of one channel past a binding limit',
    shape: shapeOf(1, 2, [9, 6, 8], { kernelSize: [3, 1, 3] }),
    hasBias: true,
    bindingBytes: 1856,
  },
];

const KERNELS: readonly Conv3dKernel[] = [
  { family: 'direct', name: 'direct 8x4', outBlock: 8, columns: 4, workgroupSize: 64 },
  {
    ...{ family: 'lanes', name: 'lanes', lanes: 8, outBlock: 8, slices: 1, rows: 2 },
    ...{ useWinograd: false, workgroupSize: 16 },
  },
  {
    ...{ family: 'lanes', name: 'lanes F(4, 3)', lanes: 8, outBlock: 4, slices: 2, rows: 2 },
    ...{ useWinograd: true, workgroupSize: 8 },
  },
  { family: 'tiled', name: 'tiled', outBlock: 16, rows: 4, columns: 16 },
];

describe.each(KERNELS)('conv3d of halves, $name', (kernel) => {
  const suited = CONVOLUTIONS.filter(({ shape, bindingBytes }) =>
    supportsConv3d(kernel, shape, bindingBytes ?? 2 ** 27),
  );
  test.for(suited)('$name', async (testCase, { gpu }) => {
    const { shape, hasBias = false, accumulate = false, bindingBytes, roundings = 1 } = testCase;
    const { batch, inChannels, outChannels, inputSize, kernelSize } = shape;
    const x = normalHalves(batch * inChannels * elementCount(inputSize), 1);
    const weight = normals(outChannels * inChannels * elementCount(kernelSize), 2);
    const packed = Float64Array.from(packConv3dWeight(Float32Array.from(weight), shape, kernel));
    const bias = normals(outChannels, 3);
    const product = conv3dReference.conv3dForward(shape, x, weight, hasBias ? bias : undefined);
    const before = normalHalves(product.length, 4);
    const expected = accumulate ? addReference(Float64Array.from(product), before) : product;
    const limits = { ...smallLimits(gpu, bindingBytes), maxComputeWorkgroupsPerDimension: 65_535 };
    const sizes = { maxStorageBufferBindingSize: smallLimits(gpu, bindingBytes).maxStorageBufferBindingSize };
    for (const [xStorage, yStorage] of bindingBytes === undefined ? MIXES : MIXES.slice(0, 1)) {
      const y = await runKernel(
        gpu,
        [x, packed, bias, before],
        product.length,
        ([gpuX, gpuWeight, gpuBias, gpuBefore], gpuY) => [
          ...(accumulate ? copyForward(gpuBefore, 0, gpuY, 0, product.length, gpu.limits) : []),
          ...conv3dForward({
            shape,
            kernel,
            limits: { ...limits, ...sizes },
            x: gpuX,
            weight: gpuWeight,
            ...(hasBias ? { bias: gpuBias } : {}),
            y: gpuY,
            accumulate,
          }),
        ],
        { inputs: [xStorage], y: yStorage },
      );
      if (yStorage === 'f16') expect(halfError(y, expected, roundings)).toBeLessThanOrEqual(1);
      else expect(relativeError(y, expected)).toBeLessThan(2e-6);
    }
  });
});

describe('transposed convolution of halves', () => {
  test.for([
    { batch: 2, channels: [5, 3], inputSize: [3, 5, 7], stride: [2, 2, 2] },
    { batch: 1, channels: [6, 9], inputSize: [4, 3, 5], stride: [2, 2, 2] },
    { batch: 2, channels: [7, 6], inputSize: [3, 5, 8], stride: [2, 2, 2] },
    { batch: 1, channels: [8, 20], inputSize: [5, 6, 12], stride: [1, 2, 2] },
    { batch: 2, channels: [19, 11], inputSize: [5, 7, 9], stride: [2, 2, 2], bindingBytes: 49_664 },
    { batch: 1, channels: [40, 2], inputSize: [8, 8, 8], stride: [1, 2, 2], bindingBytes: 32_768 },
  ] as const)('$channels channels, $inputSize by $stride', async (testCase, { gpu }) => {
    const { batch, channels, inputSize, stride } = testCase;
    const [inChannels, outChannels] = channels;
    const shape = { batch, inChannels, outChannels, inputSize, stride };
    const limits = smallLimits(gpu, 'bindingBytes' in testCase ? testCase.bindingBytes : undefined);
    const x = normalHalves(batch * inChannels * elementCount(inputSize), 1);
    const weight = normals(inChannels * outChannels * elementCount(stride), 2);
    const bias = normals(outChannels, 3);
    const packed = Float64Array.from(packConvTranspose3dWeight(Float32Array.from(weight), shape));
    const expected = convTranspose3dReference(shape, x, weight, bias);
    for (const [xStorage, yStorage] of MIXES) {
      const y = await runKernel(
        gpu,
        [x, packed, bias],
        expected.length,
        ([gpuX, gpuWeight, gpuBias], gpuY) =>
          convTranspose3dForward({
            shape,
            limits,
            isSoftware: true,
            x: gpuX,
            weight: gpuWeight,
            bias: gpuBias,
            y: gpuY,
          }),
        { inputs: [xStorage], y: yStorage },
      );
      if (yStorage === 'f16') expect(halfError(y, expected, 3)).toBeLessThanOrEqual(1);
      else expect(relativeError(y, expected)).toBeLessThan(2e-6);
    }
  });
});

const GRADIENT_SHAPES: readonly Conv3dShape[] = [
  shapeOf(5, 3, [6, 8, 10], { stride: [2, 2, 2], batch: 2 }),
  shapeOf(9, 4, [5, 7, 9], { stride: [2, 2, 2] }),
  shapeOf(1, 17, [3, 6, 13], { stride: [1, 2, 2], kernelSize: [1, 3, 3] }),
  shapeOf(8, 2, [1, 1, 1], { stride: [2, 2, 2] }),
];

describe('gradients of inputs as halves', () => {
  test.for(GRADIENT_SHAPES)('strided: $outChannels → $inChannels', async (shape, { gpu }) => {
    const { batch, inChannels, outChannels, inputSize, kernelSize } = shape;
    const taps = elementCount(kernelSize);
    const gy = normalHalves(batch * outChannels * elementCount(conv3dOutputSize(shape)), 1);
    const weight = normals(outChannels * inChannels * taps, 2);
    const raw = { outStep: taps, inStep: inChannels * taps, start: 0, isFlipped: false };
    const kernel = chooseStridedKernel(shape, gpu);
    const { size: packedSize, pack } = stridedWeight(shape, kernel);
    const expected = conv3dBackwardInput(shape, gy, weight);
    const small = 4 * (64 * 3 + elementCount(inputSize) * 2);
    for (const bindingBytes of [undefined, small]) {
      const limits = smallLimits(gpu, bindingBytes);
      const packed = await scratch(gpu, packedSize);
      const gx = await runKernel(
        gpu,
        [gy, weight],
        expected.length,
        ([gpuGy, gpuWeight], gpuGx): Dispatch[] => [
          pack({ array: gpuWeight, ...raw }, packed, gpu.limits),
          ...stridedInputGradient({
            shape,
            kernel,
            limits,
            gy: gpuGy,
            weight: packed,
            gx: gpuGx,
            accumulate: false,
          }),
        ],
        { inputs: ['f16'], y: 'f16' },
      );
      expect(halfError(gx, expected, bindingBytes ? outChannels : 1)).toBeLessThanOrEqual(1);
    }
  });
});

const WEIGHT_GRADIENT_CASES = [
  ...GRADIENT_SHAPES.map((shape) => ({ shape })),
  { shape: shapeOf(12, 20, [4, 4, 4]) },
  { shape: shapeOf(9, 7, [6, 16, 64], { batch: 2 }) },
  { shape: shapeOf(3, 5, [5, 7, 9]) },
  { shape: shapeOf(7, 11, [4, 5, 8], { batch: 2 }), bindingBytes: 6656 },
];

describe.each([
  ['direct', WEIGHT_GRADIENT_CASES],
  ['lanes', WEIGHT_GRADIENT_CASES],
  ['registerTiles', [{ shape: shapeOf(32, 24, [3, 5, 20]) }]],
  ['tiled', WEIGHT_GRADIENT_CASES],
  ['winograd', [{ shape: shapeOf(32, 24, [3, 5, 20]) }]],
] as const)('gradients of weights from halves, %s', (kernel, cases) => {
  test.for([...cases])('$shape.outChannels by $shape.inChannels', async (testCase, { gpu }) => {
    const { shape } = testCase;
    const { batch, inChannels, outChannels, inputSize, kernelSize } = shape;
    const bindingBytes = 'bindingBytes' in testCase ? testCase.bindingBytes : undefined;
    const limits = {
      maxStorageBufferBindingSize: bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupsPerDimension: 65_535,
    };
    const { facts } = gpu;
    const x = normalHalves(batch * inChannels * elementCount(inputSize), 1);
    const gy = normalHalves(batch * outChannels * elementCount(conv3dOutputSize(shape)), 2);
    const size = outChannels * inChannels * elementCount(kernelSize);
    const expected = conv3dBackwardWeight(shape, x, gy);
    const scratchSize = conv3dWeightGradientScratchSize(shape, facts, limits, { kernel });
    const args = {
      shape,
      facts,
      limits,
      kernel,
      scratch: await scratch(gpu, scratchSize),
      accumulate: false,
    };
    // The network's input is f32.
    for (const xStorage of ['f16', 'f32'] as const) {
      const actual = await runKernel(
        gpu,
        [x, gy],
        size,
        ([gpuX, gpuGy], gw) => conv3dWeightGradient({ ...args, x: gpuX, gy: gpuGy, gw }),
        { inputs: [xStorage, 'f16'] },
      );
      expect(relativeError(actual, expected)).toBeLessThan(4e-6);
    }
  });

  // F(3, 4) is for convolutions alone.
  test.skipIf(kernel === 'winograd')('of a transposed convolution', async ({ gpu }) => {
    const shape = {
      batch: 2,
      inChannels: 17,
      outChannels: 9,
      inputSize: [4, 6, 8],
      stride: [2, 2, 2],
    } as const;
    const { facts, limits } = gpu;
    const x = normalHalves(2 * 17 * 4 * 6 * 8, 1);
    const gy = normalHalves(2 * 9 * 8 * 12 * 16, 2);
    const partials = await scratch(
      gpu,
      convTranspose3dWeightGradientScratchSize(shape, facts, limits, { kernel }),
    );
    const actual = await runKernel(
      gpu,
      [x, gy],
      17 * 9 * 8,
      ([gpuX, gpuGy], gw) =>
        convTranspose3dWeightGradient({
          ...{ shape, facts, limits, kernel, scratch: partials, accumulate: false },
          ...{ x: gpuX, gy: gpuGy, gw },
        }),
      { inputs: ['f16', 'f16'] },
    );
    expect(relativeError(actual, convTranspose3dBackwardWeight(shape, x, gy))).toBeLessThan(4e-6);
  });
});
