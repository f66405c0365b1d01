import type { ConvTranspose3dShape } from './convTranspose3dShape';

/** The definition, in f64. `x` `[n, cin, z, y, x]`, `weight` `[cin, cout, kz, ky, kx]`, `bias` `[cout]`. */
export function convTranspose3dReference(
  shape: ConvTranspose3dShape,
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias?: ArrayLike<number>,
): Float64Array {
  const { batch, inChannels, outChannels, inputSize, stride } = shape;
  const [depth, height, width] = inputSize.map((n, axis) => n * stride[axis]);
  const [kz, ky, kx] = stride;
  const y = new Float64Array(batch * outChannels * depth * height * width);
  let i = 0;
  for (let n = 0; n < batch; n++)
    for (let co = 0; co < outChannels; co++)
      for (let oz = 0; oz < depth; oz++)
        for (let oy = 0; oy < height; oy++)
          for (let ox = 0; ox < width; ox++) {
            const [z, row, column] = [Math.floor(oz / kz), Math.floor(oy / ky), Math.floor(ox / kx)];
            const tap = ((oz % kz) * ky + (oy % ky)) * kx + (ox % kx);
            let sum = bias?.[co] ?? 0;
            for (let ci = 0; ci < inChannels; ci++) {
              const voxel =
                (((n * inChannels + ci) * inputSize[0] + z) * inputSize[1] + row) * inputSize[2] + column;
              sum += weight[(ci * outChannels + co) * kz * ky * kx + tap] * x[voxel];
            }
            y[i++] = sum;
          }
  return y;
}
