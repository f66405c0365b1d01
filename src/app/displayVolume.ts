// What the viewer is given: one channel as a plain NIfTI-1 file in the smallest type that holds it, so that the page's
// thread neither unpacks nor converts.

import { concatenate } from '@/core/io/compression';
import { contentPieces } from '@/core/io/gzip';
import type { MedicalImage } from '@/core/io/medicalImage';
import { bestAffine, derivedHeader, newNiftiHeader, parseNiftiHeader } from '@/core/io/niftiHeader';
import { niftiGeometryOf } from '@/core/io/niftiWriter';
import type { Affine } from '@/core/io/orientation';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { elementCount, type Xyz } from '@/shared/geometry';
import type { DisplayLabels, DisplayVolume } from '@/workers/filesApi';

/** Shares of voxels that a window leaves black and white: a few bright vessels must not darken everything else. */
const BLACK_SHARE = 0.01;
const WHITE_SHARE = 0.995;
/** Enough for percentiles. */
const SAMPLED_VOXELS = 200_000;

/** `channel` of an image whose axes are the file's. */
export function displayVolume(image: MedicalImage, channel: number): DisplayVolume {
  const size = elementCount(image.shape);
  const data = image.data.subarray(channel * size, (channel + 1) * size);
  const { header: plain, affine } = plainHeader(image);
  const isInt16 = data.every((value) => (value | 0) === value && value >= -32768 && value <= 32767);
  const header = derivedHeader(plain, isInt16 ? 'int16' : 'float32');
  const voxels = isInt16 ? Int16Array.from(data) : data;
  const bytes = concatenate([
    header.bytes,
    new Uint8Array(voxels.buffer, voxels.byteOffset, voxels.byteLength),
  ]);
  return { bytes: bytes.buffer, affine, window: windowOf(data) };
}

/** A new NIfTI-1 header that puts an image where its own does. */
function plainHeader({ geometry, shape }: MedicalImage): { header: Uint8Array; affine: Affine } {
  const affine = bestAffine(parseNiftiHeader(niftiGeometryOf(geometry, shape).header, 'image'));
  const [z, y, x] = shape;
  return { header: newNiftiHeader({ dim: [x, y, z], spacing: columnLengths(affine), affine }), affine };
}

/** A label map of any format as {@link displayLabels} and {@link displayOutlines} take it. */
export function plainLabelMap(image: MedicalImage, path: string): SourceFile {
  const { bytes } = derivedHeader(plainHeader(image).header, 'uint16');
  const labels = Uint16Array.from(image.data);
  return memoryFile(concatenate([bytes, new Uint8Array(labels.buffer)]), path);
}

/** A window between percentiles, from a sample of the voxels; never empty. */
function windowOf(data: Float32Array): DisplayVolume['window'] {
  const step = Math.max(1, Math.floor(data.length / SAMPLED_VOXELS));
  const sample = Float32Array.from(
    { length: Math.ceil(data.length / step) },
    (_, i) => data[i * step],
  ).sort();
  const at = (share: number) => sample[Math.min(sample.length - 1, Math.floor(share * sample.length))];
  const [low, high] = [at(BLACK_SHARE), at(WHITE_SHARE)];
  if (high > low) return { low, high };
  const [min, max] = [sample[0], sample[sample.length - 1]];
  return { low: min, high: max > min ? max : min + 1 };
}

function columnLengths(affine: Affine): Xyz {
  const [x, y, z] = [0, 1, 2].map((column) => Math.hypot(...affine.map((row) => row[column])));
  return [x, y, z];
}

/** A label map as we wrote it, unpacked. */
interface LabelMap {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly shape: Xyz;
  labelAt(index: number): number;
  clear(index: number): void;
}

async function readLabelMap(file: SourceFile): Promise<LabelMap> {
  const pieces: Uint8Array[] = [];
  for await (const piece of contentPieces(file)) pieces.push(piece);
  const bytes = concatenate(pieces);
  const { dim, voxOffset, voxelType, isLittleEndian } = parseNiftiHeader(bytes, file.path);
  const [x, y = 1, z = 1] = dim;
  const view = new DataView(bytes.buffer, voxOffset);
  const isWide = voxelType === 'uint16';
  return {
    bytes,
    shape: [x, y, z],
    labelAt: isWide ? (i) => view.getUint16(2 * i, isLittleEndian) : (i) => view.getUint8(i),
    clear: isWide ? (i) => view.setUint16(2 * i, 0) : (i) => view.setUint8(i, 0),
  };
}

/** A label map for the viewer, with the centre of each label. */
export async function displayLabels(file: SourceFile): Promise<DisplayLabels> {
  const { bytes, shape, labelAt } = await readLabelMap(file);
  return { bytes: bytes.buffer, centers: labelCenters(labelAt, shape) };
}

/** A label map with only the voxels that touch another label. */
export async function displayOutlines(file: SourceFile): Promise<ArrayBuffer> {
  const { bytes, shape, labelAt, clear } = await readLabelMap(file);
  for (const index of insideVoxels(labelAt, shape)) clear(index);
  return bytes.buffer;
}

/** Voxels whose six neighbours, as far as the image goes, all have their label. */
function insideVoxels(labelAt: (index: number) => number, [x, y, z]: Xyz): readonly number[] {
  const inside: number[] = [];
  for (let k = 0, index = 0; k < z; k++) {
    for (let j = 0; j < y; j++) {
      for (let i = 0; i < x; i++, index++) {
        const label = labelAt(index);
        if (label === 0) continue;
        const isSame = (step: number) => labelAt(index + step) === label;
        const isInside =
          (i === 0 || isSame(-1)) &&
          (i === x - 1 || isSame(1)) &&
          (j === 0 || isSame(-x)) &&
          (j === y - 1 || isSame(x)) &&
          (k === 0 || isSame(-x * y)) &&
          (k === z - 1 || isSame(x * y));
        if (isInside) inside.push(index);
      }
    }
  }
  return inside;
}

type Visit = (label: number, voxel: Xyz) => void;

function visitLabels(labelAt: (index: number) => number, [x, y, z]: Xyz, visit: Visit): void {
  for (let k = 0, index = 0; k < z; k++) {
    for (let j = 0; j < y; j++) {
      for (let i = 0; i < x; i++, index++) {
        const label = labelAt(index);
        if (label !== 0) visit(label, [i, j, k]);
      }
    }
  }
}

/** Of each label the voxel nearest to its centre of gravity, which itself may lie outside: between two lungs, say. */
function labelCenters(labelAt: (index: number) => number, shape: Xyz): Record<number, Xyz> {
  const sums = new Map<number, [number, number, number, number]>();
  visitLabels(labelAt, shape, (label, [i, j, k]) => {
    const sum = sums.get(label) ?? [0, 0, 0, 0];
    sums.set(label, sum);
    sum[0] += i;
    sum[1] += j;
    sum[2] += k;
    sum[3]++;
  });
  const nearest = new Map<number, { readonly voxel: Xyz; readonly distance: number }>();
  visitLabels(labelAt, shape, (label, voxel) => {
    const [si, sj, sk, n] = sums.get(label) ?? [0, 0, 0, 1];
    const distance = Math.hypot(voxel[0] - si / n, voxel[1] - sj / n, voxel[2] - sk / n);
    if (distance < (nearest.get(label)?.distance ?? Number.POSITIVE_INFINITY))
      nearest.set(label, { voxel, distance });
  });
  return Object.fromEntries(Array.from(nearest, ([label, { voxel }]) => [label, voxel]));
}
