import { test as base } from 'vitest';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';

/**
 * `test` with the device as a fixture, one per test file. Without an adapter every test that asks for it fails and
 * says what to install: parity claims must never pass by being skipped.
 */
export const test = base.extend<object, { gpu: Gpu }>({
  gpu: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads a fixture's needs from this pattern
    async ({}, use) => {
      const gpu = await openNodeGpu();
      await use(gpu);
      gpu.close();
    },
    { scope: 'worker' },
  ],
});
