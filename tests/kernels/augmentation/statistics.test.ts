import { describe, expect } from 'vitest';
import { intensityStatistics } from '@/core/augmentation/intensityStatistics';
import { planeStatistics, STATISTICS_SIZE, statisticsPartialsSize } from '@/kernels/augmentation/statistics';
import { test } from '../../support/gpu';
import { normals, runKernel, scratch } from '../device';

// One voxel more than a chunk, several chunks with a short last one, more voxels than 512 chunks of the usual length.
describe.each([2, 63, 1000, 16_385, 50_001, 16_384 * 512 + 77])('%i voxels', (voxels) => {
  test('mean, squared distances and range, far from zero', async ({ gpu }) => {
    const plane = normals(voxels, 1).map((value) => Math.fround(3 * value + 50));
    const partials = await scratch(gpu, statisticsPartialsSize(voxels));
    const [mean, squares, min, max] = await runKernel(gpu, [plane], STATISTICS_SIZE, ([x], statistics) =>
      planeStatistics({ plane: x, partials, statistics, slot: 0 }),
    );
    partials.buffer.destroy();
    const expected = intensityStatistics(Float32Array.from(plane));
    expect(Math.abs(mean - expected.mean)).toBeLessThan(2e-6 * expected.mean);
    const sum = expected.std ** 2 * (voxels - 1);
    expect(Math.abs(squares - sum)).toBeLessThan(1e-5 * sum);
    expect([min, max]).toEqual([expected.min, expected.max]);
  });
});

test('the second place leaves the first alone', async ({ gpu }) => {
  const plane = normals(100, 2);
  const partials = await scratch(gpu, statisticsPartialsSize(100));
  const result = await runKernel(gpu, [plane], STATISTICS_SIZE, ([x], statistics) =>
    planeStatistics({ plane: x, partials, statistics, slot: 1 }),
  );
  partials.buffer.destroy();
  expect([...result.subarray(0, 4)].every(Number.isNaN)).toBe(true);
  expect([...result.subarray(4)].every(Number.isFinite)).toBe(true);
});
