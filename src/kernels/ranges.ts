// Pieces of arrays that fit one binding. A binding starts at a multiple of 256 bytes, so a piece may begin a little
// after the binding does: `base` says how much.

import type { GpuArray } from '@/gpu/dispatch';

/** The limits that launchers work within. */
export type KernelLimits = Pick<
  GPUSupportedLimits,
  'maxStorageBufferBindingSize' | 'maxComputeWorkgroupsPerDimension'
>;

/** `minStorageBufferOffsetAlignment` of every WebGPU device, in f32 elements. */
export const ALIGNMENT_ELEMENTS = 64;

/** Elements `[start, start + count)` of an f32 array as one binding, and where in it they begin. */
export function bindRange(array: GpuArray, start: number, count: number): { array: GpuArray; base: number } {
  const base = start % ALIGNMENT_ELEMENTS;
  const offset = array.offset + (start - base) * 4;
  return { array: { ...array, offset, size: base + count }, base };
}

/** How many f32 elements one binding can hold, whatever its alignment. */
export function bindingCapacity(limits: Pick<KernelLimits, 'maxStorageBufferBindingSize'>): number {
  const elements = Math.floor(limits.maxStorageBufferBindingSize / 4);
  return elements - (elements % ALIGNMENT_ELEMENTS) - ALIGNMENT_ELEMENTS;
}

/** `[0, count)` in pieces of at most `step`. */
export function pieces(count: number, step: number): { start: number; count: number }[] {
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => ({
    start: i * step,
    count: Math.min(step, count - i * step),
  }));
}

/** `planes` planes of `planeLength` elements in pieces whose elements fit one binding. */
export function planePieces(
  planes: number,
  planeLength: number,
  limits: KernelLimits,
): { start: number; count: number }[] {
  const perBinding = Math.floor(bindingCapacity(limits) / planeLength);
  if (perBinding < 1) {
    throw new Error(`one channel of ${planeLength} voxels exceeds the binding limit of this adapter`);
  }
  return pieces(planes, perBinding);
}
