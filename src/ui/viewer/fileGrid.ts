// Between world positions, mm, and voxel indices in file order (x first).
import type { Affine } from '@/core/io/orientation';

type Position = readonly [number, number, number];

/** World position of a voxel's centre, mm. */
export function voxelToMm(affine: Affine, [i, j, k]: Position): Position {
  const [x, y, z] = affine.map(([a, b, c, offset]) => a * i + b * j + c * k + offset);
  return [x, y, z];
}

/** Index of the voxel around a world position; may lie outside the image. */
export function mmToVoxel(affine: Affine, mm: Position): Position {
  const [i, j, k] = unrounded(affine, mm);
  return [Math.round(i), Math.round(j), Math.round(k)];
}

/** By Cramer's rule. */
function unrounded(affine: Affine, mm: Position): Position {
  const [p, q, r] = affine;
  const right: Position = [mm[0] - p[3], mm[1] - q[3], mm[2] - r[3]];
  const columns = ([0, 1, 2] as const).map((column): Position => [p[column], q[column], r[column]]);
  const whole = determinant(columns[0], columns[1], columns[2]);
  return [
    determinant(right, columns[1], columns[2]) / whole,
    determinant(columns[0], right, columns[2]) / whole,
    determinant(columns[0], columns[1], right) / whole,
  ];
}

function determinant(a: Position, b: Position, c: Position): number {
  return (
    a[0] * (b[1] * c[2] - b[2] * c[1]) -
    b[0] * (a[1] * c[2] - a[2] * c[1]) +
    c[0] * (a[1] * b[2] - a[2] * b[1])
  );
}

/** What NiiVue knows of where a volume's voxels lie once it has turned them to R, A, S. */
interface Turned {
  /** Sixteen numbers, row by row. */
  readonly matRAS?: ArrayLike<number>;
}

/** From voxels along R, A, S to those of a file that lies at `affine`. */
export function voxelMap(affine: Affine, { matRAS }: Turned): Affine {
  if (!matRAS) throw new Error('voxelMap: the volume has no place');
  const world = (column: number): Position => [matRAS[column], matRAS[4 + column], matRAS[8 + column]];
  const origin = world(3);
  const offset = unrounded(affine, origin);
  const columns = [0, 1, 2].map((axis) => {
    const [x, y, z] = world(axis);
    const [i, j, k] = unrounded(affine, [origin[0] + x, origin[1] + y, origin[2] + z]);
    return [i - offset[0], j - offset[1], k - offset[2]] as const;
  });
  const row = (axis: 0 | 1 | 2) =>
    [columns[0][axis], columns[1][axis], columns[2][axis], offset[axis]] as const;
  return [row(0), row(1), row(2)];
}
