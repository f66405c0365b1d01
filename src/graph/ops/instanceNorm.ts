import { expectVector, featureMapOf, type Value } from '../value';

/**
 * `(x − mean)/√(variance + eps) · weight + bias`, mean and biased variance over each sample's channel.
 * `x`: `[n, c, z, y, x]`; `weight`, `bias`: `[c]`, left out together where the norm learns nothing. The shape is kept.
 */
export function instanceNorm(
  x: Value,
  affine: { readonly weight: Value; readonly bias: Value } | undefined,
  eps = 1e-5,
): Value<'instanceNorm'> {
  const { channels } = featureMapOf(x, 'instanceNorm');
  if (!affine) return { op: 'instanceNorm', attributes: { eps }, inputs: [x], shape: x.shape };
  expectVector(affine.weight, channels, 'instanceNorm', 'weight');
  expectVector(affine.bias, channels, 'instanceNorm', 'bias');
  const inputs = [x, affine.weight, affine.bias];
  return { op: 'instanceNorm', attributes: { eps }, inputs, shape: x.shape };
}
