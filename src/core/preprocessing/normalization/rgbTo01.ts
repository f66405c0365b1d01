import { StudioError } from '@/shared/errors';
import { valueRange } from '../valueRange';
import type { NormalizationDefinition } from './scheme';

/** 0…255 becomes 0…1. Throws `NotRgb` where a value lies outside. */
export const rgbTo01Normalization = {
  name: 'RGBTo01Normalization',
  label: 'RGB to 0…1',
  help: 'Divided by 255',
  channelName: 'rgb_to_0_1',
  canUseMask: false,
  needsIntensities: false,
  normalize: divide,
} as const satisfies NormalizationDefinition;

function divide(channel: Float32Array): void {
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
