import { xyzOfNetwork } from '@/shared/geometry';
import type { Configuration } from './plans';

/**
 * A configuration to be shown: patch, spacing, kernels and strides as x, y, z of the image, which nothing may compute with.
 * `transposeBackward`: of its plans.
 */
export function xyzConfiguration(
  configuration: Configuration,
  transposeBackward: readonly number[],
): Configuration {
  const xyz = (values: readonly number[]) => xyzOfNetwork(values, transposeBackward);
  const { architecture, patchSize, spacing } = configuration;
  return {
    ...configuration,
    patchSize: xyz(patchSize),
    spacing: xyz(spacing),
    architecture: {
      ...architecture,
      kernelSizes: architecture.kernelSizes.map(xyz),
      strides: architecture.strides.map(xyz),
    },
  };
}
