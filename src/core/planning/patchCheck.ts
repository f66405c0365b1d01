// Whether a patch fits its network: every axis must survive the strides without a remainder.
import { StudioError } from '@/shared/errors';
import { formatShape } from '@/shared/geometry';

/** Product of the strides of each axis: patches must be multiples of it. */
export function patchDivisor(strides: readonly (readonly number[])[]): readonly number[] {
  return strides.reduce(
    (product, stride) => product.map((value, axis) => value * stride[axis]),
    strides[0].map(() => 1),
  );
}

/** The patch itself where it fits, else the next larger one that does. */
export function nextFittingPatch(
  patchSize: readonly number[],
  strides: readonly (readonly number[])[],
): readonly number[] {
  const divisor = patchDivisor(strides);
  return patchSize.map((size, axis) => Math.max(1, Math.ceil(size / divisor[axis])) * divisor[axis]);
}

/** Throws `BadPatch`, with the next size that fits. */
export function assertPatchFits(
  patchSize: readonly number[],
  strides: readonly (readonly number[])[],
  configuration: string,
): void {
  const divisor = patchDivisor(strides);
  if (patchSize.length !== divisor.length) {
    throw new StudioError(
      'BadPatch',
      `${configuration}: the patch ${formatShape(patchSize)} has ${patchSize.length} axes, the network ${divisor.length}.`,
      'Give one size for each axis.',
    );
  }
  const fitting = nextFittingPatch(patchSize, strides);
  if (fitting.every((size, axis) => size === patchSize[axis])) return;
  throw new StudioError(
    'BadPatch',
    `${configuration}: the patch ${formatShape(patchSize)} is not a multiple of ${formatShape(divisor)}, by which the network pools.`,
    `The next size that fits is ${formatShape(fitting)}.`,
  );
}
