// Where ITK (5.3 and later) lays a NIfTI image, which is where nnU-Net's SimpleITK readers find it: spacing from
// pixdim, units by xyzt_units, and its own choice between sform and qform. Follows `itk::NiftiImageIO`
// (`SetImageIOOrientationFromNIfTI`, sform not permissive) and `itk::ImageFileReader`.
import type { Xyz } from '@/shared/geometry';
import type { GridGeometry } from './medicalImage';
import type { NiftiHeader } from './niftiHeader';
import { type Affine, nearestOrthogonal, type Reorientation, rotationAffine } from './orientation';

/** Place of an image of two or three axes in ITK's terms. */
export type ItkGrid = Pick<GridGeometry, 'size' | 'spacing' | 'directions' | 'origin'>;

/** How far columns of an sform may be from orthonormal. */
const ORTHONORMAL_TOLERANCE = 1e-4;
/** sform and qform this near are one; ITK then takes the sform, whatever its code. */
const SAME_TOLERANCE = 1e-5;
const SAME_ORIGIN_TOLERANCE = 1e-7;
const VERY_SIMILAR_TOLERANCE = 1e-4;
/** Code of scanner coordinates. */
const SCANNER = 1;
/** Below it, ITK takes the scalar part of a quaternion for rounding and makes it 0. */
const SMALLEST_SCALAR_PART = 1e-7;

type Column = readonly number[];

/** What ITK makes of a NIfTI header's fields of position; `refusal` says why it would not open the file. */
export interface ItkPlace {
  readonly grid: ItkGrid;
  readonly refusal: string | undefined;
}

/** Where ITK finds the image. Files it refuses are laid where its permissive mode would lay them. */
export function itkPlaceOf(header: NiftiHeader): ItkPlace {
  const rank = Math.min(header.dim.length, 3);
  const { affine, refusal } = chosenAffine(header);
  const unit = header.millimetresPerUnit;
  const isNegative = (j: number) => j < rank && header.pixdim[j] < 0;
  const direction = (j: 0 | 1 | 2): Xyz => {
    const column = j < rank ? unitVector(lpsColumn(affine, j), rank) : unitAxis(j);
    const sign = isNegative(j) ? -1 : 1;
    return [sign * column[0] + 0, sign * column[1] + 0, sign * column[2] + 0];
  };
  // ITK's NIfTI library reads a voxel size of 0 as 1.
  const spacing = (j: number) => (j < rank ? (Math.abs(header.pixdim[j]) || 1) * unit : 1);
  const origin = lpsColumn(affine, 3);
  const isFlat = rank < 3;
  return {
    grid: {
      size: header.dim.slice(0, 3),
      spacing: [spacing(0), spacing(1), spacing(2)],
      directions: [direction(0), direction(1), direction(2)],
      origin: [origin[0] * unit + 0, origin[1] * unit + 0, isFlat ? 0 : origin[2] * unit + 0],
    },
    refusal: header.version === 2 ? 'ITK reads no NIfTI-2' : refusal,
  };
}

/** Axes of L-P-S, voxel (0, 0, 0) at its origin; world axes R-A-S. */
const NOWHERE: Affine = [
  [-1, 0, 0, 0],
  [0, -1, 0, 0],
  [0, 0, 1, 0],
];

function chosenAffine(header: NiftiHeader): { readonly affine: Affine; readonly refusal?: string } {
  const { qformCode, sformCode, sform } = header;
  const hasQform = qformCode > 0;
  if (sformCode <= 0) return { affine: hasQform ? itkQform(header) : NOWHERE };
  const isOrthonormal = hasOrthonormalColumns(sform);
  if (!hasQform) {
    if (isOrthonormal) return { affine: sform };
    return {
      affine: orthogonalised(sform),
      refusal: 'its sform is sheared and it has no qform: ITK opens only axes at right angles',
    };
  }
  const qform = itkQform(header);
  if (isOrthonormal && (sformCode === SCANNER || areVerySimilar(sform, qform))) return { affine: sform };
  return { affine: areNearlyEqual(sform, qform) ? sform : qform };
}

/** The qform as ITK's NIfTI library computes it: stored in single precision, like all of its affines. */
function itkQform({ quaternion, pixdim, version }: NiftiHeader): Affine {
  const { offset, qfac } = quaternion;
  let { b, c, d } = quaternion;
  const rest = 1 - (b * b + c * c + d * d);
  if (rest < SMALLEST_SCALAR_PART) {
    const length = Math.hypot(b, c, d);
    [b, c, d] = [b / length, c / length, d / length];
  }
  const a = rest < SMALLEST_SCALAR_PART ? 0 : Math.sqrt(rest);
  const size = (j: number) => (pixdim[j] > 0 ? pixdim[j] : 1);
  const exact = rotationAffine({ a, b, c, d }, [size(0), size(1), qfac < 0 ? -size(2) : size(2)], offset);
  if (version === 2) return exact;
  const row = (i: 0 | 1 | 2) => {
    const [x, y, z, w] = exact[i];
    return [Math.fround(x), Math.fround(y), Math.fround(z), Math.fround(w)] as const;
  };
  return [row(0), row(1), row(2)];
}

function columnOf(affine: Affine, j: number): Column {
  return affine.map((row) => row[j]);
}

/** A column of an affine in L-P-S. */
function lpsColumn(affine: Affine, j: number): Xyz {
  return [-affine[0][j], -affine[1][j], affine[2][j]];
}

function unitAxis(j: number): Xyz {
  return [j === 0 ? 1 : 0, j === 1 ? 1 : 0, j === 2 ? 1 : 0];
}

/** Length 1, of as many components as the image has axes; zero stays zero. */
function unitVector(vector: Column, rank: number): Xyz {
  const components = vector.map((value, i) => (i < rank ? value : 0));
  const length = Math.hypot(...components) || 1;
  return [components[0] / length, components[1] / length, components[2] / length];
}

function dot(a: Column, b: Column): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function hasOrthonormalColumns(affine: Affine): boolean {
  const columns = [0, 1, 2].map((j) => unitVector(columnOf(affine, j), 3));
  return columns.every((column, j) =>
    columns.every((other, k) => Math.abs(dot(column, other) - (j === k ? 1 : 0)) <= ORTHONORMAL_TOLERANCE),
  );
}

function areWithin(a: Column, b: Column, tolerance: number): boolean {
  return a.every((value, i) => Math.abs(value - b[i]) <= tolerance);
}

function areNearlyEqual(a: Affine, b: Affine): boolean {
  const isMatrixSame = [0, 1, 2].every((j) => areWithin(columnOf(a, j), columnOf(b, j), SAME_TOLERANCE));
  return isMatrixSame && areWithin(columnOf(a, 3), columnOf(b, 3), SAME_ORIGIN_TOLERANCE);
}

/** Directions, voxel sizes and origins alike; ITK then trusts the sform's digits more. */
function areVerySimilar(a: Affine, b: Affine): boolean {
  const isColumnAlike = (j: number) => {
    const [left, right] = [columnOf(a, j), columnOf(b, j)];
    const isSizeAlike = Math.abs(Math.hypot(...left) - Math.hypot(...right)) <= VERY_SIMILAR_TOLERANCE;
    return isSizeAlike && areWithin(unitVector(left, 3), unitVector(right, 3), VERY_SIMILAR_TOLERANCE);
  };
  return [0, 1, 2].every(isColumnAlike) && areWithin(columnOf(a, 3), columnOf(b, 3), VERY_SIMILAR_TOLERANCE);
}

/** The nearest axes at right angles, as ITK's permissive mode takes them; the origin stays. */
function orthogonalised(affine: Affine): Affine {
  const rotation = nearestOrthogonal(affine.map((row) => [row[0], row[1], row[2]] as const));
  const row = (i: 0 | 1 | 2) => [rotation[i][0], rotation[i][1], rotation[i][2], affine[i][3]] as const;
  return [row(0), row(1), row(2)];
}

/** The grid after a reader changed the axes of its file's array. */
export function reorientedGrid(grid: ItkGrid, { fileAxes, isReversed }: Reorientation): ItkGrid {
  // New file axes x, y, z; the arrays of a reorientation run z, y, x.
  const axes = [2, 1, 0].map((axis) => ({ from: 2 - fileAxes[axis], isReversed: isReversed[axis] }));
  const sizeOf = (j: number) => grid.size[j] ?? 1;
  const origin = axes.reduce<Xyz>((at, { from, isReversed: isTurned }) => {
    const step = isTurned ? grid.spacing[from] * (sizeOf(from) - 1) : 0;
    const [x, y, z] = grid.directions[from];
    return [at[0] + x * step, at[1] + y * step, at[2] + z * step];
  }, grid.origin);
  const direction = (i: 0 | 1 | 2): Xyz => {
    const [x, y, z] = grid.directions[axes[i].from];
    const sign = axes[i].isReversed ? -1 : 1;
    return [sign * x + 0, sign * y + 0, sign * z + 0];
  };
  return {
    size: axes.map(({ from }) => sizeOf(from)),
    spacing: [grid.spacing[axes[0].from], grid.spacing[axes[1].from], grid.spacing[axes[2].from]],
    directions: [direction(0), direction(1), direction(2)],
    origin,
  };
}
