import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { Zyx } from '@/shared/geometry';
import type { KernelLimits } from '../ranges';
import { threadGrid, uniformWords } from './grid';
import shader from './intensity.wgsl?raw';
import numerics from './numerics.wgsl?raw';

const source = numerics + shader;

/** Words of {@link intensityUniform}. */
export const INTENSITY_WORDS = 12;

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
  /** σ, factor, γ, shift or strength. */
  readonly factor: number;
  /** Gamma: −1 acts on the negative image. */
  readonly sign?: 1 | -1;
  readonly epsilon?: number;
  /** Of a local kernel, see {@link intensityKernel}: its smallest product, and the plane's shape. */
  readonly lowest?: number;
  readonly shape?: Zyx;
}

export function intensityUniform(numbers: IntensityNumbers): Uint32Array {
  const { voxels, firstElement = 0, key = 0, keeps = false } = numbers;
  const { factor, sign = 1, epsilon = 0, lowest = 0, shape = [0, 0, 0] } = numbers;
  return uniformWords(INTENSITY_WORDS, [
    { at: 0, words: [voxels, firstElement, key, keeps ? 1 : 0] },
    { at: 4, floats: [factor, sign, epsilon, lowest] },
    { at: 8, words: shape },
  ]);
}

export type IntensityEntryPoint = keyof typeof READS;

/** What each entry point reads besides the plane. */
const READS = {
  addNoise: {},
  scale: {},
  shift: {},
  contrast: { statistics: true },
  gammaPower: { statistics: true },
  gammaFinish: { statistics: true },
  addGradient: { kernelAxes: true },
  localGamma: { statistics: true, kernelAxes: true },
} satisfies Record<string, { readonly statistics?: true; readonly kernelAxes?: true }>;

/**
 * In place: `plane` `[z, y, x]`, f32. `statistics`: two vec4 of `statistics.wgsl`, before and after γ. `kernelAxes`: a
 * local kernel along z, y, x, one after the other; its weights are `(z · y · x − lowest) / (1 − lowest)`.
 */
export function intensityKernel(args: {
  readonly limits: KernelLimits;
  readonly entryPoint: IntensityEntryPoint;
  readonly plane: GpuArray;
  readonly statistics: GpuArray;
  readonly kernelAxes: GpuArray;
  /** Holds {@link intensityUniform}. */
  readonly uniform: GPUBuffer;
}): Dispatch {
  const { limits, entryPoint, plane, statistics, kernelAxes, uniform } = args;
  const reads: { readonly statistics?: true; readonly kernelAxes?: true } = READS[entryPoint];
  return {
    label: `intensity.${entryPoint}`,
    source,
    entryPoint,
    bindings: [plane, reads.statistics && statistics, reads.kernelAxes && kernelAxes],
    uniform,
    workgroups: threadGrid(limits, plane.size),
  };
}
