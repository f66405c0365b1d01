// Whether an image and its label map lie on one grid, with the numbers where they do not.
import type { MedicalImage } from '@/core/io/medicalImage';
import { bestAffine, parseNiftiHeader } from '@/core/io/niftiHeader';
import type { SourceFile } from '@/core/io/sourceFile';
import { affineOfGrid } from '@/core/io/volumeFile';
import { formatShape } from '@/shared/geometry';
import { allClose } from '@/shared/numeric';
import { error, type Finding, warning } from './findings';

/** Smaller differences come of rounding in a header: they are none, wherever they are. */
const ROUNDING = 1e-6;

/** Of a case whose label map has one channel. Shapes and voxel sizes must agree; nnU-Net leaves the rest to the person. */
export function geometryFindings(
  caseId: string,
  imageFile: SourceFile,
  image: MedicalImage,
  labelFile: SourceFile,
  seg: MedicalImage,
): readonly Finding[] {
  const findings: Finding[] = [];
  const names = `${imageFile.path} and ${labelFile.path}`;
  if (`${image.shape}` !== `${seg.shape}`) {
    findings.push(
      error(
        `${caseId}: the image is ${formatShape(image.shape)} voxels (z × y × x), its label map ${formatShape(seg.shape)} (${names}).`,
        'Export both from the same series, then import again.',
      ),
    );
  }
  if (!allClose(seg.spacing, image.spacing)) {
    findings.push(
      error(
        `${caseId}: voxels of the image are ${formatShape(image.spacing)} mm (z × y × x), of its label map ${formatShape(seg.spacing)} mm (${names}).`,
        'Write the same voxel size into both, or resample one to the other.',
      ),
    );
  }
  const [imageAffine, segAffine] = [affineOf(image), affineOf(seg)];
  const differences = imageAffine && segAffine ? differencesOf(imageAffine, segAffine) : [];
  if (differences.length > 0) {
    findings.push(
      warning(
        `${caseId}: image and label map differ in ${differences.join(', and in ')} (${names}).`,
        'nnU-Net ignores this; look at them together to be sure that they fit.',
      ),
    );
  }
  return findings;
}

type Affine = readonly (readonly number[])[];

function affineOf({ geometry }: MedicalImage): Affine | undefined {
  if ('directions' in geometry) return affineOfGrid(geometry);
  return geometry.format === 'nifti' ? bestAffine(parseNiftiHeader(geometry.header, 'header')) : undefined;
}

/** Position and direction with both values and how far they are apart; nothing where they agree. */
function differencesOf(image: Affine, seg: Affine): readonly string[] {
  const found: string[] = [];
  const origins = [originOf(image), originOf(seg)] as const;
  if (!isSame(...origins)) {
    const apart = Math.hypot(...origins[0].map((value, i) => value - origins[1][i]));
    found.push(
      `position: the first voxel of the image is at ${listed(origins[0])} mm, that of the label map at ${listed(origins[1])} mm (x, y, z), ${rounded(apart)} mm apart`,
    );
  }
  const directions = [directionsOf(image), directionsOf(seg)] as const;
  if (!isSame(directions[0].flat(), directions[1].flat())) {
    const largest = Math.max(
      ...directions[0].flat().map((value, i) => Math.abs(value - directions[1].flat()[i])),
    );
    found.push(
      `direction: the axes of the image run along ${directions[0].map(listed).join(' ')}, those of the label map along ${directions[1].map(listed).join(' ')}, up to ${rounded(largest)} apart (${rounded(largestAngle(...directions))}°)`,
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
