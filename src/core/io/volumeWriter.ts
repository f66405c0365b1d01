// Label maps in the formats of volumes, with the geometry of the image that was read: what SimpleITK would write.
import type { Zyx } from '@/shared/geometry';
import { compress, concatenate } from './compression';
import { GIPL_FIELDS, GIPL_HEADER_BYTES, GIPL_MAGIC } from './gipl';
import { gzip } from './gzip';
import { labelsToStore, type WriteCaseOptions, type WrittenFile } from './imageReader';
import { itkPlaceOf } from './itkGeometry';
import type { GridGeometry, ImageGeometry, NiftiGeometry } from './medicalImage';
import { parseNiftiHeader } from './niftiHeader';
import { inFileOrder, niftiGeometryOf, writeSegmentation } from './niftiWriter';
import { swapBytes } from './voxels';

type Labels = Uint8Array | Uint16Array;

const GRID_FORMATS: Readonly<Record<string, GridGeometry['format']>> = {
  '.nrrd': 'nrrd',
  '.mha': 'metaimage',
  '.gipl': 'gipl',
};

/** In the format of the ending; without one, in that of the image. */
export async function writeVolumeLabels(
  labels: Labels,
  shape: Zyx,
  geometry: ImageGeometry,
  { ending }: WriteCaseOptions = {},
): Promise<readonly WrittenFile[]> {
  const isGrid = geometry.format === 'nrrd' || geometry.format === 'metaimage' || geometry.format === 'gipl';
  const format = ending === undefined ? (isGrid ? geometry.format : undefined) : GRID_FORMATS[ending];
  if (format) {
    const grid = isGrid ? geometry : gridGeometryOf(niftiGeometryOf(geometry, shape));
    const { size, reorientation } = grid;
    const fileShape: Zyx = [size[2] ?? 1, size[1], size[0]];
    const stored = labelsToStore(inFileOrder(labels, shape, fileShape, reorientation));
    return [await GRID_WRITERS[format](stored, grid)];
  }
  const gzipped = ending !== '.nii';
  const content = await writeSegmentation(labels, shape, geometry, { gzipped });
  return [{ ending: gzipped ? '.nii.gz' : '.nii', content }];
}

/** The place that a NIfTI header tells, as ITK has it. */
function gridGeometryOf({ header, reorientation }: NiftiGeometry): GridGeometry {
  const { grid } = itkPlaceOf(parseNiftiHeader(header, 'header'));
  return { format: 'nrrd', ...grid, ...(reorientation && { reorientation }) };
}

const GRID_WRITERS: Readonly<
  Record<GridGeometry['format'], (labels: Labels, geometry: GridGeometry) => Promise<WrittenFile>>
> = { nrrd: writeNrrd, metaimage: writeMetaImage, gipl: writeGipl };

function bytesOf(data: Labels): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

async function writeNrrd(labels: Labels, geometry: GridGeometry): Promise<WrittenFile> {
  const { size, spacing, directions, origin } = geometry;
  const rank = size.length;
  const vector = (values: readonly number[]) => `(${values.slice(0, rank).join(',')})`;
  const axes = size.map((_, axis) => vector(directions[axis].map((value) => value * spacing[axis])));
  const isWide = labels.BYTES_PER_ELEMENT > 1;
  const header = [
    'NRRD0004',
    '# Complete NRRD file format specification at:',
    '# http://teem.sourceforge.net/nrrd/format.html',
    `type: ${isWide ? 'unsigned short' : 'unsigned char'}`,
    `dimension: ${rank}`,
    rank === 3 ? 'space: left-posterior-superior' : `space dimension: ${rank}`,
    `sizes: ${size.join(' ')}`,
    `space directions: ${axes.join(' ')}`,
    `kinds: ${size.map(() => 'domain').join(' ')}`,
    ...(isWide ? ['endian: little'] : []),
    'encoding: gzip',
    `space origin: ${vector(origin)}`,
  ];
  const text = new TextEncoder().encode(`${header.join('\n')}\n\n`);
  return { ending: '.nrrd', content: concatenate([text, await gzip(bytesOf(labels))]) };
}

async function writeMetaImage(labels: Labels, geometry: GridGeometry): Promise<WrittenFile> {
  const { size, spacing, directions, origin } = geometry;
  const rank = size.length;
  const packed = await compress([bytesOf(labels)], 'deflate');
  const ofAxes = (values: readonly number[]) => values.slice(0, rank).join(' ');
  const header = [
    'ObjectType = Image',
    `NDims = ${rank}`,
    'BinaryData = True',
    'BinaryDataByteOrderMSB = False',
    'CompressedData = True',
    `CompressedDataSize = ${packed.length}`,
    `TransformMatrix = ${directions.slice(0, rank).map(ofAxes).join(' ')}`,
    `Offset = ${ofAxes(origin)}`,
    `CenterOfRotation = ${ofAxes([0, 0, 0])}`,
    `ElementSpacing = ${ofAxes(spacing)}`,
    `DimSize = ${size.join(' ')}`,
    `ElementType = ${labels.BYTES_PER_ELEMENT > 1 ? 'MET_USHORT' : 'MET_UCHAR'}`,
    'ElementDataFile = LOCAL',
  ];
  const text = new TextEncoder().encode(`${header.join('\n')}\n`);
  return { ending: '.mha', content: concatenate([text, packed]) };
}

async function writeGipl(labels: Labels, geometry: GridGeometry): Promise<WrittenFile> {
  const header = new Uint8Array(GIPL_HEADER_BYTES);
  const view = new DataView(header.buffer);
  const isWide = labels.BYTES_PER_ELEMENT > 1;
  for (let axis = 0; axis < 4; axis++) {
    view.setUint16(GIPL_FIELDS.sizes + 2 * axis, geometry.size[axis] ?? 1);
    view.setFloat32(GIPL_FIELDS.spacing + 4 * axis, geometry.spacing[axis] ?? 1);
    view.setFloat64(GIPL_FIELDS.origin + 8 * axis, geometry.origin[axis] ?? 0);
  }
  view.setUint16(GIPL_FIELDS.type, isWide ? 16 : 8);
  view.setUint32(GIPL_HEADER_BYTES - 4, GIPL_MAGIC);
  const voxels = isWide ? bytesOf(labels).slice() : bytesOf(labels);
  if (isWide) swapBytes(voxels, 2);
  return { ending: '.gipl', content: concatenate([header, voxels]) };
}
