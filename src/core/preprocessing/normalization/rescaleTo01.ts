import { valueRange } from '../valueRange';
import { EPS, type NormalizationDefinition } from './scheme';

/** Minimum becomes 0, maximum 1. */
export const rescaleTo01Normalization = {
  name: 'RescaleTo01Normalization',
  label: 'Rescale to 0…1',
  help: 'Each image from its minimum to its maximum onto 0 … 1',
  channelName: 'rescale_to_0_1',
  canUseMask: false,
  needsIntensities: false,
  normalize: rescale,
} as const satisfies NormalizationDefinition;

function rescale(channel: Float32Array): void {
  const [low, high] = valueRange(channel);
  const scale = Math.max(Math.fround(high - low), Math.fround(EPS));
  for (let i = 0; i < channel.length; i++) channel[i] = Math.fround(channel[i] - low) / scale;
}
