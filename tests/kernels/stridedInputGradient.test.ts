import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import { type Conv3dShape, conv3dOutputSize } from '@/kernels/conv3dShape';
import { conv3dBackwardInput } from '@/kernels/conv3dWeightGradient.reference';
import { copyForward } from '@/kernels/elementwise';

import type { KernelLimits } from '@/kernels/ranges';
import {
  chooseStridedKernel,
  type StridedKernel,
  stridedInputGradient,
  stridedWeight,
} from '@/kernels/stridedInputGradient';
import { elementCount } from '@/shared/geometry';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel, scratch } from './device';

const TOLERANCE = 1e-6;

const STRIDED: readonly Conv3dShape[] = [
  {
    batch: 2,
    inChannels: 5,
    outChannels: 3,
    inputSize: [6, 8, 10],
    kernelSize: [3, 3, 3],
    stride: [2, 2, 2],
  },
  { batch: 1, inChannels: 9, outChannels: 4, inputSize: [5, 7, 9], kernelSize: [3, 3, 3], stride: [2, 2, 2] },
  {
    batch: 1,
    inChannels: 1,
    outChannels: 17,
    inputSize: [3, 6, 13],
    kernelSize: [1, 3, 3],
    stride: [1, 2, 2],
  },
  {
    batch: 2,
    inChannels: 12,
    outChannels: 7,
    inputSize: [4, 6, 16],
    kernelSize: [3, 3, 3],
    stride: [2, 2, 2],
  },
  {
    batch: 1,
    inChannels: 3,
    outChannels: 5,
    inputSize: [5, 7, 72],
    kernelSize: [3, 3, 3],
    stride: [1, 2, 2],
  },
  { batch: 2, inChannels: 8, outChannels: 2, inputSize: [1, 1, 1], kernelSize: [3, 3, 3], stride: [2, 2, 2] },
  { batch: 1, inChannels: 3, outChannels: 2, inputSize: [4, 5, 6], kernelSize: [3, 1, 1], stride: [2, 1, 1] },
  { batch: 1, inChannels: 3, outChannels: 2, inputSize: [4, 5, 6], kernelSize: [3, 3, 3], stride: [1, 1, 1] },
];

describe('input gradient of a strided convolution', () => {
  for (const shape of STRIDED) {
    const { batch, inChannels, outChannels, inputSize, kernelSize, stride } = shape;
    const taps = elementCount(kernelSize);
    const runOn = async (gpu: Gpu, kernel: StridedKernel, limits: KernelLimits, accumulate: boolean) => {
      const gy = normals(batch * outChannels * elementCount(conv3dOutputSize(shape)), 1);
      const weight = normals(outChannels * inChannels * taps, 2);
      const size = batch * inChannels * elementCount(inputSize);
      const before = normals(size, 3);
      const raw = { start: 0, outStep: taps, inStep: inChannels * taps, isFlipped: false };
      const { size: packedSize, pack } = stridedWeight(shape, kernel);
      const packed = await scratch(gpu, packedSize);
      const actual = await runKernel(
        gpu,
        [gy, weight, before],
        size,
        ([gpuGy, array, gpuBefore]: readonly GpuArray[], gx) => [
          pack({ array, ...raw }, packed, gpu.limits),
          ...(accumulate ? copyForward(gpuBefore, 0, gx, 0, size, gpu.limits) : []),
          ...stridedInputGradient({ shape, kernel, limits, gy: gpuGy, weight: packed, gx, accumulate }),
        ],
      );
      packed.buffer.destroy();
      const expected = conv3dBackwardInput(shape, gy, weight);
      return relativeError(actual, accumulate ? expected.map((value, i) => value + before[i]) : expected);
    };

    const run = async (gpu: Gpu, limits: KernelLimits, accumulate: boolean) => {
      const chosen = chooseStridedKernel(shape, { facts: gpu.facts, limits });
      const kernels: StridedKernel[] = chosen.family === 'direct' ? [chosen] : [chosen, { family: 'direct' }];
      const errors: number[] = [];
      for (const kernel of kernels) errors.push(await runOn(gpu, kernel, limits, accumulate));
      return Math.max(...errors);
    };

    test(`${outChannels} → ${inChannels} channels, ${inputSize.join(' × ')}, stride ${stride.join('')}`, async ({
      gpu,
    }) => {
      expect(await run(gpu, gpu.limits, false)).toBeLessThan(TOLERANCE);
      expect(await run(gpu, gpu.limits, true)).toBeLessThan(TOLERANCE);
    });

    test(`within small limits: ${outChannels} → ${inChannels}, ${inputSize.join(' × ')}`, async ({ gpu }) => {
      const maxStorageBufferBindingSize = 4 * (64 * 3 + elementCount(inputSize) * 2);
      const limits = { maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension: 2 };
      expect(await run(gpu, limits, true)).toBeLessThan(TOLERANCE);
    });
  }
});
