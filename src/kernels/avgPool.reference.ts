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

/** Gradient with respect to `x`: each voxel's share of its block's gradient; 0 outside every block. */
export function avgPoolGradientReference(
  gradient: Float64Array,
  planes: number,
  size: Zyx,
  stride: Zyx,
): Float64Array {
  const [depth, height, width] = size.map((n, axis) => Math.floor(n / stride[axis]));
  const volume = stride[0] * stride[1] * stride[2];
  const gx = new Float64Array(planes * size[0] * size[1] * size[2]);
  let i = 0;
  for (let plane = 0; plane < planes; plane++)
    for (let z = 0; z < size[0]; z++)
      for (let row = 0; row < size[1]; row++)
        for (let column = 0; column < size[2]; column++, i++) {
          const at = [Math.floor(z / stride[0]), Math.floor(row / stride[1]), Math.floor(column / stride[2])];
          if (at[0] >= depth || at[1] >= height || at[2] >= width) continue;
          gx[i] = gradient[((plane * depth + at[0]) * height + at[1]) * width + at[2]] / volume;
        }
  return gx;
}
