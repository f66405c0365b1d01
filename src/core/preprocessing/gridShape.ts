// Shapes after a change of spacing, and which axis, if any, is resampled on its own. Follows nnU-Net's
// `default_resampling.py`.

import type { Resampling } from '@/core/planning/plans';
import type { Spacing, Zyx } from '@/shared/geometry';
import { roundHalfEven } from '@/shared/numeric';

/** Voxels per axis at `newSpacing`; halves round to even, and the division comes first, as in nnU-Net. */
export function computeNewShape(shape: Zyx, spacing: Spacing, newSpacing: Spacing): Zyx {
  const size = (axis: number) => roundHalfEven((spacing[axis] / newSpacing[axis]) * shape[axis]);
  return [size(0), size(1), size(2)];
}

/**
 * The axis resampled separately from the other two, or `undefined` for one 3D resampling: the single coarsest axis of
 * the current spacing where that is anisotropic, else of the new one. Two coarsest axes mean no separation.
 */
export function separateZAxis(
  resampling: Pick<Resampling, 'forceSeparateZ' | 'separateZAnisotropyThreshold'>,
  spacing: Spacing,
  newSpacing: Spacing,
): number | undefined {
  const { forceSeparateZ, separateZAnisotropyThreshold: threshold } = resampling;
  if (forceSeparateZ !== null) return forceSeparateZ ? onlyCoarsestAxis(spacing) : undefined;
  if (isAnisotropic(spacing, threshold)) return onlyCoarsestAxis(spacing);
  if (isAnisotropic(newSpacing, threshold)) return onlyCoarsestAxis(newSpacing);
  return undefined;
}

function isAnisotropic(spacing: Spacing, threshold: number): boolean {
  return Math.max(...spacing) / Math.min(...spacing) > threshold;
}

function onlyCoarsestAxis(spacing: Spacing): number | undefined {
  const coarsest = Math.max(...spacing);
  const axes = [0, 1, 2].filter((axis) => coarsest / spacing[axis] === 1);
  return axes.length === 1 ? axes[0] : undefined;
}
