/**
 * Gradient of `f` by central differences in f64. Exact but for rounding where `f` is linear or quadratic in every
 * single element, as all sums of products are.
 */
export function finiteDifferences(
  f: (x: Float64Array) => number,
  at: Float64Array,
  step = 1e-3,
): Float64Array {
  return at.map((value, i) => {
    const moved = Float64Array.from(at);
    moved[i] = value + step;
    const above = f(moved);
    moved[i] = value - step;
    return (above - f(moved)) / (2 * step);
  });
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
