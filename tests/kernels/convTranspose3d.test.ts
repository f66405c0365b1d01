import { describe, expect } from 'vitest';
import { convTranspose3dForward, packConvTranspose3dWeight } from '@/kernels/convTranspose3d';
import { convTranspose3dReference } from '@/kernels/convTranspose3d.reference';
import type { ConvTranspose3dShape } from '@/kernels/convTranspose3dShape';
import { elementCount, type Zyx } from '@/shared/geometry';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel } from './device';

interface Case {
  readonly name: string;
  readonly batch?: number;
  readonly channels: readonly [number, number];
  readonly size: Zyx;
  readonly stride: Zyx;
  readonly hasBias?: boolean;
  readonly bindingBytes?: number;
  readonly workgroupsPerDimension?: number;
}

const CASES: readonly Case[] = [
  { name: 'one voxel, one channel', channels: [1, 1], size: [1, 1, 1], stride: [2, 2, 2] },
  { name: 'odd size', batch: 2, channels: [5, 3], size: [3, 5, 7], stride: [2, 2, 2] },
  { name: 'whole vectors, odd rows', channels: [6, 9], size: [4, 3, 5], stride: [2, 2, 2] },
  { name: 'whole rows', batch: 2, channels: [7, 6], size: [3, 5, 8], stride: [2, 2, 2], hasBias: false },
  { name: 'anisotropic', channels: [8, 20], size: [5, 6, 12], stride: [1, 2, 2] },
  { name: '2D', batch: 3, channels: [9, 12], size: [1, 10, 6], stride: [1, 2, 2] },
  { name: 'along x only', channels: [3, 4], size: [2, 3, 4], stride: [1, 1, 2] },
  { name: 'threes and fours', channels: [3, 2], size: [2, 4, 8], stride: [4, 3, 3] },
  { name: 'stride one', channels: [4, 11], size: [2, 3, 5], stride: [1, 1, 1] },
  { name: 'several workgroups', channels: [33, 17], size: [9, 12, 16], stride: [2, 2, 2] },
  {
    name: 'ranges of channels',
    batch: 2,
    channels: [19, 11],
    size: [5, 7, 9],
    stride: [2, 2, 2],
    bindingBytes: 49_664,
  },
  {
    name: 'parts of a block, odd rows',
    channels: [3, 6],
    size: [5, 6, 7],
    stride: [2, 2, 2],
    bindingBytes: 20_480,
  },
  { name: 'parts of a block', channels: [3, 6], size: [5, 6, 8], stride: [2, 2, 2], bindingBytes: 24_576 },
  {
    name: 'ranges of input channels',
    channels: [40, 2],
    size: [8, 8, 8],
    stride: [1, 2, 2],
    bindingBytes: 32_768,
  },
  {
    name: 'folded grid',
    batch: 5,
    channels: [2, 37],
    size: [2, 2, 3],
    stride: [2, 2, 2],
    workgroupsPerDimension: 6,
  },
  { name: 'past 65,535 workgroups', channels: [1, 524_296], size: [1, 1, 1], stride: [1, 1, 2] },
];

/** The stores of GPUs take long to compile for a CPU: one case for each of the ways in which they differ. */
const GPU_CASES = CASES.filter(({ name }) =>
  ['odd size', 'anisotropic', 'along x only', 'parts of a block', 'ranges of input channels'].includes(name),
);

describe.each([
  ['as on a CPU', true, CASES],
  ['as on a GPU', false, GPU_CASES],
] as const)('convTranspose3d, %s', (_, isSoftware, cases) => {
  for (const { name, batch = 1, channels, size, stride, hasBias = true, ...limited } of cases) {
    test(`matches its reference: ${name}`, async ({ gpu }) => {
      const shape: ConvTranspose3dShape = {
        batch,
        inChannels: channels[0],
        outChannels: channels[1],
        inputSize: size,
        stride,
      };
      const x = normals(batch * channels[0] * elementCount(size), 1);
      const weight = normals(channels[0] * channels[1] * elementCount(stride), 2);
      const bias = normals(channels[1], 3);
      const packed = Float64Array.from(packConvTranspose3dWeight(Float32Array.from(weight), shape));
      const limits = {
        maxStorageBufferBindingSize: limited.bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
        maxComputeWorkgroupsPerDimension:
          limited.workgroupsPerDimension ?? gpu.limits.maxComputeWorkgroupsPerDimension,
      };
      const outSize = batch * channels[1] * elementCount(size) * elementCount(stride);
      const y = await runKernel(gpu, [x, packed, bias], outSize, ([gpuX, gpuWeight, gpuBias], gpuY) => {
        const dispatches = convTranspose3dForward({
          shape,
          limits,
          isSoftware,
          x: gpuX,
          weight: gpuWeight,
          bias: hasBias ? gpuBias : undefined,
          y: gpuY,
        });
        // One dispatch, but where bindings limit it.
        if (!isSoftware && !limited.bindingBytes) expect(dispatches).toHaveLength(1);
        return dispatches;
      });
      const expected = convTranspose3dReference(shape, x, weight, hasBias ? bias : undefined);
      expect(relativeError(y, expected)).toBeLessThan(2e-6);
    });
  }
});
