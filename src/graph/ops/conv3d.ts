import type { Zyx } from '@/shared/geometry';
import { expectVector, featureMapOf, type Value } from '../value';

/**
 * Convolution with padding `(k − 1)/2`, so stride 1 keeps the size. `x`: `[n, c, z, y, x]`; `weight`: `[out, c, kz, ky,
 * kx]`, odd kernels; `bias`: `[out]`. Returns `[n, out, ⌊(z − 1)/stride⌋ + 1, …]`.
 */
export function conv3d(
  x: Value,
  weight: Value,
  bias: Value | undefined,
  stride: Zyx = [1, 1, 1],
): Value<'conv3d'> {
  const { batch, channels, size } = featureMapOf(x, 'conv3d');
  const [outChannels, weightChannels, ...kernel] = weight.shape;
  if (weight.shape.length !== 5) {
    throw new Error(
      `conv3d: weight must be [out, in, kz, ky, kx], but has shape [${weight.shape.join(', ')}]`,
    );
  }
  if (weightChannels !== channels) {
    throw new Error(`conv3d: weight has ${weightChannels} input channels, x has ${channels}`);
  }
  if (kernel.some((k) => k % 2 === 0)) {
    throw new Error(`conv3d: kernel sizes must be odd, got [${kernel.join(', ')}]`);
  }
  if (bias) expectVector(bias, outChannels, 'conv3d', 'bias');
  const kernelSize: Zyx = [kernel[0], kernel[1], kernel[2]];
  const out = size.map((n, axis) => Math.floor((n - 1) / stride[axis]) + 1);
  return {
    op: 'conv3d',
    attributes: { kernelSize, stride },
    inputs: bias ? [x, weight, bias] : [x, weight],
    shape: [batch, outChannels, ...out],
  };
}
