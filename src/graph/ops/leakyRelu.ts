import type { Value } from '../value';

/** `y = x` where positive, `negativeSlope · x` elsewhere. Any shape; the shape is kept. */
export function leakyRelu(x: Value, negativeSlope = 0.01): Value<'leakyRelu'> {
  return { op: 'leakyRelu', attributes: { negativeSlope }, inputs: [x], shape: x.shape };
}
