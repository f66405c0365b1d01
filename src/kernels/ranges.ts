// Pieces of arrays that fit one binding. A binding starts at a multiple of 256 bytes, so a piece may begin a little
// after the binding does: `base` says how much.

import { BYTES_PER_ELEMENT, type GpuArray } from '@/gpu/dispatch';
import { StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';

/** The limits that launchers work within. */
export type KernelLimits = Pick<
  GPUSupportedLimits,
  'maxStorageBufferBindingSize' | 'maxComputeWorkgroupsPerDimension'
>;

/** `minStorageBufferOffsetAlignment` of every WebGPU device, in f32 elements. */
export const ALIGNMENT_ELEMENTS = 64;

/** The same in elements of an array. */
export function alignmentOf({ dtype }: Pick<GpuArray, 'dtype'>): number {
  return (4 * ALIGNMENT_ELEMENTS) / BYTES_PER_ELEMENT[dtype];
}

/** Elements `[start, start + count)` of an array as one binding, and where in it they begin. */
export function bindRange(array: GpuArray, start: number, count: number): { array: GpuArray; base: number } {
  const base = start % alignmentOf(array);
  const offset = array.offset + (start - base) * BYTES_PER_ELEMENT[array.dtype];
  return { array: { ...array, offset, size: base + count }, base };
}

/** How many elements of any type one binding can hold, whatever its alignment. */
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
  if (perBinding < 1) throw exceedsBinding(`one channel of ${planeLength} voxels`, limits);
  return pieces(planes, perBinding);
}

/** The error where the smallest piece that an array can be cut into does not fit one binding: `PatchTooLarge`. */
export function exceedsBinding(
  what: string,
  { maxStorageBufferBindingSize }: Pick<KernelLimits, 'maxStorageBufferBindingSize'>,
): StudioError {
  return new StudioError(
    'PatchTooLarge',
    `This adapter's shaders see at most ${formatBytes(maxStorageBufferBindingSize)} at once, and ${what} is more.`,
    'Plan with a smaller patch, or use a GPU with a larger limit (System shows it as “Largest binding”).',
  );
}
