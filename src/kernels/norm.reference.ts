// Instance norm in two steps and its gradients, in f64. Planes are `[n, c]`, plane `p` of channel `p % channels`.

/** Optional parts of a norm, as in the graph's ops. */
export interface NormReference {
  readonly planes: number;
  readonly affine: { readonly weight: ArrayLike<number>; readonly bias: ArrayLike<number> } | undefined;
  /** Of the activation; 1 for none. */
  readonly negativeSlope: number;
}

/** Mean and `1/√(variance + eps)` of each plane. */
export function normStatisticsReference(x: Float64Array, planes: number, eps: number): Float64Array {
  const length = x.length / planes;
  const statistics = new Float64Array(planes * 2);
  for (let plane = 0; plane < planes; plane++) {
    const values = x.subarray(plane * length, (plane + 1) * length);
    const mean = values.reduce((sum, value) => sum + value, 0) / length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
    statistics.set([mean, 1 / Math.sqrt(variance + eps)], plane * 2);
  }
  return statistics;
}

/** `leakyRelu(x̂ · weight + bias + residual)`. */
export function normApplyReference(
  norm: NormReference,
  x: Float64Array,
  statistics: Float64Array,
  residual: Float64Array | undefined,
): Float64Array {
  return x.map((_, i) => {
    const value = before(norm, x, statistics, i) + (residual?.[i] ?? 0);
    return value > 0 ? value : norm.negativeSlope * value;
  });
}

/** `Σ g` and `Σ g·x̂` of each plane; `output` tells the activation's side where a residual was added. */
export function normGradientSumsReference(
  norm: NormReference,
  x: Float64Array,
  statistics: Float64Array,
  output: Float64Array | undefined,
  gradient: Float64Array,
): Float64Array {
  const length = x.length / norm.planes;
  const sums = new Float64Array(norm.planes * 2);
  for (let i = 0; i < x.length; i++) {
    const plane = Math.floor(i / length);
    const g = beforeActivation(norm, x, statistics, output, gradient, i);
    sums[plane * 2] += g;
    sums[plane * 2 + 1] += g * normalised(x, statistics, length, i);
  }
  return sums;
}

/** `weight/σ · (g − mean(g) − x̂·mean(g·x̂))`. */
export function normInputGradientReference(
  norm: NormReference,
  x: Float64Array,
  statistics: Float64Array,
  output: Float64Array | undefined,
  gradient: Float64Array,
  sums: Float64Array,
): Float64Array {
  const length = x.length / norm.planes;
  return x.map((_, i) => {
    const plane = Math.floor(i / length);
    const scale =
      (norm.affine ? norm.affine.weight[plane % norm.affine.weight.length] : 1) * statistics[plane * 2 + 1];
    const g = beforeActivation(norm, x, statistics, output, gradient, i);
    const xHat = normalised(x, statistics, length, i);
    return scale * (g - sums[plane * 2] / length - (xHat * sums[plane * 2 + 1]) / length);
  });
}

/** The affine's gradient: the sums over the batch. */
export function normAffineGradientReference(
  sums: Float64Array,
  channels: number,
  of: 'weight' | 'bias',
): Float64Array {
  const result = new Float64Array(channels);
  for (let plane = 0; plane < sums.length / 2; plane++) {
    result[plane % channels] += sums[plane * 2 + (of === 'weight' ? 1 : 0)];
  }
  return result;
}

function normalised(x: Float64Array, statistics: Float64Array, length: number, i: number): number {
  const plane = Math.floor(i / length);
  return (x[i] - statistics[plane * 2]) * statistics[plane * 2 + 1];
}

function before(
  { planes, affine }: NormReference,
  x: Float64Array,
  statistics: Float64Array,
  i: number,
): number {
  const length = x.length / planes;
  const xHat = normalised(x, statistics, length, i);
  if (!affine) return xHat;
  const channel = Math.floor(i / length) % affine.weight.length;
  return xHat * affine.weight[channel] + affine.bias[channel];
}

function beforeActivation(
  norm: NormReference,
  x: Float64Array,
  statistics: Float64Array,
  output: Float64Array | undefined,
  gradient: Float64Array,
  i: number,
): number {
  const side = output ? output[i] : before(norm, x, statistics, i);
  return side > 0 ? gradient[i] : norm.negativeSlope * gradient[i];
}
