import type { ConvTranspose3dShape } from './convTranspose3dShape';

/**
 * Gradient of the weight, in f64: `x` `[n, cin, z, y, x]`, `gy` `[n, cout, z·kz, y·ky, x·kx]`; returns
 * `[cin, cout, kz, ky, kx]`.
 */
export function convTranspose3dBackwardWeight(
  shape: ConvTranspose3dShape,
  x: ArrayLike<number>,
  gy: ArrayLike<number>,
): Float64Array {
  const { inChannels, outChannels, stride } = shape;
  const gw = new Float64Array(inChannels * outChannels * stride[0] * stride[1] * stride[2]);
  visitProducts(shape, (xAt, weightAt, yAt) => {
    gw[weightAt] += x[xAt] * gy[yAt];
  });
  return gw;
}

/** Gradient of the input, in f64: `gy` as the output, `weight` `[cin, cout, kz, ky, kx]`; returns `[n, cin, z, y, x]`. */
export function convTranspose3dBackwardInput(
  shape: ConvTranspose3dShape,
  gy: ArrayLike<number>,
  weight: ArrayLike<number>,
): Float64Array {
  const { batch, inChannels, inputSize } = shape;
  const gx = new Float64Array(batch * inChannels * inputSize[0] * inputSize[1] * inputSize[2]);
  visitProducts(shape, (xAt, weightAt, yAt) => {
    gx[xAt] += weight[weightAt] * gy[yAt];
  });
  return gx;
}

/** Calls back for each product of the convolution: element of the input, of the weight, of the output. */
function visitProducts(
  { batch, inChannels, outChannels, inputSize, stride }: ConvTranspose3dShape,
  visit: (xAt: number, weightAt: number, yAt: number) => void,
): void {
  const [depth, height, width] = inputSize.map((n, axis) => n * stride[axis]);
  const [kz, ky, kx] = stride;
  let yAt = 0;
  for (let n = 0; n < batch; n++)
    for (let co = 0; co < outChannels; co++)
      for (let oz = 0; oz < depth; oz++)
        for (let oy = 0; oy < height; oy++)
          for (let ox = 0; ox < width; ox++, yAt++)
            for (let ci = 0; ci < inChannels; ci++) {
              const [z, row, column] = [Math.floor(oz / kz), Math.floor(oy / ky), Math.floor(ox / kx)];
              const tap = ((oz % kz) * ky + (oy % ky)) * kx + (ox % kx);
              const xAt =
                (((n * inChannels + ci) * inputSize[0] + z) * inputSize[1] + row) * inputSize[2] + column;
              visit(xAt, (ci * outChannels + co) * kz * ky * kx + tap, yAt);
            }
}
