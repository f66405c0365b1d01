import { StudioError } from '@/shared/errors';
import {
  EPS,
  type IntensityProperties,
  type NormalizationContext,
  type NormalizationDefinition,
} from './scheme';

/**
 * Clips to the 0.5 and 99.5 percentiles of the training foreground, then subtracts its mean and divides by its standard
 * deviation. Throws `BadIntensities` where these are no numbers.
 */
export const ctNormalization = {
  name: 'CTNormalization',
  label: 'CT',
  help: 'CT: clipped, then by figures of the training data',
  channelName: 'ct',
  canUseMask: false,
  needsIntensities: true,
  normalize: clipAndScale,
} as const satisfies NormalizationDefinition;

function clipAndScale(channel: Float32Array, { intensity }: NormalizationContext): void {
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
