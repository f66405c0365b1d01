import type { Random } from '@/shared/random';
import { drawPerChannel, type PerChannel } from './channels';
import { channelOf, type ImagePatch } from './patch';

export interface AdditiveBrightnessRule {
  readonly kind: 'additiveBrightness';
  readonly channelProbability: number;
  /** Standard deviation of what is added. */
  readonly sigma: number;
}

export interface AdditiveBrightness {
  readonly kind: 'additiveBrightness';
  readonly shifts: PerChannel<number>;
}

/** Follows batchgeneratorsv2's `BrightnessAdditiveTransform` with a mean of 0. */
export function drawAdditiveBrightness(
  random: Random,
  { channelProbability, sigma }: AdditiveBrightnessRule,
  channels: number,
): AdditiveBrightness {
  const draw = () => sigma * random.normal();
  return { kind: 'additiveBrightness', shifts: drawPerChannel(random, channels, channelProbability, draw) };
}

/** `x + shift`. */
export function applyAdditiveBrightness(image: ImagePatch, { shifts }: AdditiveBrightness): void {
  for (const [c, shift] of shifts.entries()) {
    if (shift === undefined) continue;
    const plane = channelOf(image, c);
    for (let i = 0; i < plane.length; i++) plane[i] += shift;
  }
}
