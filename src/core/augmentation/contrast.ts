import type { Random } from '@/shared/random';
import { drawFactor, drawPerChannel, type PerChannel } from './channels';
import { intensityStatistics } from './intensityStatistics';
import { channelOf, type ImagePatch } from './patch';

export interface ContrastRule {
  readonly kind: 'contrast';
  readonly channelProbability: number;
  readonly factorRange: readonly [number, number];
  /** Clips to the lowest and highest value before. */
  readonly preserveRange: boolean;
}

export interface Contrast {
  readonly kind: 'contrast';
  readonly factors: PerChannel<number>;
  readonly preserveRange: boolean;
}

/** Follows batchgeneratorsv2's `ContrastTransform`. */
export function drawContrast(random: Random, rule: ContrastRule, channels: number): Contrast {
  const draw = () => drawFactor(random, rule.factorRange);
  const factors = drawPerChannel(random, channels, rule.channelProbability, draw);
  return { kind: 'contrast', factors, preserveRange: rule.preserveRange };
}

/** `(x − mean) · factor + mean`. */
export function applyContrast(image: ImagePatch, { factors, preserveRange }: Contrast): void {
  for (const [c, factor] of factors.entries()) {
    if (factor === undefined) continue;
    const plane = channelOf(image, c);
    const { mean, min, max } = intensityStatistics(plane);
    for (let i = 0; i < plane.length; i++) {
      const value = (plane[i] - mean) * factor + mean;
      plane[i] = preserveRange ? Math.min(Math.max(value, min), max) : value;
    }
  }
}
