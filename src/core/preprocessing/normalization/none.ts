import type { NormalizationDefinition } from './scheme';

/** Leaves every value as it is. */
export const noNormalization = {
  name: 'NoNormalization',
  label: 'None',
  help: 'As it is',
  channelName: 'nonorm',
  canUseMask: false,
  needsIntensities: false,
  normalize: () => undefined,
} as const satisfies NormalizationDefinition;
