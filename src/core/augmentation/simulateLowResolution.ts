import { roundHalfEven } from '@/shared/numeric';
import { type Random, uniformIn } from '@/shared/random';
import { drawPerChannel, type PerChannel } from './channels';
import { channelOf, type ImagePatch } from './patch';

export interface SimulateLowResolutionRule {
  readonly kind: 'simulateLowResolution';
  readonly channelProbability: number;
  readonly scaleRange: readonly [number, number];
}

export interface SimulateLowResolution {
  readonly kind: 'simulateLowResolution';
  /** Per axis z, y, x. */
  readonly scales: PerChannel<readonly number[]>;
}

/** One scale for the axes of a channel; `keepsFirstAxis` in 2D and dummy-2D. Follows `SimulateLowResolutionTransform`. */
export function drawSimulateLowResolution(
  random: Random,
  { channelProbability, scaleRange }: SimulateLowResolutionRule,
  { channels, keepsFirstAxis }: { readonly channels: number; readonly keepsFirstAxis: boolean },
): SimulateLowResolution {
  const scales = drawPerChannel(random, channels, channelProbability, () => {
    // nnU-Net keeps scales as f32.
    const scale = Math.fround(uniformIn(random, scaleRange));
    return [keepsFirstAxis ? 1 : scale, scale, scale];
  });
  return { kind: 'simulateLowResolution', scales };
}

/** Source element of each of `count` elements, as PyTorch's `nearest-exact`. */
export function nearestExact(size: number, count: number): Int32Array {
  const ratio = Math.fround(size / count);
  return Int32Array.from({ length: count }, (_, i) =>
    Math.min(Math.floor(Math.fround((i + 0.5) * ratio)), size - 1),
  );
}

/** What each element of an axis is after sampling down and up again: `(1 − share) · x[below] + share · x[above]`. */
export interface LowResolutionAxis {
  readonly below: Int32Array;
  readonly above: Int32Array;
  readonly share: Float32Array;
}

/** Down to `round(size · scale)` by the nearest element, up linearly without aligned corners. */
export function lowResolutionAxis(size: number, scale: number): LowResolutionAxis {
  const count = Math.max(1, roundHalfEven(size * scale));
  const kept = nearestExact(size, count);
  const axis = {
    below: new Int32Array(size),
    above: new Int32Array(size),
    share: new Float32Array(size),
  };
  for (let i = 0; i < size; i++) {
    const position = Math.max(0, ((i + 0.5) * count) / size - 0.5);
    const first = Math.min(Math.floor(position), count - 1);
    axis.below[i] = kept[first];
    axis.above[i] = kept[Math.min(first + 1, count - 1)];
    axis.share[i] = position - first;
  }
  return axis;
}

export function applySimulateLowResolution(image: ImagePatch, { scales }: SimulateLowResolution): void {
  const [depth, height, width] = image.shape;
  for (const [c, ofChannel] of scales.entries()) {
    if (!ofChannel) continue;
    const [inZ, inY, inX] = ofChannel.map((scale, axis) => lowResolutionAxis(image.shape[axis], scale));
    const plane = channelOf(image, c);
    const source = plane.slice();
    const along = (row: number, x: number) =>
      source[row + inX.below[x]] * (1 - inX.share[x]) + source[row + inX.above[x]] * inX.share[x];
    for (let z = 0, i = 0; z < depth; z++) {
      const [below, above, shareZ] = [inZ.below[z] * height, inZ.above[z] * height, inZ.share[z]];
      for (let y = 0; y < height; y++) {
        const shareY = inY.share[y];
        const [belowBelow, belowAbove] = [(below + inY.below[y]) * width, (below + inY.above[y]) * width];
        const [aboveBelow, aboveAbove] = [(above + inY.below[y]) * width, (above + inY.above[y]) * width];
        for (let x = 0; x < width; x++, i++) {
          const lower = along(belowBelow, x) * (1 - shareY) + along(belowAbove, x) * shareY;
          const upper = along(aboveBelow, x) * (1 - shareY) + along(aboveAbove, x) * shareY;
          plane[i] = lower * (1 - shareZ) + upper * shareZ;
        }
      }
    }
  }
}
