import type { Random } from '@/shared/random';
import { drawFactor, drawPerChannel, type PerChannel } from './channels';
import { intensityStatistics } from './intensityStatistics';
import { channelOf, type ImagePatch } from './patch';

export interface GammaRule {
  readonly kind: 'gamma';
  readonly channelProbability: number;
  readonly gammaRange: readonly [number, number];
  /** Acts on the negative of the image. */
  readonly invertImage: boolean;
  /** Mean and deviation stay. */
  readonly retainStats: boolean;
}

export interface Gamma {
  readonly kind: 'gamma';
  readonly gammas: PerChannel<number>;
  readonly invertImage: boolean;
  readonly retainStats: boolean;
}

/** Range and deviation that divide are at least this. */
export const GAMMA_EPSILON = 1e-7;

/** Follows batchgeneratorsv2's `GammaTransform`. */
export function drawGamma(random: Random, rule: GammaRule, channels: number): Gamma {
  const draw = () => drawFactor(random, rule.gammaRange);
  const gammas = drawPerChannel(random, channels, rule.channelProbability, draw);
  return { kind: 'gamma', gammas, invertImage: rule.invertImage, retainStats: rule.retainStats };
}

/** `((x − min) / range)^γ · range + min`. */
export function applyGamma(image: ImagePatch, { gammas, invertImage, retainStats }: Gamma): void {
  const sign = invertImage ? -1 : 1;
  for (const [c, gamma] of gammas.entries()) {
    if (gamma === undefined) continue;
    const plane = channelOf(image, c);
    for (let i = 0; i < plane.length; i++) plane[i] *= sign;
    const before = intensityStatistics(plane);
    const range = before.max - before.min;
    const divisor = Math.max(range, GAMMA_EPSILON);
    for (let i = 0; i < plane.length; i++) {
      plane[i] = ((plane[i] - before.min) / divisor) ** gamma * range + before.min;
    }
    const after = intensityStatistics(plane);
    const scale = retainStats ? before.std / Math.max(after.std, GAMMA_EPSILON) : 1;
    const [from, to] = retainStats ? [after.mean, before.mean] : [0, 0];
    for (let i = 0; i < plane.length; i++) plane[i] = sign * ((plane[i] - from) * scale + to);
  }
}
