// Dropout. Which elements go follows from a seed, the layer and the count of steps, so that the gradient finds them again.

import type { DropoutMask, DropoutOptions } from '@/kernels/dropout.reference';
import type { Value } from '../value';

/** The identity, as in inference; {@link trainingGraph} makes a {@link dropoutApply} of it. The shape is kept. */
export function dropout(x: Value, options: DropoutOptions): Value<'dropout'> {
  return { op: 'dropout', attributes: options, inputs: [x], shape: x.shape };
}

/**
 * Elements, or whole channels of samples, become 0 with the given probability, the others are divided by the rest of it.
 * The gradient is the same op on the gradient. `control`: {@link stepControl}.
 */
export function dropoutApply(x: Value, control: Value, mask: DropoutMask): Value<'dropoutApply'> {
  return { op: 'dropoutApply', attributes: mask, inputs: [x, control], shape: x.shape };
}
