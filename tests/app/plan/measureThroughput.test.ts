import { expect } from 'vitest';
import { measureThroughput } from '@/app/plan/measureThroughput';
import { test } from '../../support/gpu';

test('a rate comes out, and nothing stays on the GPU', async ({ gpu }) => {
  const before = gpu.memory.currentBytes;
  const flopsPerSecond = await measureThroughput(gpu);
  expect(flopsPerSecond).toBeGreaterThan(1e6);
  expect(flopsPerSecond).toBeLessThan(1e15);
  expect(gpu.memory.currentBytes).toBe(before);
  expect(gpu.errors).toEqual([]);
}, 120_000);
