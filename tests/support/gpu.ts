import { test as base } from 'vitest';
import { openNodeGpu } from '@/gpu/nodeGpu';

/**
 * `test` with the device as a fixture, one per test file. Without an adapter every test that asks for it fails and
 * says what to install: parity claims must never pass by being skipped.
 */
// biome-ignore lint/correctness/noEmptyPattern: vitest reads a fixture's needs from this pattern
export const test = base.extend('gpu', { scope: 'file' }, async ({}, { onCleanup }) => {
  const gpu = await openNodeGpu();
  onCleanup(() => {
    gpu.close();
    if (gpu.errors.length > 0) throw new Error(gpu.errors.join('\n'));
  });
  return gpu;
});
