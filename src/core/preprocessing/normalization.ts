// Intensity normalisation, one scheme a function of the same shape: a channel is changed in place. Follows nnU-Net's
// `default_normalization_schemes.py`: float32 arithmetic per voxel; statistics are summed in float64, where numpy's
// float32 sums carry noise of about 1e-6.

import type { IntensityProperties, NormalizationScheme } from '@/core/planning/plans';
import { StudioError } from '@/shared/errors';

export interface NormalizationContext {
  /** `[z, y, x]`, not zero inside. Given where the plans ask to normalise within the mask only. */
  readonly mask?: Uint8Array | undefined;
  /** Foreground intensities of the training set for this channel. */
  readonly intensity?: IntensityProperties | undefined;
}

/** Normalises one channel `[z, y, x]` in place. */
export type Normalize = (channel: Float32Array, context: NormalizationContext) => void;

/** Smallest divisor, so that a constant channel becomes zero and not NaN. */
const EPS = 1e-8;

/** Every scheme a plan can name. */
export const NORMALIZATIONS: Readonly<Record<NormalizationScheme, Normalize>> = {
  ZScoreNormalization: zScoreNormalization,
  CTNormalization: ctNormalization,
  NoNormalization: () => undefined,
  RescaleTo01Normalization: rescaleTo01Normalization,
  RGBTo01Normalization: rgbTo01Normalization,
};

/** Mean 0, population standard deviation 1: of the whole channel, or of the mask, outside which nothing changes. */
export function zScoreNormalization(channel: Float32Array, { mask }: NormalizationContext): void {
  const { mean, std } = meanAndStd(channel, mask);
  const shift = Math.fround(mean);
  const scale = Math.fround(Math.max(std, EPS));
  for (let i = 0; i < channel.length; i++) {
    if (mask === undefined || mask[i] !== 0) channel[i] = Math.fround(channel[i] - shift) / scale;
  }
}

function meanAndStd(channel: Float32Array, mask: Uint8Array | undefined): { mean: number; std: number } {
  let count = 0;
  let sum = 0;
  for (let i = 0; i < channel.length; i++) {
    if (mask !== undefined && mask[i] === 0) continue;
    sum += channel[i];
    count++;
  }
  if (count === 0) return { mean: 0, std: 1 };
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < channel.length; i++) {
    if (mask !== undefined && mask[i] === 0) continue;
    const deviation = channel[i] - mean;
    squares += deviation * deviation;
  }
  return { mean, std: Math.sqrt(squares / count) };
}

/** Clips to the 0.5 and 99.5 percentiles of the training foreground, then its mean and standard deviation. */
export function ctNormalization(channel: Float32Array, { intensity }: NormalizationContext): void {
  if (!intensity) throw new Error('CTNormalization needs the intensity properties of the plans');
  assertUsable(intensity);
  const low = Math.fround(intensity.percentile005);
  const high = Math.fround(intensity.percentile995);
  const shift = Math.fround(intensity.mean);
  const scale = Math.fround(Math.max(intensity.std, EPS));
  for (let i = 0; i < channel.length; i++) {
    const clipped = Math.min(Math.max(channel[i], low), high);
    channel[i] = Math.fround(clipped - shift) / scale;
  }
}

/** Statistics of nothing would make every voxel NaN. Percentiles may be infinite: nothing is clipped then. */
function assertUsable({ mean, std, percentile005, percentile995 }: IntensityProperties): void {
  const wrong = Object.entries({
    mean,
    std,
    percentile_00_5: percentile005,
    percentile_99_5: percentile995,
  }).find(
    ([name, value]) => Number.isNaN(value) || (!Number.isFinite(value) && !name.startsWith('percentile')),
  );
  if (!wrong) return;
  throw new StudioError(
    'BadIntensities',
    `CTNormalization needs the intensities of the training set's foreground, but their ${wrong[0]} is ${Number.isNaN(wrong[1]) ? 'missing or NaN' : wrong[1]} in the plans.`,
    'Extract the fingerprint again from cases that have foreground (extract_fingerprint --clean), then plan again.',
  );
}

/** Minimum becomes 0, maximum 1. */
export function rescaleTo01Normalization(channel: Float32Array): void {
  const [low, high] = valueRange(channel);
  const scale = Math.max(Math.fround(high - low), Math.fround(EPS));
  for (let i = 0; i < channel.length; i++) channel[i] = Math.fround(channel[i] - low) / scale;
}

/** 0…255 becomes 0…1. */
export function rgbTo01Normalization(channel: Float32Array): void {
  const [low, high] = valueRange(channel);
  if (low < 0 || high > 255) {
    throw new StudioError(
      'NotRgb',
      `This model expects colour values between 0 and 255, but the image has values from ${low} to ${high}.`,
      'Give it an 8-bit colour image.',
    );
  }
  for (let i = 0; i < channel.length; i++) channel[i] /= 255;
}

/** Smallest and largest value. */
export function valueRange(values: ArrayLike<number>): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
