// NIfTI files with the geometry of an image that was read, to the last header field.
import { elementCount, formatShape, type Spacing, type Zyx } from '@/shared/geometry';
import { concatenate } from './compression';
import { gzip } from './gzip';
import { labelsToStore } from './imageReader';
import type { ImageGeometry, NiftiGeometry } from './medicalImage';
import { derivedHeader, newNiftiHeader, parseNiftiHeader } from './niftiHeader';
import type { VoxelType } from './niftiLayout';
import { type Affine, eachRow, filePlacement, type Reorientation, reorientedShape } from './orientation';
import { affineOfGrid, IDENTITY_DIRECTIONS } from './volumeFile';
import { swapBytes } from './voxels';

export interface WriteOptions {
  /** `.nii.gz` (the default) or plain `.nii`. */
  readonly gzipped?: boolean;
}

const TYPE_NAMES = { Uint8Array: 'uint8', Uint16Array: 'uint16', Float32Array: 'float32' } as const;
type Writable = Uint8Array | Uint16Array | Float32Array;

function voxelTypeOf(data: Writable): VoxelType {
  if (data instanceof Uint8Array) return TYPE_NAMES.Uint8Array;
  return data instanceof Uint16Array ? TYPE_NAMES.Uint16Array : TYPE_NAMES.Float32Array;
}

/** Shape of the file's array, `[z, y, x]`, by its header. */
function fileShapeOf({ header }: NiftiGeometry): Zyx {
  const { dim } = parseNiftiHeader(header, 'header');
  return [dim[2] ?? 1, dim[1] ?? 1, dim[0]];
}

/** The voxels in file order; `data` itself if the reader did not change the axes. */
export function inFileOrder<T extends Writable>(
  data: T,
  shape: Zyx,
  fileShape: Zyx,
  reorientation: Reorientation | undefined,
): T {
  const expected = reorientation ? reorientedShape(fileShape, reorientation) : fileShape;
  if (elementCount(shape) !== data.length || formatShape(expected) !== formatShape(shape)) {
    throw new Error(
      `inFileOrder: ${data.length} values of shape ${formatShape(shape)}, the geometry is ${formatShape(expected)}`,
    );
  }
  if (!reorientation) return data;
  const ordered = data.slice() as T;
  eachRow(fileShape, filePlacement(fileShape, reorientation), 0, data.length, (index, count, at, step) => {
    for (let i = 0; i < count; i++) ordered[index + i] = data[at + i * step];
  });
  return ordered;
}

async function writeNifti(
  data: Writable,
  geometry: NiftiGeometry,
  { gzipped = true }: WriteOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes, isLittleEndian } = derivedHeader(geometry.header, voxelTypeOf(data));
  const stored = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const isSwapped = !isLittleEndian && data.BYTES_PER_ELEMENT > 1;
  const voxels = isSwapped ? stored.slice() : stored;
  if (isSwapped) swapBytes(voxels, data.BYTES_PER_ELEMENT);
  return gzipped ? gzip(bytes, voxels) : concatenate([bytes, voxels]);
}

/**
 * A label map, `[z, y, x]` in the axes of the image that was read, as a NIfTI file with that image's own geometry:
 * version, byte order, qform, sform, voxel size and units are its header's, if it was NIfTI. uint8 if the labels fit,
 * else uint16.
 */
export async function writeSegmentation(
  labels: Uint8Array | Uint16Array,
  shape: Zyx,
  geometry: ImageGeometry,
  options: WriteOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const nifti = niftiGeometryOf(geometry, shape);
  const ordered = inFileOrder(labels, shape, fileShapeOf(nifti), nifti.reorientation);
  return writeNifti(labelsToStore(ordered), nifti, options);
}

/** A float32 image, `[z, y, x]` in the axes of `geometry`, as a NIfTI file. */
export async function writeVolume(
  data: Float32Array,
  shape: Zyx,
  geometry: ImageGeometry,
  options: WriteOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const nifti = niftiGeometryOf(geometry, shape);
  return writeNifti(inFileOrder(data, shape, fileShapeOf(nifti), nifti.reorientation), nifti, options);
}

/** Pictures know no patient: x runs to the left and y to the back, so that they stand upright as an axial slice. */
const PICTURE_DIRECTIONS = { directions: IDENTITY_DIRECTIONS, origin: [0, 0, 0] } as const;

/** The same place as a NIfTI file has it. `shape`: of the image that was read, `[z, y, x]`. */
export function niftiGeometryOf(geometry: ImageGeometry, shape: Zyx): NiftiGeometry {
  switch (geometry.format) {
    case 'nifti':
      return geometry;
    case 'grid': {
      const { size, spacing, reorientation } = geometry;
      const [x, y, z] = spacing;
      const nifti = newGeometry([size[2] ?? 1, size[1], size[0]], [z, y, x], affineOfGrid(geometry));
      return { ...nifti, ...(reorientation && { reorientation }) };
    }
    case 'tiff-stack': {
      const [z, y, x] = geometry.spacing;
      return newGeometry(shape, [z, y, x], affineOfGrid({ spacing: [x, y, z], ...PICTURE_DIRECTIONS }));
    }
    case 'picture':
      return newGeometry(shape, [1, 1, 1], affineOfGrid({ spacing: [1, 1, 1], ...PICTURE_DIRECTIONS }));
  }
}

/** Geometry for an image of our own. Without `affine`: file axes to R, A and S, the first voxel at the origin. */
export function newGeometry(shape: Zyx, spacing: Spacing, affine?: Affine): NiftiGeometry {
  const header = newNiftiHeader({
    dim: [shape[2], shape[1], shape[0]],
    spacing: [spacing[2], spacing[1], spacing[0]],
    ...(affine && { affine }),
  });
  return { format: 'nifti', header };
}
