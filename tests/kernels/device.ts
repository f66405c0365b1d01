import { expect } from 'vitest';
import { allocate, arrayOf, readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, type GpuArray, runDispatches } from '@/gpu/dispatch';
import { seededRandom } from '@/shared/random';

/** Standard normal numbers that f32 holds exactly, as f64 for references. */
export function normals(size: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: size }, () => Math.fround(random.normal()));
}

/** Runs what `launch` describes on uploaded inputs and an output of `size` elements, NaN before, and reads it back. */
export async function runKernel(
  gpu: Gpu,
  inputs: readonly Float64Array[],
  size: number,
  launch: (inputs: readonly GpuArray[], y: GpuArray) => readonly Dispatch[],
): Promise<Float32Array> {
  const arrays: GpuArray[] = [];
  for (const input of inputs) arrays.push(await upload(gpu, Float32Array.from(input), 'input'));
  const y = await upload(gpu, new Float32Array(size).fill(Number.NaN), 'y');
  gpu.device.pushErrorScope('validation');
  runDispatches(gpu, launch(arrays, y));
  const error = await gpu.device.popErrorScope();
  const result = await readFloats(gpu, y);
  for (const { buffer } of [...arrays, y]) buffer.destroy();
  expect(error?.message).toBeUndefined();
  return result;
}

/** An array of `size` elements that kernels may write. */
export async function scratch(gpu: Gpu, size: number): Promise<GpuArray> {
  return arrayOf(await allocate(gpu, size * 4, 'scratch'), size);
}

/** Largest difference, relative to the largest expected magnitude; infinite where a number is missing. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    const difference = Math.abs(actual[i] - expected[i]);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, difference);
  }
  return worst / Math.max(largest, Number.MIN_VALUE);
}
