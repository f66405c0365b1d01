// GIPL files (Guy's Image Processing Lab), gzipped or not: a header of 256 bytes, big-endian, then the voxels.

import { StudioError } from '@/shared/errors';
import type { Xyz } from '@/shared/geometry';
import { concatenate } from './compression';
import { bytesOfLabels, gridLabels } from './gridLabels';
import { badHeaderOf, checkedSizes, gridVolume } from './gridVolume';
import { contentStart } from './gzip';
import type { LabelTarget, VolumeFormat, WritableLabels } from './imageFormat';
import { type VoxelType, voxelBytes } from './niftiLayout';
import type { SourceFile } from './sourceFile';
import { IDENTITY_DIRECTIONS, type VolumeFile } from './volumeFile';
import { swapBytes } from './voxels';

const GIPL_HEADER_BYTES = 256;
/** The two magic numbers, the last field of the header. */
const GIPL_MAGIC = 719555000;
const OTHER_MAGIC = 4026526128;
const MAGIC_OFFSET = 252;

/** Offsets of the fields that have a meaning to ITK. */
const GIPL_FIELDS = { sizes: 0, type: 8, spacing: 10, origin: 204 } as const;

const GIPL_TYPES: Readonly<Record<number, VoxelType>> = {
  7: 'int8',
  8: 'uint8',
  15: 'int16',
  16: 'uint16',
  31: 'uint32',
  32: 'int32',
  64: 'float32',
  65: 'float64',
};

/** True if the bytes, at least {@link GIPL_HEADER_BYTES}, start a GIPL file. */
function isGipl(start: Uint8Array): boolean {
  if (start.length < GIPL_HEADER_BYTES) return false;
  const magic = new DataView(start.buffer, start.byteOffset).getUint32(MAGIC_OFFSET);
  return magic === GIPL_MAGIC || magic === OTHER_MAGIC;
}

/** Opens a `.gipl` or `.gipl.gz`. The format knows no orientation that ITK heeds. */
async function openGipl(file: SourceFile): Promise<VolumeFile> {
  const bad = badHeaderOf('BadGipl', file.path);
  const start = await contentStart(file, GIPL_HEADER_BYTES);
  if (!isGipl(start)) throw bad('the file ends within its header.', 'Copy or download it again.');
  const view = new DataView(start.buffer, start.byteOffset);
  const [x, y, z, t] = [0, 1, 2, 3].map((axis) => view.getUint16(GIPL_FIELDS.sizes + 2 * axis));
  const size = checkedSizes(z > 1 || t > 1 ? [x, y, z] : [x, y], bad);
  const code = view.getUint16(GIPL_FIELDS.type);
  const voxelType = GIPL_TYPES[code];
  if (!voxelType) {
    throw new StudioError(
      'UnsupportedVoxelType',
      `${file.path}: the voxels are of GIPL type ${code}.`,
      'Convert the image to one number per voxel.',
    );
  }
  const triple = (read: (axis: number) => number): Xyz => [read(0), read(1), read(2)];
  return gridVolume(
    {
      path: file.path,
      geometry: {
        format: 'grid',
        kind: giplFormat.kind,
        size,
        spacing: triple((axis) => (axis < size.length ? view.getFloat32(GIPL_FIELDS.spacing + 4 * axis) : 1)),
        origin: triple((axis) => view.getFloat64(GIPL_FIELDS.origin + 8 * axis)),
        directions: IDENTITY_DIRECTIONS,
      },
      channels: Math.max(1, t),
      isInterleaved: false,
      voxelType,
      isLittleEndian: voxelBytes(voxelType) === 1,
      voxOffset: GIPL_HEADER_BYTES,
      isOriented: false,
    },
    { file, packing: 'gzip by its magic' },
  );
}

async function writeGipl(labels: WritableLabels, target: LabelTarget): Promise<Uint8Array<ArrayBuffer>> {
  const placed = gridLabels(labels, target);
  const header = new Uint8Array(GIPL_HEADER_BYTES);
  const view = new DataView(header.buffer);
  const isWide = placed.stored.BYTES_PER_ELEMENT > 1;
  for (let axis = 0; axis < 4; axis++) {
    view.setUint16(GIPL_FIELDS.sizes + 2 * axis, placed.grid.size[axis] ?? 1);
    view.setFloat32(GIPL_FIELDS.spacing + 4 * axis, placed.grid.spacing[axis] ?? 1);
    view.setFloat64(GIPL_FIELDS.origin + 8 * axis, placed.grid.origin[axis] ?? 0);
  }
  view.setUint16(GIPL_FIELDS.type, isWide ? 16 : 8);
  view.setUint32(GIPL_HEADER_BYTES - 4, GIPL_MAGIC);
  const voxels = isWide ? bytesOfLabels(placed).slice() : bytesOfLabels(placed);
  if (isWide) swapBytes(voxels, 2);
  return concatenate([header, voxels]);
}

/** GIPL, gzipped or not. */
export const giplFormat = {
  kind: 'gipl',
  family: 'volume',
  label: 'GIPL',
  endings: ['.gipl.gz', '.gipl'],
  nnunet: { SimpleITKIO: ['.gipl'] },
  isStart: isGipl,
  isGzippable: true,
  saysOrientation: false,
  open: openGipl,
  resultEndings: ['.gipl'],
  write: writeGipl,
} as const satisfies VolumeFormat;
