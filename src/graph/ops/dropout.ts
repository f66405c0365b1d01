// Dropout. Which elements go follows from a seed, the layer and the count of steps, so that the gradient finds them again.

import type { DropoutMask, DropoutOptions } from '@/kernels/dropout.reference';
import type { Value } from '../value';

/** The identity, as in inference; {@link trainingGraph} makes a {@link dropoutApply} of it. The shape is kept. */
export function dropout(x: Value, options: DropoutOptions): Value<'dropout'> {
  return { op: 'dropout', attributes: options, inputs: [x], shape: x.shape };
}

/** How many training steps were begun before this one, `[1]`. Interpreters are fed it under {@link STEP_COUNT}. */
export function stepCount(): Value<'stepCount'> {
  return { op: 'stepCount', attributes: {}, inputs: [], shape: [1] };
}

/** Name of what {@link stepCount} is fed under; 0 where nothing is. */
export const STEP_COUNT = 'step count';

/**
 * Elements, or whole channels of samples, become 0 with the given probability, the others are divided by the rest of it.
 * The gradient is the same op on the gradient.
 */
export function dropoutApply(x: Value, step: Value, mask: DropoutMask): Value<'dropoutApply'> {
  return { op: 'dropoutApply', attributes: mask, inputs: [x, step], shape: x.shape };
}
