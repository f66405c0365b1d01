import { roundHalfEven } from '@/shared/numeric';
import { type Random, uniformIn } from '@/shared/random';
import { drawPerChannel, type PerChannel } from './channels';
import { channelOf, type ImagePatch } from './patch';

export interface GaussianBlurRule {
  readonly kind: 'gaussianBlur';
  readonly channelProbability: number;
  readonly sigmaRange: readonly [number, number];
  /** One σ for all axes of a channel. */
  readonly isSigmaShared: boolean;
}

export interface GaussianBlur {
  readonly kind: 'gaussianBlur';
  /** Per axis z, y, x; 0 for none. Voxels. */
  readonly sigmas: PerChannel<readonly number[]>;
}

/** How many σ a kernel is long. */
const TRUNCATE = 6;

/** Follows batchgeneratorsv2's `GaussianBlurTransform`. */
export function drawGaussianBlur(
  random: Random,
  { channelProbability, sigmaRange, isSigmaShared }: GaussianBlurRule,
  { channels, dimension }: { readonly channels: number; readonly dimension: 2 | 3 },
): GaussianBlur {
  const sigmas = drawPerChannel(random, channels, channelProbability, () => {
    const shared = uniformIn(random, sigmaRange);
    const own = () => (isSigmaShared ? shared : uniformIn(random, sigmaRange));
    return dimension === 2 ? [0, own(), own()] : [own(), own(), own()];
  });
  return { kind: 'gaussianBlur', sigmas };
}

/** Weights of a kernel, their sum 1, of batchgeneratorsv2's odd length. A σ of 0 gives one weight. */
export function blurKernel(sigma: number): number[] {
  if (sigma === 0) return [1];
  const half = (nearestOdd(TRUNCATE * sigma + 0.5) - 1) / 2;
  const weights = Array.from({ length: 2 * half + 1 }, (_, i) => Math.exp(-0.5 * ((i - half) / sigma) ** 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function nearestOdd(value: number): number {
  const rounded = roundHalfEven(value);
  if (rounded % 2 === 1) return rounded;
  return value - rounded >= 0 ? rounded + 1 : rounded - 1;
}

/** An index off either end, mirrored about the first and the last element. */
export function reflected(index: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const within = ((index % period) + period) % period;
  return within < size ? within : period - within;
}

/** Axis after axis, reflected at the border. */
export function applyGaussianBlur(image: ImagePatch, { sigmas }: GaussianBlur): void {
  for (const [c, ofChannel] of sigmas.entries()) {
    if (!ofChannel) continue;
    for (const [axis, sigma] of ofChannel.entries()) {
      if (sigma > 0) convolveAxis(channelOf(image, c), image.shape, axis, blurKernel(sigma));
    }
  }
}

/** In place, along one axis. */
function convolveAxis(
  plane: Float32Array,
  shape: readonly number[],
  axis: number,
  kernel: readonly number[],
): void {
  const size = shape[axis];
  const half = (kernel.length - 1) / 2;
  const stride = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
  const sources = Array.from({ length: size + 2 * half }, (_, i) => reflected(i - half, size) * stride);
  const line = new Float32Array(size);
  for (let i = 0; i < plane.length / size; i++) {
    const start = Math.floor(i / stride) * stride * size + (i % stride);
    for (let k = 0; k < size; k++) {
      let sum = 0;
      for (let t = 0; t < kernel.length; t++) sum += kernel[t] * plane[start + sources[k + t]];
      line[k] = sum;
    }
    for (let k = 0; k < size; k++) plane[start + k * stride] = line[k];
  }
}
