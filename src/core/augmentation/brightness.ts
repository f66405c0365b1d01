import type { Random } from '@/shared/random';
import { drawFactor, drawPerChannel, type PerChannel } from './channels';
import { channelOf, type ImagePatch } from './patch';

export interface BrightnessRule {
  readonly kind: 'brightness';
  readonly channelProbability: number;
  readonly factorRange: readonly [number, number];
}

export interface Brightness {
  readonly kind: 'brightness';
  readonly factors: PerChannel<number>;
}

/** Follows batchgeneratorsv2's `MultiplicativeBrightnessTransform`. */
export function drawBrightness(random: Random, rule: BrightnessRule, channels: number): Brightness {
  const draw = () => drawFactor(random, rule.factorRange);
  return { kind: 'brightness', factors: drawPerChannel(random, channels, rule.channelProbability, draw) };
}

/** `x · factor`. */
export function applyBrightness(image: ImagePatch, { factors }: Brightness): void {
  for (const [c, factor] of factors.entries()) {
    if (factor === undefined) continue;
    const plane = channelOf(image, c);
    // nnU-Net multiplies in f32.
    const multiplier = Math.fround(factor);
    for (let i = 0; i < plane.length; i++) plane[i] *= multiplier;
  }
}
