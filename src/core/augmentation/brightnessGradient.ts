import type { Zyx } from '@/shared/geometry';
import { type Random, uniformIn } from '@/shared/random';
import { drawPerChannel, type PerChannel } from './channels';
import { drawLocalKernel, type LocalKernel, localKernelWeights } from './localKernel';
import { channelOf, type ImagePatch } from './patch';

export interface BrightnessGradientRule {
  readonly kind: 'brightnessGradient';
  readonly channelProbability: number;
  /** Of what is added at most, up or down. */
  readonly strengthRange: readonly [number, number];
}

export interface BrightnessGradient {
  readonly kind: 'brightnessGradient';
  readonly gradients: PerChannel<{ readonly kernel: LocalKernel; readonly strength: number }>;
}

/** Follows batchgeneratorsv2's `BrightnessGradientAdditiveTransform` as `nnUNetTrainerDA5` sets it. */
export function drawBrightnessGradient(
  random: Random,
  { channelProbability, strengthRange }: BrightnessGradientRule,
  facts: { readonly channels: number; readonly patchSize: Zyx; readonly dimension: 2 | 3 },
): BrightnessGradient {
  const draw = () => {
    const kernel = drawLocalKernel(random, facts.patchSize, facts.dimension);
    const sign = random.uniform() < 0.5 ? -1 : 1;
    return { kernel, strength: sign * uniformIn(random, strengthRange) };
  };
  const gradients = drawPerChannel(random, facts.channels, channelProbability, draw);
  return { kind: 'brightnessGradient', gradients };
}

/** `x + strength · weight`. */
export function applyBrightnessGradient(image: ImagePatch, { gradients }: BrightnessGradient): void {
  for (const [c, gradient] of gradients.entries()) {
    if (!gradient) continue;
    const plane = channelOf(image, c);
    const weights = localKernelWeights(gradient.kernel, image.shape);
    for (let i = 0; i < plane.length; i++) plane[i] += gradient.strength * weights[i];
  }
}
