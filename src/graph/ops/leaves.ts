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

/** A tensor of the state_dict that is not learned: running statistics, say. */
export function buffer(
  name: string,
  shape: readonly number[],
  initialisation: Initialisation,
): Value<'parameter'> {
  return { op: 'parameter', attributes: { name, initialisation, isBuffer: true }, inputs: [], shape };
}
