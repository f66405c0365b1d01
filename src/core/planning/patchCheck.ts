// Whether a patch fits its network: every axis must survive the strides without a remainder.

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
