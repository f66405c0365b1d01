// Every normalisation scheme that plans can name. Follows nnU-Net's `default_normalization_schemes.py` and
// `map_channel_name_to_normalization.py`: float32 arithmetic per voxel; statistics are summed in float64, where numpy's
// float32 sums carry noise of about 1e-6.

import { ctNormalization } from './ct';
import { noNormalization } from './none';
import { rescaleTo01Normalization } from './rescaleTo01';
import { rgbTo01Normalization } from './rgbTo01';
import type { NormalizationDefinition } from './scheme';
import { zScoreNormalization } from './zScore';

/** In the order in which choices show them. */
export const NORMALIZATION_SCHEMES = [
  zScoreNormalization,
  ctNormalization,
  rescaleTo01Normalization,
  rgbTo01Normalization,
  noNormalization,
] as const satisfies readonly NormalizationDefinition[];

export type NormalizationScheme = (typeof NORMALIZATION_SCHEMES)[number]['name'];

/** nnU-Net's class names, for messages and checks. */
export function normalizationNames(): readonly NormalizationScheme[] {
  return NORMALIZATION_SCHEMES.map(({ name }) => name);
}

/** The scheme of channels whose name asks for none. */
const DEFAULT_NORMALIZATION = zScoreNormalization.name;

/** The scheme of that name; `undefined` of a name that is not known here. */
export function findNormalization(name: string): (typeof NORMALIZATION_SCHEMES)[number] | undefined {
  return NORMALIZATION_SCHEMES.find((scheme) => scheme.name === name);
}

/** The scheme of that name. */
export function normalizationNamed(name: NormalizationScheme): NormalizationDefinition {
  const scheme = findNormalization(name);
  if (scheme) return scheme;
  throw new Error(`NORMALIZATION_SCHEMES has no ${name}`);
}

/** The scheme that a channel's name in dataset.json asks for; z-score where it asks for none. */
export function normalizationOfChannel(channelName: string): NormalizationScheme {
  const asked = channelName.toLowerCase();
  return NORMALIZATION_SCHEMES.find((scheme) => scheme.channelName === asked)?.name ?? DEFAULT_NORMALIZATION;
}
