import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { Zyx } from '@/shared/geometry';
import type { KernelLimits } from '../ranges';
import source from './blurAxis.wgsl?raw';
import { threadGrid, uniformWords } from './grid';

/** The longest kernel that the uniform holds. */
const MAX_WEIGHTS = 16;
/** Words of {@link blurAxisUniform}. */
export const BLUR_AXIS_WORDS = 8 + MAX_WEIGHTS;

/** An odd number of weights, at most 15. */
export function blurAxisUniform(shape: Zyx, axis: number, weights: readonly number[]): Uint32Array {
  if (weights.length > MAX_WEIGHTS) throw new Error(`blurAxis: ${weights.length} weights`);
  return uniformWords(BLUR_AXIS_WORDS, [
    { at: 0, words: [...shape, axis, (weights.length - 1) / 2] },
    { at: 8, floats: weights },
  ]);
}

/** `x` `[z, y, x]` → `y`, another array of the same size, f32. */
export function blurAxis(args: {
  readonly limits: KernelLimits;
  readonly x: GpuArray;
  readonly y: GpuArray;
  /** Holds {@link blurAxisUniform}. */
  readonly uniform: GPUBuffer;
}): Dispatch {
  const { limits, x, y, uniform } = args;
  return {
    label: 'blurAxis',
    source,
    entryPoint: 'blur',
    bindings: [x, y],
    uniform,
    workgroups: threadGrid(limits, y.size),
  };
}
