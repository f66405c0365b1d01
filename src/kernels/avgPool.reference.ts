import type { Zyx } from '@/shared/geometry';

/** Mean over blocks of `stride` voxels. `x`: `[planes, z, y, x]`. */
export function avgPoolReference(x: Float64Array, planes: number, size: Zyx, stride: Zyx): Float64Array {
  const [depth, height, width] = size.map((n, axis) => Math.floor(n / stride[axis]));
  const y = new Float64Array(planes * depth * height * width);
  const volume = stride[0] * stride[1] * stride[2];
  let i = 0;
  for (let plane = 0; plane < planes; plane++)
    for (let oz = 0; oz < depth; oz++)
      for (let oy = 0; oy < height; oy++)
        for (let ox = 0; ox < width; ox++) {
          let sum = 0;
          for (let z = oz * stride[0]; z < (oz + 1) * stride[0]; z++)
            for (let row = oy * stride[1]; row < (oy + 1) * stride[1]; row++)
              for (let column = ox * stride[2]; column < (ox + 1) * stride[2]; column++)
                sum += x[((plane * size[0] + z) * size[1] + row) * size[2] + column];
          y[i++] = sum / volume;
        }
  return y;
}
