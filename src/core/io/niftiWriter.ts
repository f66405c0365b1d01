// NIfTI files with the geometry of an image that was read, to the last header field.
import { elementCount, formatShape, type Spacing, type Zyx } from '@/shared/geometry';
import { concatenate } from './compression';
import { gzip } from './gzip';
import type { ImageGeometry } from './medicalImage';
import { derivedHeader, newNiftiHeader, parseNiftiHeader } from './niftiHeader';
import type { VoxelType } from './niftiLayout';
import { swapBytes } from './niftiVoxels';
import { type Affine, eachRow, filePlacement, reorientedShape } from './orientation';

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
function fileShapeOf({ header }: ImageGeometry): Zyx {
  const { dim } = parseNiftiHeader(header, 'header');
  return [dim[2] ?? 1, dim[1] ?? 1, dim[0]];
}

/** The voxels in file order; `data` itself if the reader did not change the axes. */
function inFileOrder<T extends Writable>(data: T, shape: Zyx, geometry: ImageGeometry): T {
  const fileShape = fileShapeOf(geometry);
  const { reorientation } = geometry;
  const expected = reorientation ? reorientedShape(fileShape, reorientation) : fileShape;
  if (elementCount(shape) !== data.length || formatShape(expected) !== formatShape(shape)) {
    throw new Error(
      `niftiWriter: ${data.length} values of shape ${formatShape(shape)}, the geometry is ${formatShape(expected)}`,
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
  geometry: ImageGeometry,
  { gzipped = true }: WriteOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes, isLittleEndian } = derivedHeader(geometry.header, voxelTypeOf(data));
  const stored = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const isSwapped = !isLittleEndian && data.BYTES_PER_ELEMENT > 1;
  const voxels = isSwapped ? stored.slice() : stored;
  if (isSwapped) swapBytes(voxels, data.BYTES_PER_ELEMENT);
  return gzipped ? gzip(bytes, voxels) : concatenate([bytes, voxels]);
}

function largest(labels: Uint8Array | Uint16Array): number {
  let max = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] > max) max = labels[i];
  return max;
}

/**
 * A label map, `[z, y, x]` in the axes of the image that was read, as a NIfTI file with that image's own geometry:
 * version, byte order, qform, sform, voxel size and units are its header's. uint8 if the labels fit, else uint16.
 */
export async function writeSegmentation(
  labels: Uint8Array | Uint16Array,
  shape: Zyx,
  geometry: ImageGeometry,
  options: WriteOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const ordered = inFileOrder(labels, shape, geometry);
  const smallest =
    ordered instanceof Uint16Array && largest(ordered) < 256 ? Uint8Array.from(ordered) : ordered;
  return writeNifti(smallest, geometry, options);
}

/** A float32 image, `[z, y, x]` in the axes of `geometry`, as a NIfTI file. */
export async function writeVolume(
  data: Float32Array,
  shape: Zyx,
  geometry: ImageGeometry,
  options: WriteOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return writeNifti(inFileOrder(data, shape, geometry), geometry, options);
}

/** Geometry for an image of our own. Without `affine`: file axes to R, A and S, the first voxel at the origin. */
export function newGeometry(shape: Zyx, spacing: Spacing, affine?: Affine): ImageGeometry {
  const header = newNiftiHeader({
    dim: [shape[2], shape[1], shape[0]],
    spacing: [spacing[2], spacing[1], spacing[0]],
    ...(affine && { affine }),
  });
  return { format: 'nifti', header };
}
