import { type Random, uniformIn } from '@/shared/random';
import { drawPerChannel, type PerChannel } from './channels';
import { channelOf, type ImagePatch } from './patch';

export interface SharpeningRule {
  readonly kind: 'sharpening';
  readonly channelProbability: number;
  readonly strengthRange: readonly [number, number];
}

export interface Sharpening {
  readonly kind: 'sharpening';
  readonly strengths: PerChannel<number>;
}

/** Follows batchgeneratorsv2's `SharpeningTransform`. */
export function drawSharpening(random: Random, rule: SharpeningRule, channels: number): Sharpening {
  const draw = () => uniformIn(random, rule.strengthRange);
  return { kind: 'sharpening', strengths: drawPerChannel(random, channels, rule.channelProbability, draw) };
}

/** `x + strength · Σ (x − neighbour)` over the two neighbours along each axis; past the border the voxel itself. */
export function applySharpening(image: ImagePatch, { strengths }: Sharpening): void {
  const [depth, height, width] = image.shape;
  for (const [c, strength] of strengths.entries()) {
    if (strength === undefined) continue;
    const plane = channelOf(image, c);
    const before = plane.slice();
    for (let z = 0, i = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          const value = before[i];
          let difference = 0;
          if (z > 0) difference += value - before[i - height * width];
          if (z < depth - 1) difference += value - before[i + height * width];
          if (y > 0) difference += value - before[i - width];
          if (y < height - 1) difference += value - before[i + width];
          if (x > 0) difference += value - before[i - 1];
          if (x < width - 1) difference += value - before[i + 1];
          plane[i] = value + strength * difference;
        }
      }
    }
  }
}
