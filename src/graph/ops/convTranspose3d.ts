import type { Zyx } from '@/shared/geometry';
import { expectVector, featureMapOf, type Value } from '../value';

/**
 * Transposed convolution with kernel = stride, so that each voxel becomes its own block of voxels and none overlap.
 * `x`: `[n, c, z, y, x]`; `weight`: `[c, out, kz, ky, kx]`; `bias`: `[out]`. Returns `[n, out, z·kz, y·ky, x·kx]`.
 */
export function convTranspose3d(x: Value, weight: Value, bias: Value | undefined): Value<'convTranspose3d'> {
  const { batch, channels, size } = featureMapOf(x, 'convTranspose3d');
  const [weightChannels, outChannels, ...kernel] = weight.shape;
  if (weight.shape.length !== 5) {
    throw new Error(
      `convTranspose3d: weight must be [in, out, kz, ky, kx], but has shape [${weight.shape.join(', ')}]`,
    );
  }
  if (weightChannels !== channels) {
    throw new Error(`convTranspose3d: weight has ${weightChannels} input channels, x has ${channels}`);
  }
  if (bias) expectVector(bias, outChannels, 'convTranspose3d', 'bias');
  const stride: Zyx = [kernel[0], kernel[1], kernel[2]];
  return {
    op: 'convTranspose3d',
    attributes: { stride },
    inputs: bias ? [x, weight, bias] : [x, weight],
    shape: [batch, outChannels, ...size.map((n, axis) => n * stride[axis])],
  };
}
