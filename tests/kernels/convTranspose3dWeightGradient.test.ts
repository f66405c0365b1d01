import { describe, expect, test as plain } from 'vitest';
import { convTranspose3dReference } from '@/kernels/convTranspose3d.reference';
import type { ConvTranspose3dShape } from '@/kernels/convTranspose3dShape';
import {
  convTranspose3dWeightGradient,
  convTranspose3dWeightGradientScratchSize,
} from '@/kernels/convTranspose3dWeightGradient';
import {
  convTranspose3dBackwardInput,
  convTranspose3dBackwardWeight,
} from '@/kernels/convTranspose3dWeightGradient.reference';
import { elementCount, type Zyx } from '@/shared/geometry';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel, scratch } from './device';
import { dot, finiteDifferences } from './finiteDifferences';

interface Case {
  readonly name: string;
  readonly batch?: number;
  readonly channels: readonly [number, number];
  readonly size: Zyx;
  readonly stride: Zyx;
  readonly bindingBytes?: number;
}

const SMALL_CASES: readonly Case[] = [
  { name: 'one voxel, one channel', channels: [1, 1], size: [1, 1, 1], stride: [2, 2, 2] },
  { name: 'odd size', batch: 2, channels: [3, 2], size: [2, 3, 5], stride: [2, 2, 2] },
  { name: 'anisotropic', channels: [2, 3], size: [3, 2, 4], stride: [1, 2, 3] },
];

const CASES: readonly Case[] = [
  ...SMALL_CASES,
  { name: 'whole vectors', batch: 2, channels: [17, 9], size: [4, 6, 8], stride: [2, 2, 2] },
  { name: 'rows of 32', channels: [16, 8], size: [6, 8, 32], stride: [2, 2, 2] },
  { name: 'rows of 64', channels: [9, 12], size: [3, 5, 64], stride: [1, 2, 2] },
  { name: '2D', batch: 3, channels: [9, 12], size: [1, 10, 6], stride: [1, 2, 2] },
  { name: 'along x only', channels: [3, 4], size: [2, 3, 4], stride: [1, 1, 2] },
  { name: 'threes and fours', channels: [3, 2], size: [2, 4, 8], stride: [4, 3, 3] },
  { name: 'stride one', channels: [4, 11], size: [2, 3, 5], stride: [1, 1, 1] },
  { name: 'rows of four', channels: [33, 17], size: [4, 4, 4], stride: [2, 2, 2] },
  {
    name: 'ranges of channels',
    batch: 2,
    channels: [19, 11],
    size: [5, 7, 9],
    stride: [2, 2, 2],
    bindingBytes: 49_664,
  },
  { name: 'slabs', channels: [3, 2], size: [6, 5, 8], stride: [2, 2, 2], bindingBytes: 6656 },
];

function shapeOf({ batch = 1, channels, size, stride }: Case): ConvTranspose3dShape {
  return { batch, inChannels: channels[0], outChannels: channels[1], inputSize: size, stride };
}

function inputsOf(shape: ConvTranspose3dShape) {
  const { batch, inChannels, outChannels, inputSize, stride } = shape;
  return {
    x: normals(batch * inChannels * elementCount(inputSize), 1),
    weight: normals(inChannels * outChannels * elementCount(stride), 2),
    gy: normals(batch * outChannels * elementCount(inputSize) * elementCount(stride), 3),
  };
}

describe('convTranspose3d gradients, f64', () => {
  plain.for([...SMALL_CASES])('agree with finite differences: $name', (testCase) => {
    const shape = shapeOf(testCase);
    const { x, weight, gy } = inputsOf(shape);
    const byWeight = finiteDifferences((w) => dot(convTranspose3dReference(shape, x, w), gy), weight);
    const byInput = finiteDifferences((moved) => dot(convTranspose3dReference(shape, moved, weight), gy), x);
    expect(relativeError(convTranspose3dBackwardWeight(shape, x, gy), byWeight)).toBeLessThan(1e-8);
    expect(relativeError(convTranspose3dBackwardInput(shape, gy, weight), byInput)).toBeLessThan(1e-8);
  });
});

/** Register tiles take long to compile for a CPU: a few cases do. */
const REGISTER_TILE_CASES = CASES.filter(({ name }) => ['2D', 'ranges of channels'].includes(name));

describe.each([
  ['direct', CASES],
  ['lanes', CASES],
  ['registerTiles', REGISTER_TILE_CASES],
  ['tiled', CASES],
  [undefined, CASES],
] as const)('weight gradient of convTranspose3d, kernel %s', (kernel, cases) => {
  test.for([...cases])('matches the reference for $name', async (testCase, { gpu }) => {
    const shape = shapeOf(testCase);
    const { x, gy } = inputsOf(shape);
    const { facts } = gpu;
    const limits = {
      maxStorageBufferBindingSize: testCase.bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupsPerDimension: gpu.limits.maxComputeWorkgroupsPerDimension,
    };
    const options = kernel ? { kernel } : {};
    const partials = await scratch(
      gpu,
      convTranspose3dWeightGradientScratchSize(shape, facts, limits, options),
    );
    const size = shape.inChannels * shape.outChannels * elementCount(shape.stride);
    const args = { shape, facts, limits, scratch: partials, ...options };
    const actual = await runKernel(gpu, [x, gy], size, ([gpuX, gpuGy], gw) => [
      ...convTranspose3dWeightGradient({ ...args, x: gpuX, gy: gpuGy, gw, accumulate: false }),
      ...convTranspose3dWeightGradient({ ...args, x: gpuX, gy: gpuGy, gw, accumulate: true }),
    ]);
    partials.buffer.destroy();
    const twice = convTranspose3dBackwardWeight(shape, x, gy).map((value) => 2 * value);
    expect(relativeError(actual, twice)).toBeLessThan(4e-6);
  });
});
