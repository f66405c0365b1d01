// Label maps for the viewer.
import { concatenate } from '@/core/io/compression';
import { contentPieces } from '@/core/io/gzip';
import type { MedicalImage } from '@/core/io/medicalImage';
import { bestAffine, derivedHeader, newNiftiHeader, parseNiftiHeader } from '@/core/io/niftiHeader';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { swapBytes } from '@/core/io/voxels';
import { elementCount, type Xyz } from '@/shared/geometry';
import type { DisplayLabels } from '@/workers/files/api';
import { placeOf, spacingOf } from './displayVolume';

/** A label map of any format as {@link displayLabels} takes it. */
export function plainLabelMap(image: MedicalImage, path: string): SourceFile {
  const { affine, shape } = placeOf(image);
  const header = newNiftiHeader({ dim: shape, spacing: spacingOf(affine), affine });
  const { bytes } = derivedHeader(header, 'uint16');
  const labels = Uint16Array.from(image.data);
  return memoryFile(concatenate([bytes, new Uint8Array(labels.buffer)]), path);
}

/** A label map as we wrote it, unpacked, with the centre of each label. */
export async function displayLabels(file: SourceFile): Promise<DisplayLabels> {
  const pieces: Uint8Array[] = [];
  for await (const piece of contentPieces(file)) pieces.push(piece);
  const bytes = concatenate(pieces);
  const header = parseNiftiHeader(bytes, file.path);
  const [x, y = 1, z = 1] = header.dim;
  const shape: Xyz = [x, y, z];
  const voxels = labelsIn(bytes, header, elementCount(shape));
  return { voxels, shape, affine: bestAffine(header), centers: labelCenters(voxels, shape) };
}

function labelsIn(
  bytes: Uint8Array<ArrayBuffer>,
  { voxelType, voxOffset, isLittleEndian }: ReturnType<typeof parseNiftiHeader>,
  count: number,
): Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  if (voxelType !== 'uint16') return new Uint8Array(bytes.buffer, voxOffset, count);
  if (!isLittleEndian) swapBytes(bytes.subarray(voxOffset), Uint16Array.BYTES_PER_ELEMENT);
  return new Uint16Array(bytes.buffer, voxOffset, count);
}

/** One more than the highest label value there can be. */
const LABEL_VALUES = 65536;

/** Of each label the voxel nearest to its centre of gravity, which itself may lie outside: between two lungs, say. */
export function labelCenters(voxels: Uint8Array | Uint16Array, [nx, ny, nz]: Xyz): Record<number, Xyz> {
  const counts = new Float64Array(LABEL_VALUES);
  const sums = new Float64Array(3 * LABEL_VALUES);
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const label = voxels[i];
        if (label === 0) continue;
        counts[label]++;
        sums[3 * label] += x;
        sums[3 * label + 1] += y;
        sums[3 * label + 2] += z;
      }
    }
  }
  const nearest = new Float64Array(LABEL_VALUES).fill(Number.POSITIVE_INFINITY);
  const indexOfNearest = new Float64Array(LABEL_VALUES);
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const label = voxels[i];
        if (label === 0) continue;
        const n = counts[label];
        const dx = x - sums[3 * label] / n;
        const dy = y - sums[3 * label + 1] / n;
        const dz = z - sums[3 * label + 2] / n;
        const distance = dx * dx + dy * dy + dz * dz;
        if (distance >= nearest[label]) continue;
        nearest[label] = distance;
        indexOfNearest[label] = i;
      }
    }
  }
  const voxelAt = (i: number): Xyz => [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))];
  const centers: Record<number, Xyz> = {};
  for (const [label, count] of counts.entries())
    if (count > 0) centers[label] = voxelAt(indexOfNearest[label]);
  return centers;
}
