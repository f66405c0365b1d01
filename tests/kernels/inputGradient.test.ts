import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { type Conv3dShape, conv3dOutputSize } from '@/kernels/conv3dShape';
import { conv3dBackwardInput } from '@/kernels/conv3dWeightGradient.reference';
import { convTranspose3dBackwardInput } from '@/kernels/convTranspose3dWeightGradient.reference';
import {
  convTranspose3dInputGradient,
  convTranspose3dInputGradientLayout,
  type InputGradientArgs,
  stridedInputGradient,
  stridedInputGradientLayout,
} from '@/kernels/inputGradient';
import { type BlockLayout, packBlocks, packedBlocksSize } from '@/kernels/packWeight';
import type { KernelLimits } from '@/kernels/ranges';
import { elementCount } from '@/shared/geometry';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel, scratch } from './device';

const TOLERANCE = 1e-6;

/** Packs the raw weight and runs the gradient. */
async function gradientOf<Shape extends { inChannels: number; outChannels: number }>(
  gpu: Gpu,
  gradient: (args: InputGradientArgs<Shape>) => Dispatch[],
  layout: BlockLayout,
  raw: { outStep: number; inStep: number },
  args: { shape: Shape; gy: Float64Array; weight: Float64Array; size: number; limits: KernelLimits },
): Promise<Float32Array> {
  const packed = await scratch(gpu, packedBlocksSize(layout));
  const { shape, limits } = args;
  const result = await runKernel(
    gpu,
    [args.gy, args.weight],
    args.size,
    ([gy, weight]: readonly GpuArray[], gx) => [
      packBlocks({ array: weight, start: 0, isFlipped: false, ...raw }, layout, packed, gpu.limits),
      ...gradient({ shape, limits, gy, weight: packed, gx }),
    ],
  );
  packed.buffer.destroy();
  return result;
}

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
  { batch: 2, inChannels: 8, outChannels: 2, inputSize: [1, 1, 1], kernelSize: [3, 3, 3], stride: [2, 2, 2] },
  { batch: 1, inChannels: 3, outChannels: 2, inputSize: [4, 5, 6], kernelSize: [3, 1, 1], stride: [2, 1, 1] },
  { batch: 1, inChannels: 3, outChannels: 2, inputSize: [4, 5, 6], kernelSize: [3, 3, 3], stride: [1, 1, 1] },
];

describe('input gradient of a strided convolution', () => {
  for (const shape of STRIDED) {
    const { batch, inChannels, outChannels, inputSize, kernelSize, stride } = shape;
    const taps = elementCount(kernelSize);
    const run = (gpu: Gpu, limits: KernelLimits) => {
      const gy = normals(batch * outChannels * elementCount(conv3dOutputSize(shape)), 1);
      const weight = normals(outChannels * inChannels * taps, 2);
      const size = batch * inChannels * elementCount(inputSize);
      const raw = { outStep: taps, inStep: inChannels * taps };
      const expected = conv3dBackwardInput(shape, gy, weight);
      const args = { shape, gy, weight, size, limits };
      return gradientOf(gpu, stridedInputGradient, stridedInputGradientLayout(shape), raw, args).then(
        (actual) => relativeError(actual, expected),
      );
    };

    test(`${outChannels} → ${inChannels} channels, ${inputSize.join(' × ')}, stride ${stride.join('')}`, async ({
      gpu,
    }) => {
      expect(await run(gpu, gpu.limits)).toBeLessThan(TOLERANCE);
    });

    test(`within small limits: ${outChannels} → ${inChannels}, ${inputSize.join(' × ')}`, async ({ gpu }) => {
      const maxStorageBufferBindingSize = 4 * (64 * 3 + elementCount(inputSize) * 2);
      const limits = { maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension: 2 };
      expect(await run(gpu, limits)).toBeLessThan(TOLERANCE);
    });
  }
});

describe('input gradient of a transposed convolution', () => {
  for (const [inChannels, outChannels, inputSize, stride] of [
    [5, 3, [3, 4, 5], [2, 2, 2]],
    [9, 2, [2, 3, 7], [1, 2, 2]],
    [1, 1, [1, 1, 1], [2, 2, 2]],
    [12, 6, [1, 5, 8], [1, 2, 2]],
  ] as const) {
    test(`${outChannels} → ${inChannels} channels, ${inputSize.join(' × ')}, stride ${stride.join('')}`, async ({
      gpu,
    }) => {
      const shape = { batch: 2, inChannels, outChannels, inputSize, stride };
      const taps = elementCount(stride);
      const gy = normals(2 * outChannels * elementCount(inputSize) * taps, 1);
      const weight = normals(inChannels * outChannels * taps, 2);
      const expected = convTranspose3dBackwardInput(shape, gy, weight);
      const size = 2 * inChannels * elementCount(inputSize);
      const raw = { outStep: outChannels * taps, inStep: taps };
      const layout = convTranspose3dInputGradientLayout(shape);
      const small = {
        maxStorageBufferBindingSize: 4 * (64 * 3 + elementCount(inputSize) * taps * 2),
        maxComputeWorkgroupsPerDimension: 2,
      };
      for (const limits of [gpu.limits, small]) {
        const args = { shape, gy, weight, size, limits };
        const actual = await gradientOf(gpu, convTranspose3dInputGradient, layout, raw, args);
        expect(relativeError(actual, expected)).toBeLessThan(TOLERANCE);
      }
    });
  }
});
