import { describe, expect } from 'vitest';
import { allocate, arrayOf, readFloats, upload } from '@/gpu/buffers';
import { foldGrid, runDispatches } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { test } from '../support/gpu';

const DOUBLE = `
override workgroupSize: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(workgroupSize)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * workgroupSize + lane;
  if (i >= arrayLength(&x)) { return; }
  y[i] = 2.0 * x[i];
}`;

describe('dispatch', () => {
  test('covers every element past 65,535 workgroups', async ({ gpu }) => {
    const size = 64 * 65_535 + 7;
    const x = await upload(
      gpu,
      Float32Array.from({ length: size }, (_, i) => i % 1000),
      'x',
    );
    const y = arrayOf(await allocate(gpu, size * 4, 'y'), size);
    const [columns, rows] = foldGrid(gpu, Math.ceil(size / 64));
    expect(rows).toBeGreaterThan(1);
    runDispatches(gpu, [
      {
        label: 'double',
        source: DOUBLE,
        entryPoint: 'main',
        constants: { workgroupSize: 64 },
        bindings: [x, y],
        workgroups: [columns, rows, 1],
      },
    ]);
    const result = await readFloats(gpu, y);
    expect(result.length).toBe(size);
    expect(result.findIndex((value, i) => value !== 2 * (i % 1000))).toBe(-1);
  });

  test('refuses a buffer above the adapter limit with its size in words', async ({ gpu }) => {
    await expect(allocate(gpu, gpu.limits.maxBufferSize + 16, 'a huge tensor')).rejects.toThrow(
      /a huge tensor needs one buffer of .* GB/,
    );
  });
});

describe('a lost device', () => {
  test('is told from other failures by name', async () => {
    const gpu = await openNodeGpu();
    const x = await upload(gpu, new Float32Array(4), 'x');
    gpu.close();
    await expect(readFloats(gpu, x)).rejects.toMatchObject({ name: 'DeviceLost' });
  });
});
