// Whether two images lie in the same place of space, with the numbers where they do not.
import { allClose } from '@/shared/numeric';
import { itkPlaceOf } from './itkGeometry';
import type { MedicalImage } from './medicalImage';
import { bestAffine, parseNiftiHeader } from './niftiHeader';
import { type Affine, reorientedAffine } from './orientation';
import { affineOfGrid } from './volumeFile';

/** Smaller differences come of rounding in a header: they are none, wherever they are. */
const ROUNDING = 1e-6;

/** What has a place: an image, or a label map. */
export type Placed = Pick<MedicalImage, 'geometry'>;

/** Where the image lies to nnU-Net's `reader`, its axes as handed out; pictures and TIFF stacks lie nowhere. */
function affineOf({ geometry }: Placed, reader: string): Affine | undefined {
  if (geometry.format !== 'nifti' && !('directions' in geometry)) return undefined;
  const header = geometry.format === 'nifti' ? parseNiftiHeader(geometry.header, 'header') : undefined;
  const isItk = !reader.startsWith('Nibabel');
  const grid = header && isItk ? itkPlaceOf(header).grid : geometry.format === 'nifti' ? undefined : geometry;
  const affine = grid ? affineOfGrid(grid) : header && bestAffine(header);
  const { reorientation } = geometry;
  if (!affine || !reorientation) return affine;
  return reorientedAffine(affine, header?.dim ?? grid?.size ?? [], reorientation);
}

/**
 * What differs in the place of two images of one shape, as nnU-Net's `reader` reads them: position and direction, each with
 * both values and how far they are apart. Nothing where they agree, or where one lies nowhere. `names`: of the two, with
 * their article.
 */
export function placeDifferences(
  first: Placed,
  second: Placed,
  names: readonly [string, string],
  reader: string,
): readonly string[] {
  const [a, b] = [affineOf(first, reader), affineOf(second, reader)];
  return a && b ? differencesOf(a, b, names) : [];
}

/** Position and direction with both values and how far they are apart; nothing where they agree. */
function differencesOf(
  image: Affine,
  seg: Affine,
  [one, other]: readonly [string, string],
): readonly string[] {
  const found: string[] = [];
  const origins = [originOf(image), originOf(seg)] as const;
  if (!isSame(...origins)) {
    const apart = Math.hypot(...origins[0].map((value, i) => value - origins[1][i]));
    found.push(
      `position: the first voxel of ${one} is at ${listed(origins[0])} mm, that of ${other} at ${listed(origins[1])} mm (x, y, z), ${rounded(apart)} mm apart`,
    );
  }
  const directions = [directionsOf(image), directionsOf(seg)] as const;
  if (!isSame(directions[0].flat(), directions[1].flat())) {
    const largest = Math.max(
      ...directions[0].flat().map((value, i) => Math.abs(value - directions[1].flat()[i])),
    );
    found.push(
      `direction: the axes of ${one} run along ${directions[0].map(listed).join(' ')}, those of ${other} along ${directions[1].map(listed).join(' ')}, up to ${rounded(largest)} apart (${rounded(largestAngle(...directions))}°)`,
    );
  }
  return found;
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, i) => Math.abs(value - b[i]) <= ROUNDING || allClose([value], [b[i]]));
}

function originOf(affine: Affine): readonly number[] {
  return affine.slice(0, 3).map((row) => row[3]);
}

/** Unit vectors of the three axes. */
function directionsOf(affine: Affine): readonly (readonly number[])[] {
  return [0, 1, 2].map((axis) => {
    const column = affine.slice(0, 3).map((row) => row[axis]);
    const length = Math.hypot(...column);
    return column.map((value) => (length > 0 ? value / length : value));
  });
}

/** Between axes of the same number, degrees. */
function largestAngle(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number {
  const angles = a.map((axis, i) => {
    const cosine = axis.reduce((sum, value, k) => sum + value * b[i][k], 0);
    return (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
  });
  return Math.max(...angles);
}

function listed(values: readonly number[]): string {
  return `(${values.map(rounded).join(', ')})`;
}

/** Enough digits to tell values apart that count as different. */
function rounded(value: number): string {
  return String(Math.abs(value) < ROUNDING ? 0 : Number(value.toPrecision(7)));
}
