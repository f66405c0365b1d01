import type { Initialisation, Value } from '../value';

/** What the caller feeds before each run. */
export function input(name: string, shape: readonly number[]): Value<'input'> {
  if (shape.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new Error(`input ${name}: sizes must be whole and at least 1, got [${shape.join(', ')}]`);
  }
  return { op: 'input', attributes: { name }, inputs: [], shape };
}

/** A learned tensor, known by its state_dict name. */
export function parameter(
  name: string,
  shape: readonly number[],
  initialisation: Initialisation,
): Value<'parameter'> {
  return { op: 'parameter', attributes: { name, initialisation }, inputs: [], shape };
}

/**
 * What steers a training step, `[2]`: how many were begun before it, and 1 where it only evaluates: then batch norm goes
 * by its running statistics and leaves them as they are, and dropout drops nothing. Interpreters are fed it under
 * {@link STEP_CONTROL}.
 */
export function stepControl(): Value<'stepControl'> {
  return { op: 'stepControl', attributes: {}, inputs: [], shape: [2] };
}

/** Name of what {@link stepControl} is fed under; zeros where nothing is. */
export const STEP_CONTROL = 'step control';

/** A tensor of the state_dict that is not learned: running statistics, say. */
export function buffer(
  name: string,
  shape: readonly number[],
  initialisation: Initialisation,
): Value<'parameter'> {
  return { op: 'parameter', attributes: { name, initialisation, isBuffer: true }, inputs: [], shape };
}
