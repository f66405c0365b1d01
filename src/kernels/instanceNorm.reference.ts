/** `x`: `planes` planes of equal length, plane `p` of channel `p % channels`; `weight`, `bias`: `[c]`, 1 and 0 if left out. */
export function instanceNormReference(
  x: Float64Array,
  planes: number,
  affine: { readonly weight: ArrayLike<number>; readonly bias: ArrayLike<number> } | undefined,
  eps: number,
): Float64Array {
  const length = x.length / planes;
  const y = new Float64Array(x.length);
  for (let plane = 0; plane < planes; plane++) {
    const values = x.subarray(plane * length, (plane + 1) * length);
    let mean = 0;
    for (const value of values) mean += value / length;
    let variance = 0;
    for (const value of values) variance += (value - mean) ** 2 / length;
    const channel = affine ? plane % affine.weight.length : 0;
    const scale = (affine ? affine.weight[channel] : 1) / Math.sqrt(variance + eps);
    const bias = affine ? affine.bias[channel] : 0;
    for (let i = 0; i < length; i++) y[plane * length + i] = (values[i] - mean) * scale + bias;
  }
  return y;
}
