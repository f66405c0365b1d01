import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { Zyx } from '@/shared/geometry';
import type { KernelLimits } from '../ranges';
import { threadGrid, uniformWords } from './grid';
import source from './spatial.wgsl?raw';

/** Words of {@link spatialUniform}. */
export const SPATIAL_WORDS = 24;

/** Fields of `spatial.wgsl`'s parameters. */
export interface SpatialNumbers {
  /** Row-major 3 × 3. */
  readonly matrix: readonly number[];
  readonly centre: readonly number[];
  readonly sourceShape: Zyx;
  readonly patchShape: Zyx;
  readonly isNearest: boolean;
  readonly border: Zyx;
}

export function spatialUniform({
  matrix,
  centre,
  sourceShape,
  patchShape,
  isNearest,
  border,
}: SpatialNumbers): Uint32Array {
  const rows = centre.map((value, axis) => [...matrix.slice(3 * axis, 3 * axis + 3), value]);
  return uniformWords(SPATIAL_WORDS, [
    { at: 0, floats: rows.flat() },
    { at: 12, words: [...sourceShape, isNearest ? 1 : 0] },
    { at: 16, words: patchShape },
    { at: 20, floats: border },
  ]);
}

interface SpatialArgs {
  readonly limits: KernelLimits;
  /** Holds {@link spatialUniform}. */
  readonly uniform: GPUBuffer;
}

/** One channel: `image` `[Z, Y, X]` → `turned` `[z, y, x]`, f32. */
export function turnImage({
  limits,
  uniform,
  image,
  turned,
}: SpatialArgs & { readonly image: GpuArray; readonly turned: GpuArray }): Dispatch {
  return {
    label: 'spatial.turnImage',
    source,
    entryPoint: 'turnImage',
    bindings: [image, undefined, turned, undefined],
    uniform,
    workgroups: threadGrid(limits, turned.size),
  };
}

/** `labels` `[Z, Y, X]`, two i16 a word → `turned` `[z, y, x]`, i32 in words; −1 outside. */
export function turnLabels({
  limits,
  uniform,
  labels,
  turned,
}: SpatialArgs & { readonly labels: GpuArray; readonly turned: GpuArray }): Dispatch {
  return {
    label: 'spatial.turnLabels',
    source,
    entryPoint: 'turnLabels',
    bindings: [undefined, labels, undefined, turned],
    uniform,
    workgroups: threadGrid(limits, turned.size),
  };
}
