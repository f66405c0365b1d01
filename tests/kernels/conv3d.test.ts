import { describe, expect } from 'vitest';
import { allocate, arrayOf, readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type GpuArray, runDispatches } from '@/gpu/dispatch';
import {
  type Conv3dKernel,
  chooseConv3dKernel,
  conv3dForward,
  packConv3dWeight,
  packedConv3dWeightSize,
  supportsConv3d,
} from '@/kernels/conv3d';
import * as reference from '@/kernels/conv3d.reference';
import { type Conv3dShape, conv3dOutputSize } from '@/kernels/conv3dShape';
import type { Zyx } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { test } from '../support/gpu';

interface Case {
  readonly name: string;
  readonly shape: Conv3dShape;
  readonly hasBias?: boolean;
  readonly accumulate?: boolean;
  /** Bytes one binding may have, where smaller than the adapter's. */
  readonly bindingBytes?: number;
}

function shapeOf(
  inChannels: number,
  outChannels: number,
  inputSize: Zyx,
  { kernelSize = [3, 3, 3] as Zyx, stride = [1, 1, 1] as Zyx, batch = 1 } = {},
): Conv3dShape {
  return { batch, inChannels, outChannels, inputSize, kernelSize, stride };
}

const CASES: readonly Case[] = [
  { name: 'a single voxel', shape: shapeOf(1, 1, [1, 1, 1]) },
  { name: 'odd sizes', shape: shapeOf(3, 5, [5, 7, 9]), hasBias: true },
  { name: 'sizes of whole tiles', shape: shapeOf(8, 16, [4, 8, 32]), hasBias: true },
  { name: 'rows of four', shape: shapeOf(16, 24, [4, 4, 4]), hasBias: true },
  { name: 'rows longer than a tile', shape: shapeOf(4, 8, [3, 5, 68]) },
  { name: 'a batch of two with 33 channels', shape: shapeOf(33, 33, [3, 6, 10], { batch: 2 }) },
  {
    name: 'stride 2 on odd sizes',
    shape: shapeOf(3, 9, [5, 7, 13], { stride: [2, 2, 2] }),
    hasBias: true,
  },
  { name: 'stride 2 on even sizes', shape: shapeOf(8, 8, [6, 8, 16], { stride: [2, 2, 2] }) },
  {
    name: 'an anisotropic stride',
    shape: shapeOf(4, 8, [3, 9, 12], { kernelSize: [1, 3, 3], stride: [1, 2, 2] }),
  },
  {
    name: 'an anisotropic kernel',
    shape: shapeOf(5, 8, [4, 6, 12], { kernelSize: [1, 3, 3] }),
    hasBias: true,
  },
  { name: 'depth 1', shape: shapeOf(1, 32, [1, 20, 28], { kernelSize: [1, 3, 3] }), hasBias: true },
  { name: 'a 1 × 1 × 1 kernel', shape: shapeOf(12, 3, [4, 5, 8], { kernelSize: [1, 1, 1] }), hasBias: true },
  {
    name: 'a strided 1 × 1 × 1 kernel',
    shape: shapeOf(4, 8, [5, 6, 8], { kernelSize: [1, 1, 1], stride: [2, 2, 2] }),
  },
  { name: 'a 5 × 5 × 5 kernel', shape: shapeOf(2, 4, [5, 6, 12], { kernelSize: [5, 5, 5] }) },
  {
    name: 'an unpadded kernel as large as its stride',
    shape: { ...shapeOf(5, 9, [6, 8, 16], { kernelSize: [2, 2, 2], stride: [2, 2, 2] }), isUnpadded: true },
  },
  {
    name: 'the same on flat and odd rows, further slices left over',
    shape: {
      ...shapeOf(3, 4, [3, 10, 14], { kernelSize: [2, 2, 2], stride: [2, 2, 2], batch: 2 }),
      isUnpadded: true,
    },
    accumulate: true,
  },
  {
    name: 'an unpadded kernel of three',
    shape: { ...shapeOf(2, 9, [4, 6, 9], { kernelSize: [1, 3, 3], stride: [1, 3, 3] }), isUnpadded: true },
  },
  {
    name: 'an unpadded kernel larger than its stride',
    shape: { ...shapeOf(2, 3, [5, 6, 12]), isUnpadded: true },
  },
  { name: 'accumulation', shape: shapeOf(4, 6, [3, 4, 8]), hasBias: true, accumulate: true },
  {
    name: 'channel ranges past a binding limit',
    shape: shapeOf(7, 11, [4, 5, 8], { batch: 2 }),
    hasBias: true,
    bindingBytes: 6656,
  },
  {
    name: 'slabs of one channel past a binding limit',
    shape: shapeOf(1, 2, [9, 6, 8], { kernelSize: [3, 1, 3] }),
    hasBias: true,
    bindingBytes: 1856,
  },
  {
    name: 'strided slabs past a binding limit',
    shape: shapeOf(1, 2, [17, 6, 8], { stride: [2, 2, 2], kernelSize: [3, 1, 1] }),
    bindingBytes: 2256,
  },
];

const KERNELS: readonly Conv3dKernel[] = [
  { family: 'direct', name: 'direct 8x4', outBlock: 8, columns: 4, workgroupSize: 64 },
  {
    family: 'lanes',
    name: 'lanes',
    lanes: 8,
    outBlock: 8,
    slices: 1,
    rows: 2,
    useWinograd: false,
    workgroupSize: 16,
  },
  {
    family: 'lanes',
    name: 'lanes F(4, 3)',
    lanes: 8,
    outBlock: 4,
    slices: 2,
    rows: 2,
    useWinograd: true,
    workgroupSize: 8,
  },
  { family: 'tiled', name: 'tiled', outBlock: 16, rows: 4, columns: 16 },
];

/** Largest error over the largest magnitude. */
async function relativeError(
  gpu: Gpu,
  kernel: Conv3dKernel,
  { shape, hasBias, accumulate, bindingBytes }: Case,
) {
  const { batch, inChannels, outChannels, inputSize, kernelSize } = shape;
  const volume = (size: Zyx) => size[0] * size[1] * size[2];
  const x = randomNormal(batch * inChannels * volume(inputSize), 1);
  const weight = randomNormal(outChannels * inChannels * volume(kernelSize), 2);
  const bias = hasBias ? randomNormal(outChannels, 3) : undefined;
  const outSize = batch * outChannels * volume(conv3dOutputSize(shape));
  const before = randomNormal(outSize, 4);
  const packed = packConv3dWeight(weight, shape, kernel);
  expect(packed.length).toBe(packedConv3dWeightSize(shape, kernel));

  const xArray = await upload(gpu, x, 'x');
  const y = await upload(gpu, before, 'y');
  const dispatches = conv3dForward({
    shape,
    kernel,
    limits: {
      maxStorageBufferBindingSize: bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupsPerDimension: gpu.limits.maxComputeWorkgroupsPerDimension,
    },
    x: xArray,
    weight: await upload(gpu, packed, 'weight'),
    ...(bias ? { bias: await upload(gpu, bias, 'bias') } : {}),
    y,
    accumulate: accumulate ?? false,
  });
  if (bindingBytes) {
    expect(dispatches.length).toBeGreaterThan(1);
    const sizes = dispatches.flatMap(({ bindings }) =>
      bindings.flatMap((array) =>
        array?.buffer === y.buffer || array?.buffer === xArray.buffer ? [array.size] : [],
      ),
    );
    expect(Math.max(...sizes) * 4).toBeLessThanOrEqual(bindingBytes);
  }
  runDispatches(gpu, dispatches);
  const actual = await readFloats(gpu, y);
  const expected = reference.conv3dForward(shape, x, weight, bias);
  let error = 0;
  let magnitude = 0;
  for (let i = 0; i < outSize; i++) {
    const value = expected[i] + (accumulate ? before[i] : 0);
    error = Math.max(error, Math.abs(actual[i] - value));
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  return error / magnitude;
}

describe.each(KERNELS)('conv3d, $name', (kernel) => {
  const suited = CASES.filter(({ shape, bindingBytes }) =>
    supportsConv3d(kernel, shape, bindingBytes ?? 2 ** 27),
  );
  test.for(suited)('matches the reference for $name', async (testCase, { gpu }) => {
    expect(await relativeError(gpu, kernel, testCase)).toBeLessThan(2e-6);
  });
});

test('folds a grid of more than 65,535 workgroups', async ({ gpu }) => {
  // 8 voxels of one channel a workgroup at most: x is constant, so that every output is known.
  const shape = shapeOf(1, 1, [64, 256, 1100], { kernelSize: [1, 1, 1] });
  const kernel: Conv3dKernel = {
    family: 'direct',
    name: 'small',
    outBlock: 4,
    columns: 4,
    workgroupSize: 32,
  };
  const size = 64 * 256 * 1100;
  const y = arrayOf(await allocate(gpu, size * 4, 'y'), size);
  const x = await upload(gpu, new Float32Array(size).fill(2), 'x');
  const weight = await upload(gpu, packConv3dWeight(new Float32Array([3]), shape, kernel), 'weight');
  const dispatches = conv3dForward({ shape, kernel, limits: gpu.limits, x, weight, y, accumulate: false });
  expect(dispatches[0].workgroups[1]).toBeGreaterThan(1);
  runDispatches(gpu, dispatches);
  expect((await readFloats(gpu, y)).findIndex((value) => value !== 6)).toBe(-1);
});

test('reads and writes ranges of one buffer', async ({ gpu }) => {
  const shape = shapeOf(2, 3, [2, 3, 8]);
  const kernel = chooseConv3dKernel(shape, gpu);
  const xValues = randomNormal(96, 1);
  const weightValues = randomNormal(3 * 2 * 27, 2);
  const x = await upload(
    gpu,
    Float32Array.from({ length: 512 }, (_, i) => (i < 96 ? xValues[i] : 0)),
    'both',
  );
  const y: GpuArray = { ...x, offset: 1024, size: 144 };
  const weight = await upload(gpu, packConv3dWeight(weightValues, shape, kernel), 'weight');
  runDispatches(
    gpu,
    conv3dForward({ shape, kernel, limits: gpu.limits, x: { ...x, size: 96 }, weight, y, accumulate: false }),
  );
  const actual = await readFloats(gpu, y);
  const expected = reference.conv3dForward(shape, xValues, weightValues);
  expect(Math.max(...actual.map((value, i) => Math.abs(value - expected[i])))).toBeLessThan(1e-4);
});
