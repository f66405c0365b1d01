import { describe, expect } from 'vitest';
import { addReference } from '@/kernels/add.reference';
import { instanceNormForward, instanceNormPartialsSize, partitionPlane } from '@/kernels/instanceNorm';
import { instanceNormReference } from '@/kernels/instanceNorm.reference';
import { leakyReluReference } from '@/kernels/leakyRelu.reference';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel, scratch } from './device';

interface Case {
  readonly name: string;
  readonly batch: number;
  readonly channels: number;
  readonly planeLength: number;
  readonly mean?: number;
  readonly hasResidual?: boolean;
  readonly negativeSlope?: number;
  readonly bindingBytes?: number;
  readonly workgroupsPerDimension?: number;
  readonly tolerance?: number;
}

const CASES: readonly Case[] = [
  { name: 'one voxel', batch: 1, channels: 1, planeLength: 1 },
  { name: 'odd plane', batch: 1, channels: 3, planeLength: 5 * 7 * 9 },
  { name: 'whole vectors', batch: 2, channels: 5, planeLength: 8 * 8 * 8 },
  { name: 'several chunks', batch: 1, channels: 2, planeLength: 48 * 32 * 32 },
  { name: 'several chunks, odd', batch: 2, channels: 3, planeLength: 33 * 35 * 37 },
  { name: 'most chunks', batch: 1, channels: 1, planeLength: 176 * 176 * 160 },
  {
    name: 'residual and no activation',
    batch: 2,
    channels: 3,
    planeLength: 210,
    hasResidual: true,
    negativeSlope: 1,
  },
  { name: 'residual over chunks', batch: 1, channels: 3, planeLength: 40 * 40 * 40, hasResidual: true },
  {
    name: 'ranges of planes, odd',
    batch: 2,
    channels: 37,
    planeLength: 1001,
    bindingBytes: 65_536,
    hasResidual: true,
  },
  {
    name: 'ranges of planes over chunks',
    batch: 2,
    channels: 3,
    planeLength: 25 * 31 * 29,
    bindingBytes: 131_072,
  },
  { name: 'folded grid', batch: 3, channels: 67, planeLength: 6, workgroupsPerDimension: 10 },
  { name: 'past 65,535 workgroups', batch: 1, channels: 65_537, planeLength: 9 },
  { name: 'large mean', batch: 1, channels: 2, planeLength: 64 * 64 * 40, mean: 1000, tolerance: 3e-5 },
  { name: 'large mean, one chunk', batch: 1, channels: 2, planeLength: 3001, mean: 1000, tolerance: 3e-5 },
];

describe('instanceNorm', () => {
  for (const item of CASES) {
    const { batch, channels, planeLength, negativeSlope = 0.01, tolerance = 2e-6 } = item;
    test(`matches its reference: ${item.name}`, async ({ gpu }) => {
      const planes = batch * channels;
      const x = normals(planes * planeLength, 1).map((value) => Math.fround(value + (item.mean ?? 0)));
      const weight = normals(channels, 2);
      const bias = normals(channels, 3);
      const residual = item.hasResidual ? normals(x.length, 4) : undefined;
      const partials = await scratch(gpu, Math.max(4, instanceNormPartialsSize(planes, planeLength)));
      const limits = {
        maxStorageBufferBindingSize: item.bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
        maxComputeWorkgroupsPerDimension:
          item.workgroupsPerDimension ?? gpu.limits.maxComputeWorkgroupsPerDimension,
      };
      const inputs = residual ? [weight, bias, residual] : [weight, bias];
      const y = await runKernel(gpu, inputs, x.length, ([w, b, r], result) => {
        gpu.device.queue.writeBuffer(result.buffer, 0, Float32Array.from(x));
        return instanceNormForward({
          batch,
          channels,
          planeLength,
          limits,
          values: result,
          partials,
          weight: w,
          bias: b,
          residual: r,
          eps: 1e-5,
          negativeSlope,
        });
      });
      partials.buffer.destroy();
      const normed = instanceNormReference(x, planes, { weight, bias }, 1e-5);
      const sum = residual ? addReference(normed, residual) : normed;
      const expected = leakyReluReference(sum, negativeSlope);
      expect(relativeError(y, expected)).toBeLessThan(tolerance);
    });
  }

  test('cuts a plane into chunks that cover it', () => {
    for (const planeLength of [1, 4, 7, 16_384, 16_388, 2 ** 21, 176 * 176 * 161]) {
      const { chunks, chunkElements, width } = partitionPlane(planeLength);
      expect(chunkElements % width).toBe(0);
      expect(chunks * chunkElements).toBeGreaterThanOrEqual(planeLength);
      expect((chunks - 1) * chunkElements).toBeLessThan(planeLength);
      expect(chunks).toBeLessThanOrEqual(256);
    }
  });
});
