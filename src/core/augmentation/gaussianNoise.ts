import { integerBelow, mixBits, type Random, uniformIn } from '@/shared/random';
import type { ImagePatch } from './patch';

export interface GaussianNoiseRule {
  readonly kind: 'gaussianNoise';
  readonly sigmaRange: readonly [number, number];
}

export interface GaussianNoise {
  readonly kind: 'gaussianNoise';
  /** Standard deviation, though nnU-Net calls it variance. */
  readonly sigma: number;
  /** 32 bits that the noise of every voxel follows from. */
  readonly seed: number;
}

/** One σ for all channels, noise of their own: batchgeneratorsv2's `GaussianNoiseTransform` as nnU-Net sets it. */
export function drawGaussianNoise(random: Random, { sigmaRange }: GaussianNoiseRule): GaussianNoise {
  return { kind: 'gaussianNoise', sigma: uniformIn(random, sigmaRange), seed: integerBelow(random, 2 ** 32) };
}

/** `x + σ · noise`. */
export function applyGaussianNoise({ data }: ImagePatch, { sigma, seed }: GaussianNoise): void {
  const key = mixBits(seed);
  for (let i = 0; i < data.length; i++) data[i] += sigma * normalAt(key, i);
}

const SECOND_STREAM = 0x5bd1e995;

/** Standard normal number of an element; shaders make the same of the same bits. */
function normalAt(key: number, index: number): number {
  const radius = Math.sqrt(-2 * Math.log(uniformOf(mixBits(mixBits(index) + key))));
  return radius * Math.cos(2 * Math.PI * uniformOf(mixBits(mixBits(index ^ SECOND_STREAM) + key)));
}

/** Inside (0, 1), exact in f32. */
function uniformOf(bits: number): number {
  return ((bits >>> 9) + 0.5) / 2 ** 23;
}
