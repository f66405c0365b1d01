import { type Conv3dShape, conv3dOutputSize } from './conv3dShape';

/**
 * Gradient of the weight, in f64: `x` `[n, cin, z, y, x]`, `gy` `[n, cout, z, y, x]` of the output's size; returns
 * `[cout, cin, kz, ky, kx]`.
 */
export function conv3dBackwardWeight(
  shape: Conv3dShape,
  x: ArrayLike<number>,
  gy: ArrayLike<number>,
): Float64Array {
  const { inChannels, outChannels, kernelSize } = shape;
  const gw = new Float64Array(outChannels * inChannels * kernelSize[0] * kernelSize[1] * kernelSize[2]);
  visitProducts(shape, (xAt, weightAt, yAt) => {
    gw[weightAt] += x[xAt] * gy[yAt];
  });
  return gw;
}

/** Gradient of the input, in f64: `gy` as the output, `weight` `[cout, cin, kz, ky, kx]`; returns `[n, cin, z, y, x]`. */
export function conv3dBackwardInput(
  shape: Conv3dShape,
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
  shape: Conv3dShape,
  visit: (xAt: number, weightAt: number, yAt: number) => void,
): void {
  const { batch, inChannels, outChannels, inputSize, kernelSize, stride } = shape;
  const [depth, height, width] = inputSize;
  const [kz, ky, kx] = kernelSize;
  const outputSize = conv3dOutputSize(shape);
  let yAt = 0;
  for (let n = 0; n < batch; n++)
    for (let co = 0; co < outChannels; co++)
      for (let oz = 0; oz < outputSize[0]; oz++)
        for (let oy = 0; oy < outputSize[1]; oy++)
          for (let ox = 0; ox < outputSize[2]; ox++, yAt++)
            for (let ci = 0; ci < inChannels; ci++)
              for (let dz = 0; dz < kz; dz++) {
                const z = oz * stride[0] + dz - (kz - 1) / 2;
                if (z < 0 || z >= depth) continue;
                for (let dy = 0; dy < ky; dy++) {
                  const row = oy * stride[1] + dy - (ky - 1) / 2;
                  if (row < 0 || row >= height) continue;
                  for (let dx = 0; dx < kx; dx++) {
                    const column = ox * stride[2] + dx - (kx - 1) / 2;
                    if (column < 0 || column >= width) continue;
                    const xAt = (((n * inChannels + ci) * depth + z) * height + row) * width + column;
                    visit(xAt, (((co * inChannels + ci) * kz + dz) * ky + dy) * kx + dx, yAt);
                  }
                }
              }
}
