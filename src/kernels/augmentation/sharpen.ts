import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { Zyx } from '@/shared/geometry';
import type { KernelLimits } from '../ranges';
import { threadGrid, uniformWords } from './grid';
import source from './sharpen.wgsl?raw';

/** Words of {@link sharpenUniform}. */
export const SHARPEN_WORDS = 4;

export function sharpenUniform(shape: Zyx, strength: number): Uint32Array {
  return uniformWords(SHARPEN_WORDS, [
    { at: 0, words: shape },
    { at: 3, floats: [strength] },
  ]);
}

/** `x` `[z, y, x]` → `y`, another array of the same size, f32. */
export function sharpen(args: {
  readonly limits: KernelLimits;
  readonly x: GpuArray;
  readonly y: GpuArray;
  /** Holds {@link sharpenUniform}. */
  readonly uniform: GPUBuffer;
}): Dispatch {
  const { limits, x, y, uniform } = args;
  return {
    label: 'sharpen',
    source,
    entryPoint: 'sharpen',
    bindings: [x, y],
    uniform,
    workgroups: threadGrid(limits, y.size),
  };
}
