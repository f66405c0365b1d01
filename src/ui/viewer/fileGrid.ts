// Between world positions, mm, and voxel indices in file order (x first).
import type { Affine } from '@/core/io/orientation';

type Position = readonly [number, number, number];

/** World position of a voxel's centre, mm. */
export function voxelToMm(affine: Affine, [i, j, k]: Position): Position {
  const [x, y, z] = affine.map(([a, b, c, offset]) => a * i + b * j + c * k + offset);
  return [x, y, z];
}

/** Index of the voxel around a world position; may lie outside the image. By Cramer's rule. */
export function mmToVoxel(affine: Affine, mm: Position): Position {
  const [p, q, r] = affine;
  const right: Position = [mm[0] - p[3], mm[1] - q[3], mm[2] - r[3]];
  const columns = ([0, 1, 2] as const).map((column): Position => [p[column], q[column], r[column]]);
  const whole = determinant(columns[0], columns[1], columns[2]);
  return [
    Math.round(determinant(right, columns[1], columns[2]) / whole),
    Math.round(determinant(columns[0], right, columns[2]) / whole),
    Math.round(determinant(columns[0], columns[1], right) / whole),
  ];
}

function determinant(a: Position, b: Position, c: Position): number {
  return (
    a[0] * (b[1] * c[2] - b[2] * c[1]) -
    b[0] * (a[1] * c[2] - a[2] * c[1]) +
    c[0] * (a[1] * b[2] - a[2] * b[1])
  );
}
