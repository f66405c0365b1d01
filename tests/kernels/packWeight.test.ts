import { describe, expect } from 'vitest';
import { conv3dCandidates, packConv3dWeight, packedConv3dWeightSize } from '@/kernels/conv3d';
import type { Conv3dShape } from '@/kernels/conv3dShape';
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
        expect(relativeError(actual, expected), kernel.name).toBeLessThan(1e-6);
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
        expect(relativeError(actual, packConv3dWeight(turned, shape, kernel)), kernel.name).toBeLessThan(
          1e-6,
        );
      }
    });
  }
});
