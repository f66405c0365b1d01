import { type Conv3dShape, conv3dOutputSize, paddingOf } from './conv3dShape';

/** The definition, in f64. `x` `[n, cin, z, y, x]`, `weight` `[cout, cin, kz, ky, kx]`, `bias` `[cout]`; returns `[n, cout, z, y, x]`. */
export function conv3dForward(
  shape: Conv3dShape,
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias?: ArrayLike<number>,
): Float64Array {
  const { batch, inChannels, outChannels, inputSize, kernelSize, stride } = shape;
  const [depth, height, width] = inputSize;
  const [kz, ky, kx] = kernelSize;
  const padding = paddingOf(shape);
  const outputSize = conv3dOutputSize(shape);
  const y = new Float64Array(batch * outChannels * outputSize[0] * outputSize[1] * outputSize[2]);
  let i = 0;
  for (let n = 0; n < batch; n++)
    for (let co = 0; co < outChannels; co++)
      for (let oz = 0; oz < outputSize[0]; oz++)
        for (let oy = 0; oy < outputSize[1]; oy++)
          for (let ox = 0; ox < outputSize[2]; ox++) {
            let sum = bias?.[co] ?? 0;
            for (let ci = 0; ci < inChannels; ci++)
              for (let dz = 0; dz < kz; dz++) {
                const z = oz * stride[0] + dz - padding[0];
                if (z < 0 || z >= depth) continue;
                for (let dy = 0; dy < ky; dy++) {
                  const row = oy * stride[1] + dy - padding[1];
                  if (row < 0 || row >= height) continue;
                  const rowStart = (((n * inChannels + ci) * depth + z) * height + row) * width;
                  const weightStart = (((co * inChannels + ci) * kz + dz) * ky + dy) * kx;
                  for (let dx = 0; dx < kx; dx++) {
                    const column = ox * stride[2] + dx - padding[2];
                    if (column >= 0 && column < width) sum += weight[weightStart + dx] * x[rowStart + column];
                  }
                }
              }
            y[i++] = sum;
          }
  return y;
}
