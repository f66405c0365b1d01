// Where an image lies in the patient: affines from NIfTI's qform and sform, and which way the axes run.
// World axes are x to the Right, y to Anterior, z to Superior. File axes are i, j, k, fastest first.
import type { Xyz } from '@/shared/geometry';

type Row = readonly [number, number, number, number];
/** `world = affine · (i, j, k, 1)`, mm; the last row, 0 0 0 1, is left out. */
export type Affine = readonly [Row, Row, Row];

/** The header fields of qform: a rotation as a quaternion, and the position of voxel (0, 0, 0). */
export interface Quaternion {
  readonly b: number;
  readonly c: number;
  readonly d: number;
  /** −1 flips the third axis, anything else leaves it. */
  readonly qfac: number;
  readonly offset: Xyz;
}

/** The affine of a qform; `spacing` in file order. */
export function qformAffine({ b, c, d, qfac, offset }: Quaternion, spacing: Xyz): Affine {
  const length = Math.hypot(b, c, d);
  // Rounding can make the vector part a little longer than one.
  const [x, y, z] = length > 1 ? [b / length, c / length, d / length] : [b, c, d];
  const w = Math.sqrt(Math.max(0, 1 - x * x - y * y - z * z));
  return rotationAffine(
    { a: w, b: x, c: y, d: z },
    [spacing[0], spacing[1], qfac < 0 ? -spacing[2] : spacing[2]],
    offset,
  );
}

/** The affine of a unit quaternion a + bi + cj + dk; a negative `spacing` flips its axis. */
export function rotationAffine(
  {
    a: w,
    b: x,
    c: y,
    d: z,
  }: { readonly a: number; readonly b: number; readonly c: number; readonly d: number },
  [dx, dy, dz]: Xyz,
  offset: Xyz,
): Affine {
  return [
    [(w * w + x * x - y * y - z * z) * dx, 2 * (x * y - w * z) * dy, 2 * (x * z + w * y) * dz, offset[0]],
    [2 * (x * y + w * z) * dx, (w * w + y * y - x * x - z * z) * dy, 2 * (y * z - w * x) * dz, offset[1]],
    [2 * (x * z - w * y) * dx, 2 * (y * z + w * x) * dy, (w * w + z * z - x * x - y * y) * dz, offset[2]],
  ];
}

/** A world axis (0 to the right, 1 anterior, 2 superior) and whether a file axis runs along or against it. */
interface AxisDirection {
  readonly worldAxis: 0 | 1 | 2;
  readonly isReversed: boolean;
}

/** For the file axes i, j, k: the world axis each follows most closely, every world axis taken once. */
export type AxisDirections = readonly [AxisDirection, AxisDirection, AxisDirection];

type Matrix = readonly (readonly [number, number, number])[];

function inverseTranspose(m: Matrix): Matrix | undefined {
  const cofactor = (row: number, column: number) => {
    const [r, s] = [(row + 1) % 3, (row + 2) % 3];
    const [c, d] = [(column + 1) % 3, (column + 2) % 3];
    return m[r][c] * m[s][d] - m[r][d] * m[s][c];
  };
  const cofactors = [0, 1, 2].map((row) => [cofactor(row, 0), cofactor(row, 1), cofactor(row, 2)] as const);
  const determinant = m[0][0] * cofactors[0][0] + m[0][1] * cofactors[0][1] + m[0][2] * cofactors[0][2];
  if (!Number.isFinite(1 / determinant)) return undefined;
  return cofactors.map(([a, b, c]) => [a / determinant, b / determinant, c / determinant] as const);
}

/** The orthogonal matrix nearest to `m` by Newton's iteration for the polar decomposition; `m` itself if singular. */
export function nearestOrthogonal(m: Matrix): Matrix {
  let current = m;
  for (let step = 0; step < 30; step++) {
    const inverse = inverseTranspose(current);
    if (!inverse) return current;
    const before = current;
    current = before.map((row, i) => {
      const mean = (j: number) => (row[j] + inverse[i][j]) / 2;
      return [mean(0), mean(1), mean(2)] as const;
    });
    const change = Math.max(
      ...current.flatMap((row, i) => row.map((value, j) => Math.abs(value - before[i][j]))),
    );
    if (change < 1e-14) break;
  }
  return current;
}

/**
 * Which way the file axes run. Shear is taken out first; then the file axis that lies closest to a world axis chooses
 * first, as nibabel's `io_orientation` does. `undefined` where an axis has no direction.
 */
export function axisDirections(affine: Affine): AxisDirections | undefined {
  const norms = [0, 1, 2].map((j) => Math.hypot(affine[0][j], affine[1][j], affine[2][j]) || 1);
  const scaled = affine.map((row) => [row[0] / norms[0], row[1] / norms[1], row[2] / norms[2]] as const);
  const rotation = nearestOrthogonal(scaled);
  const strength = (j: number) => Math.max(...rotation.map((row) => Math.abs(row[j])));
  const byStrength = [0, 1, 2].sort((a, b) => strength(b) - strength(a));
  const found: (AxisDirection | undefined)[] = [undefined, undefined, undefined];
  const free = new Set<0 | 1 | 2>([0, 1, 2]);
  for (const j of byStrength) {
    let best: 0 | 1 | 2 | undefined;
    for (const axis of free) {
      if (best === undefined || Math.abs(rotation[axis][j]) > Math.abs(rotation[best][j])) best = axis;
    }
    if (best === undefined || !(Math.abs(rotation[best][j]) > 1e-8)) return undefined;
    free.delete(best);
    found[j] = { worldAxis: best, isReversed: rotation[best][j] < 0 };
  }
  const [i, j, k] = found;
  return i && j && k ? [i, j, k] : undefined;
}

const LETTERS = ['RL', 'AP', 'SI'] as const;

/** `RAS`, `LPS`, …: where the file axes i, j, k run to. */
export function orientationCode(directions: AxisDirections): string {
  return directions.map(({ worldAxis, isReversed }) => LETTERS[worldAxis][isReversed ? 1 : 0]).join('');
}

type Axes = readonly [number, number, number];

/** A change of axes between the file's array and the one handed out, both `[z, y, x]`. */
export interface Reorientation {
  /** Axis of the file's array behind each axis of the image. */
  readonly fileAxes: Axes;
  /** Per axis of the image: whether it runs against the file's. */
  readonly isReversed: readonly [boolean, boolean, boolean];
}

/** The change that makes the array's axes run to Superior, Anterior and Right (so that the file's would be R, A, S). */
export function reorientationToRas(directions: AxisDirections): Reorientation {
  const fileAxisOf = (worldAxis: number) =>
    directions.findIndex((direction) => direction.worldAxis === worldAxis);
  const files = [2, 1, 0].map(fileAxisOf);
  return {
    fileAxes: [2 - files[0], 2 - files[1], 2 - files[2]],
    isReversed: [
      directions[files[0]].isReversed,
      directions[files[1]].isReversed,
      directions[files[2]].isReversed,
    ],
  };
}

/** True if nothing changes. */
export function isIdentity({ fileAxes, isReversed }: Reorientation): boolean {
  return fileAxes.every((axis, i) => axis === i) && !isReversed.includes(true);
}

/** Affine of an image after its axes were changed; `dim`: the file's sizes, x first. */
export function reorientedAffine(
  affine: Affine,
  dim: readonly number[],
  { fileAxes, isReversed }: Reorientation,
): Affine {
  const columns = [2, 1, 0].map((axis) => {
    const j = 2 - fileAxes[axis];
    const sign = isReversed[axis] ? -1 : 1;
    return {
      step: affine.map((row) => sign * row[j]),
      shift: affine.map((row) => (isReversed[axis] ? row[j] * (dim[j] - 1) : 0)),
    };
  });
  const row = (r: 0 | 1 | 2) =>
    [
      columns[0].step[r],
      columns[1].step[r],
      columns[2].step[r],
      affine[r][3] + columns[0].shift[r] + columns[1].shift[r] + columns[2].shift[r],
    ] as const;
  return [row(0), row(1), row(2)];
}

/** Where the voxels of a file lie in the image: `image index = start + Σ file index · stride`, axes `[z, y, x]`. */
export interface FilePlacement {
  readonly start: number;
  readonly strides: Axes;
}

/** Shape of the image that a file's array becomes. */
export function reorientedShape(fileShape: Axes, { fileAxes }: Reorientation): Axes {
  return [fileShape[fileAxes[0]], fileShape[fileAxes[1]], fileShape[fileAxes[2]]];
}

/** Places a file's array in the image it becomes. */
export function filePlacement(fileShape: Axes, reorientation: Reorientation): FilePlacement {
  const shape = reorientedShape(fileShape, reorientation);
  const imageStrides: Axes = [shape[1] * shape[2], shape[2], 1];
  let start = 0;
  const along = (fileAxis: number) => {
    const axis = reorientation.fileAxes.indexOf(fileAxis);
    if (!reorientation.isReversed[axis]) return imageStrides[axis];
    start += imageStrides[axis] * (shape[axis] - 1);
    return -imageStrides[axis];
  };
  const strides: Axes = [along(0), along(1), along(2)];
  return { start, strides };
}

/** Calls back for each run of a file's row: file indices `[from, to)` lie at `at`, `at + step`, … of the image. */
export function eachRow(
  fileShape: Axes,
  { start, strides }: FilePlacement,
  from: number,
  to: number,
  visit: (fileIndex: number, count: number, at: number, step: number) => void,
): void {
  const [, height, width] = fileShape;
  let x = from % width;
  let y = Math.floor(from / width) % height;
  let z = Math.floor(from / (width * height));
  for (let index = from; index < to; ) {
    const count = Math.min(width - x, to - index);
    visit(index, count, start + z * strides[0] + y * strides[1] + x * strides[2], strides[2]);
    index += count;
    x = 0;
    if (++y === height) {
      y = 0;
      z++;
    }
  }
}
