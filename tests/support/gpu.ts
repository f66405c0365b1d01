import { test as base } from 'vitest';
import { arrayOf, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { toFloat16Bits } from '@/shared/numeric';

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

/** Uploads floats as they are or as halves. */
export async function uploadAs(gpu: Gpu, dtype: 'f32' | 'f16', data: Float32Array): Promise<GpuArray> {
  if (dtype === 'f32') return upload(gpu, data, 'floats');
  const halves = new Uint16Array(Math.ceil(data.length / 2) * 2);
  halves.set(Array.from(data, toFloat16Bits));
  const { buffer } = await upload(gpu, new Uint32Array(halves.buffer), 'halves');
  return arrayOf(buffer, data.length, 'f16');
}
