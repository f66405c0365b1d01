import { describe, expect } from 'vitest';
import { addReference } from '@/kernels/add.reference';
import { addForward, copyForward, leakyReluForward } from '@/kernels/elementwise';
import { leakyReluReference } from '@/kernels/leakyRelu.reference';
import { test } from '../support/gpu';
import { normals, relativeError, runKernel } from './device';

describe.each([{ size: 1 }, { size: 1001 }, { size: 64 * 65_535 + 1 }])(
  'elementwise over $size',
  ({ size }) => {
    test('add matches its reference', async ({ gpu }) => {
      const [a, b] = [normals(size, 1), normals(size, 2)];
      const y = await runKernel(gpu, [a, b], size, ([x1, x2], out) => addForward(x1, x2, out, gpu.limits));
      expect(relativeError(y, addReference(a, b))).toBeLessThan(1e-7);
    });

    test('leakyRelu matches its reference', async ({ gpu }) => {
      const a = normals(size, 3);
      const y = await runKernel(gpu, [a], size, ([x], out) => leakyReluForward(x, out, 0.01, gpu.limits));
      expect(relativeError(y, leakyReluReference(a, 0.01))).toBeLessThan(1e-7);
    });
  },
);

describe('elementwise', () => {
  const limits = { maxStorageBufferBindingSize: 1024, maxComputeWorkgroupsPerDimension: 2 };

  test('add covers an array in ranges', async ({ gpu }) => {
    const [a, b] = [normals(1003, 1), normals(1003, 2)];
    const y = await runKernel(gpu, [a, b], 1003, ([x1, x2], out) => addForward(x1, x2, out, limits));
    expect(relativeError(y, addReference(a, b))).toBeLessThan(1e-7);
  });

  test('copy moves a range that is not aligned and leaves the rest', async ({ gpu }) => {
    const a = normals(2000, 1);
    const y = await runKernel(gpu, [a], 3000, ([x], out) => copyForward(x, 77, out, 1311, 1500, limits));
    expect(y.subarray(1311, 2811)).toEqual(Float32Array.from(a.subarray(77, 1577)));
    expect(y.subarray(0, 1311).every(Number.isNaN) && y.subarray(2811).every(Number.isNaN)).toBe(true);
  });
});
