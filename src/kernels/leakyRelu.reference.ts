/** `x` where positive, `negativeSlope · x` elsewhere. */
export function leakyReluReference(x: Float64Array, negativeSlope: number): Float64Array {
  return x.map((value) => (value > 0 ? value : negativeSlope * value));
}
