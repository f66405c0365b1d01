import { expect } from 'vitest';
import { allocate, arrayOf, readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, type GpuArray, runDispatches } from '@/gpu/dispatch';
import type { FeatureDtype } from '@/kernels/storage';
import { fromFloat16Bits, toFloat16Bits } from '@/shared/numeric';
import { seededRandom } from '@/shared/random';
import { uploadAs } from '../support/uploadAs';

/** Standard normal numbers that f32 holds exactly, as f64 for references. */
export function normals(size: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: size }, () => Math.fround(random.normal()));
}

/** Standard normal numbers that f16 holds exactly. */
export function normalHalves(size: number, seed: number): Float64Array {
  return normals(size, seed).map((value) => fromFloat16Bits(toFloat16Bits(value)));
}

/** What arrays are stored as, f32 where it is left out. */
export interface StoredAs {
  readonly inputs?: readonly (FeatureDtype | undefined)[];
  readonly y?: FeatureDtype;
}

/** Runs what `launch` describes on uploaded inputs and an output of `size` elements, NaN before, and reads it back. */
export async function runKernel(
  gpu: Gpu,
  inputs: readonly Float64Array[],
  size: number,
  launch: (inputs: readonly GpuArray[], y: GpuArray) => readonly Dispatch[],
  stored: StoredAs = {},
): Promise<Float32Array> {
  const arrays: GpuArray[] = [];
  for (const [i, input] of inputs.entries()) {
    arrays.push(await uploadAs(gpu, stored.inputs?.[i] ?? 'f32', Float32Array.from(input)));
  }
  const y = await uploadAs(gpu, stored.y ?? 'f32', new Float32Array(size).fill(Number.NaN));
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

/**
 * How far numbers stored as f16 are from what they should be, in what that many roundings to f16 and the errors of f32
 * sums allow: at most 1 where the kernel is right.
 */
export function halfError(actual: ArrayLike<number>, expected: ArrayLike<number>, roundings = 1): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    // Earlier roundings were of other, perhaps larger numbers.
    const rounding = Math.abs(expected[i]) + (roundings - 1) * largest;
    const allowed = Math.max(rounding * 2 ** -11, 2 ** -25) + 4e-6 * largest;
    const error = Math.abs(actual[i] - expected[i]) / allowed;
    if (Number.isNaN(error)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, error);
  }
  return worst;
}
