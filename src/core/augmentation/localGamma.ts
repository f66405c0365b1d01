import type { Zyx } from '@/shared/geometry';
import { type Random, uniformIn } from '@/shared/random';
import { drawPerChannel, type PerChannel } from './channels';
import { intensityStatistics } from './intensityStatistics';
import { drawLocalKernel, type LocalKernel, localKernelWeights } from './localKernel';
import { channelOf, type ImagePatch } from './patch';

export interface LocalGammaRule {
  readonly kind: 'localGamma';
  readonly channelProbability: number;
  /** One of them, each as likely. */
  readonly gammaRanges: readonly [readonly [number, number], readonly [number, number]];
}

export interface LocalGamma {
  readonly kind: 'localGamma';
  readonly gammas: PerChannel<{ readonly kernel: LocalKernel; readonly gamma: number }>;
}

/** A range that divides is at least this. */
export const LOCAL_GAMMA_EPSILON = 1e-8;

/** Follows batchgeneratorsv2's `LocalGammaTransform` as `nnUNetTrainerDA5` sets it. */
export function drawLocalGamma(
  random: Random,
  { channelProbability, gammaRanges: [low, high] }: LocalGammaRule,
  facts: { readonly channels: number; readonly patchSize: Zyx; readonly dimension: 2 | 3 },
): LocalGamma {
  const draw = () => {
    const kernel = drawLocalKernel(random, facts.patchSize, facts.dimension);
    return { kernel, gamma: uniformIn(random, random.uniform() < 0.5 ? low : high) };
  };
  return { kind: 'localGamma', gammas: drawPerChannel(random, facts.channels, channelProbability, draw) };
}

/** Scaled to 0 … 1, `x · (1 − weight) + x^γ · weight`, and back. */
export function applyLocalGamma(image: ImagePatch, { gammas }: LocalGamma): void {
  for (const [c, local] of gammas.entries()) {
    if (!local) continue;
    const plane = channelOf(image, c);
    const weights = localKernelWeights(local.kernel, image.shape);
    const { min, max } = intensityStatistics(plane);
    const range = Math.max(max - min, LOCAL_GAMMA_EPSILON);
    for (let i = 0; i < plane.length; i++) {
      const x = (plane[i] - min) / range;
      plane[i] = (x * (1 - weights[i]) + x ** local.gamma * weights[i]) * range + min;
    }
  }
}
