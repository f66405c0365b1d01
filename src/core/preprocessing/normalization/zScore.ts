import { EPS, type NormalizationContext, type NormalizationDefinition } from './scheme';

/** Mean 0, population standard deviation 1: of the whole channel, or of the mask, outside which nothing changes. */
export const zScoreNormalization = {
  name: 'ZScoreNormalization',
  label: 'Z-score',
  help: 'Each image to mean 0, deviation 1 (z-score)',
  channelName: 'zscore',
  canUseMask: true,
  needsIntensities: false,
  normalize: standardize,
} as const satisfies NormalizationDefinition;

function standardize(channel: Float32Array, { mask }: NormalizationContext): void {
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
