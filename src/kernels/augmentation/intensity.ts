import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { KernelLimits } from '../ranges';
import { threadGrid, uniformWords } from './grid';
import shader from './intensity.wgsl?raw';
import numerics from './numerics.wgsl?raw';

const source = numerics + shader;

/** Words of {@link intensityUniform}. */
export const INTENSITY_WORDS = 8;

/** Fields of `intensity.wgsl`'s parameters; each entry point reads some. */
export interface IntensityNumbers {
  /** Of the plane. */
  readonly voxels: number;
  /** Noise: index of the plane's first voxel in the image. */
  readonly firstElement?: number;
  /** Noise: `mixBits(seed)`. */
  readonly key?: number;
  /** Contrast keeps the range; gamma keeps mean and deviation. */
  readonly keeps?: boolean;
  /** σ, factor or γ. */
  readonly factor: number;
  /** Gamma: −1 acts on the negative image. */
  readonly sign?: 1 | -1;
  readonly epsilon?: number;
}

export function intensityUniform(numbers: IntensityNumbers): Uint32Array {
  const { voxels, firstElement = 0, key = 0, keeps = false, factor, sign = 1, epsilon = 0 } = numbers;
  return uniformWords(INTENSITY_WORDS, [
    { at: 0, words: [voxels, firstElement, key, keeps ? 1 : 0] },
    { at: 4, floats: [factor, sign, epsilon] },
  ]);
}

export type IntensityEntryPoint = 'addNoise' | 'scale' | 'contrast' | 'gammaPower' | 'gammaFinish';

/** In place: `plane` `[z, y, x]`, f32. `statistics`: two vec4 of `statistics.wgsl`, before and after γ. */
export function intensityKernel(args: {
  readonly limits: KernelLimits;
  readonly entryPoint: IntensityEntryPoint;
  readonly plane: GpuArray;
  readonly statistics: GpuArray;
  /** Holds {@link intensityUniform}. */
  readonly uniform: GPUBuffer;
}): Dispatch {
  const { limits, entryPoint, plane, statistics, uniform } = args;
  const readsStatistics = entryPoint !== 'addNoise' && entryPoint !== 'scale';
  return {
    label: `intensity.${entryPoint}`,
    source,
    entryPoint,
    bindings: [plane, readsStatistics ? statistics : undefined],
    uniform,
    workgroups: threadGrid(limits, plane.size),
  };
}
