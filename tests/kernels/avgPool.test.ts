import { describe, expect } from 'vitest';
import { avgPoolForward } from '@/kernels/avgPool';
import { avgPoolReference } from '@/kernels/avgPool.reference';
import { elementCount, type Zyx } from '@/shared/geometry';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel } from './device';

interface Case {
  readonly name: string;
  readonly planes: number;
  readonly size: Zyx;
  readonly stride: Zyx;
  readonly bindingBytes?: number;
}

const CASES: readonly Case[] = [
  { name: 'one block', planes: 1, size: [2, 2, 2], stride: [2, 2, 2] },
  { name: 'odd size, the rest left out', planes: 5, size: [5, 7, 9], stride: [2, 2, 2] },
  { name: 'anisotropic', planes: 3, size: [3, 8, 10], stride: [1, 2, 2] },
  { name: 'stride three', planes: 2, size: [6, 3, 7], stride: [2, 3, 3] },
  { name: 'ranges of planes', planes: 23, size: [5, 5, 6], stride: [1, 2, 2], bindingBytes: 4096 },
  { name: 'past 65,535 workgroups', planes: 65_536, size: [1, 8, 16], stride: [1, 1, 2] },
];

describe('avgPool', () => {
  for (const { name, planes, size, stride, bindingBytes } of CASES) {
    test(`matches its reference: ${name}`, async ({ gpu }) => {
      const x = normals(planes * elementCount(size), 1);
      const expected = avgPoolReference(x, planes, size, stride);
      const limits = {
        maxStorageBufferBindingSize: bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
        maxComputeWorkgroupsPerDimension: gpu.limits.maxComputeWorkgroupsPerDimension,
      };
      const y = await runKernel(gpu, [x], expected.length, ([gpuX], gpuY) =>
        avgPoolForward({ planes, inputSize: size, stride, limits, x: gpuX, y: gpuY }),
      );
      expect(relativeError(y, expected)).toBeLessThan(1e-6);
    });
  }
});
