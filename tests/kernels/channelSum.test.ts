import { describe, expect } from 'vitest';
import { channelSum, channelSumScratchSize } from '@/kernels/channelSum';
import { channelSumReference } from '@/kernels/channelSum.reference';
import { test } from '../support/gpu';
import { normals, runKernel, scratch } from './device';

interface Case {
  readonly name: string;
  /** Images, channels, voxels. */
  readonly shape: readonly [number, number, number];
  readonly bindingBytes?: number;
  readonly workgroupsPerDimension?: number;
}

const CASES: readonly Case[] = [
  { name: 'one value', shape: [1, 1, 1] },
  { name: 'odd planes of two images', shape: [2, 5, 343] },
  { name: 'planes of whole vectors', shape: [3, 7, 256] },
  { name: 'planes of several chunks', shape: [2, 3, 40_000] },
  { name: 'odd planes of several chunks', shape: [2, 3, 40_001] },
  { name: 'ranges of planes', shape: [2, 9, 125], bindingBytes: 2048 },
  { name: 'a folded grid', shape: [2, 70, 8], workgroupsPerDimension: 15 },
  { name: 'more than 65,535 workgroups', shape: [1, 70_000, 4] },
];

describe('channelSum', () => {
  test.for([...CASES])('matches the reference for $name', async ({ shape, ...limited }, { gpu }) => {
    const [batch, channels, length] = shape;
    const values = normals(batch * channels * length, 1);
    const limits = {
      maxStorageBufferBindingSize: limited.bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupsPerDimension:
        limited.workgroupsPerDimension ?? gpu.limits.maxComputeWorkgroupsPerDimension,
    };
    const partials = await scratch(gpu, channelSumScratchSize(batch, channels, length));
    const actual = await runKernel(gpu, [values], channels, ([gpuValues], sums) => {
      const args = { values: gpuValues, batch, channels, length, sums, scratch: partials, limits };
      return [...channelSum({ ...args, accumulate: false }), ...channelSum({ ...args, accumulate: true })];
    });
    partials.buffer.destroy();
    const expected = channelSumReference(values, batch, channels, length);
    // Rounding grows with what is added up, not with the sum.
    const magnitude = Math.sqrt(batch * length);
    expect(actual.length).toBe(channels);
    const errors = expected.map((sum, c) => Math.abs(actual[c] - 2 * sum) / magnitude);
    expect(Math.max(...errors)).toBeLessThan(2e-6);
  });

  test('reads and writes ranges of one buffer', async ({ gpu }) => {
    const [batch, channels, length] = [2, 3, 64];
    const values = normals(batch * channels * length, 1);
    const all = await runKernel(gpu, [], 512, (_, whole) => {
      gpu.device.queue.writeBuffer(whole.buffer, 0, Float32Array.from(values));
      return channelSum({
        values: { ...whole, size: values.length },
        batch,
        channels,
        length,
        sums: { ...whole, offset: 384 * 4, size: channels },
        scratch: { ...whole, offset: 448 * 4, size: channelSumScratchSize(batch, channels, length) },
        accumulate: false,
        limits: gpu.limits,
      });
    });
    const expected = channelSumReference(values, batch, channels, length);
    const errors = expected.map((sum, c) => Math.abs(all[384 + c] - sum));
    expect(Math.max(...errors)).toBeLessThan(2e-5);
  });
});
