import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import {
  type Conv3dKernel,
  conv3dCandidates,
  conv3dForward,
  packConv3dWeight,
  packedConv3dWeightSize,
} from '@/kernels/conv3d';
import { type Conv3dShape, conv3dOutputSize } from '@/kernels/conv3dShape';
import { packConv3dWeightOnDevice } from '@/kernels/packWeight';
import { elementCount } from '@/shared/geometry';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel } from './device';

const SHAPES: readonly Conv3dShape[] = [
  {
    batch: 2,
    inChannels: 5,
    outChannels: 11,
    inputSize: [4, 8, 8],
    kernelSize: [3, 3, 3],
    stride: [1, 1, 1],
  },
  {
    batch: 1,
    inChannels: 70,
    outChannels: 9,
    inputSize: [1, 6, 8],
    kernelSize: [1, 3, 3],
    stride: [1, 2, 2],
  },
  { batch: 1, inChannels: 3, outChannels: 2, inputSize: [3, 3, 5], kernelSize: [1, 1, 1], stride: [1, 1, 1] },
];

/** The same numbers, but for those that were not written (NaN): the convolution must not read them. */
async function expectPacked(
  gpu: Gpu,
  shape: Conv3dShape,
  kernel: Conv3dKernel,
  actual: Float32Array,
  expected: Float32Array,
): Promise<void> {
  const written = actual.map((value, i) => (Number.isNaN(value) ? expected[i] : value));
  expect(relativeError(written, expected), kernel.name).toBeLessThan(1e-6);
  const image = normals(shape.batch * shape.inChannels * elementCount(shape.inputSize), 3);
  const size = shape.batch * shape.outChannels * elementCount(conv3dOutputSize(shape));
  const convolved = (packed: Float32Array) =>
    runKernel(gpu, [image, Float64Array.from(packed)], size, ([x, weight], y) =>
      conv3dForward({ shape, kernel, limits: gpu.limits, x, weight, y, accumulate: false }),
    );
  expect(relativeError(await convolved(actual), await convolved(expected)), kernel.name).toBeLessThan(1e-5);
}

describe('packing on the device', () => {
  for (const shape of SHAPES) {
    const { inChannels, outChannels, kernelSize } = shape;
    const taps = elementCount(kernelSize);

    test(`is packing on the host: ${inChannels} → ${outChannels}, kernel ${kernelSize.join('')}`, async ({
      gpu,
    }) => {
      const weight = normals(outChannels * inChannels * taps, 1);
      for (const kernel of conv3dCandidates(shape, gpu)) {
        const expected = packConv3dWeight(Float32Array.from(weight), shape, kernel);
        const size = packedConv3dWeightSize(shape, kernel);
        const actual = await runKernel(gpu, [weight], size, ([array], packed) => [
          packConv3dWeightOnDevice(
            { array, start: 0, outStep: inChannels * taps, inStep: taps, isFlipped: false },
            shape,
            kernel,
            packed,
            gpu.limits,
          ),
        ]);
        await expectPacked(gpu, shape, kernel, actual, expected);
      }
    });

    test(`of the turned weight, window of its inputs: ${inChannels} → ${outChannels}, kernel ${kernelSize.join('')}`, async ({
      gpu,
    }) => {
      const [all, start] = [outChannels + 3, 2];
      const weight = normals(inChannels * all * taps, 2); // the raw one leads from `all` to `inChannels`
      const turned = Float32Array.from({ length: outChannels * inChannels * taps }, (_, i) => {
        const [out, channel, tap] = [
          Math.floor(i / (inChannels * taps)),
          Math.floor(i / taps) % inChannels,
          i % taps,
        ];
        return weight[(channel * all + start + out) * taps + taps - 1 - tap];
      });
      for (const kernel of conv3dCandidates(shape, gpu)) {
        const size = packedConv3dWeightSize(shape, kernel);
        const actual = await runKernel(gpu, [weight], size, ([array], packed) => [
          packConv3dWeightOnDevice(
            { array, start: start * taps, outStep: taps, inStep: all * taps, isFlipped: true },
            shape,
            kernel,
            packed,
            gpu.limits,
          ),
        ]);
        await expectPacked(gpu, shape, kernel, actual, packConv3dWeight(turned, shape, kernel));
      }
    });
  }
});
