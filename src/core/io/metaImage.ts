// MetaImage files (.mha, .mhd with its data file), as ITK reads them.

import { StudioError } from '@/shared/errors';
import type { Xyz } from '@/shared/geometry';
import { compress, concatenate } from './compression';
import { bytesOfLabels, gridLabels } from './gridLabels';
import { type BadHeader, badHeaderOf, checkedSizes, detachedFile, gridVolume } from './gridVolume';
import type { Packing } from './gzip';
import type { LabelTarget, VolumeFormat, WritableLabels } from './imageFormat';
import { type VoxelType, voxelBytes } from './niftiLayout';
import { partOf, type SourceFile } from './sourceFile';
import { IDENTITY_DIRECTIONS, type VolumeFile } from './volumeFile';
import { isGzip } from './zlib';

const MAX_HEADER_BYTES = 1 << 20;

const TYPES: Readonly<Record<string, VoxelType>> = {
  MET_CHAR: 'int8',
  MET_UCHAR: 'uint8',
  MET_SHORT: 'int16',
  MET_USHORT: 'uint16',
  MET_INT: 'int32',
  MET_UINT: 'uint32',
  MET_LONG: 'int32',
  MET_ULONG: 'uint32',
  MET_LONG_LONG: 'int64',
  MET_ULONG_LONG: 'uint64',
  MET_FLOAT: 'float32',
  MET_DOUBLE: 'float64',
};

interface HeaderText {
  readonly fields: ReadonlyMap<string, string>;
  readonly end: number;
}

/** `Key = value` lines up to `ElementDataFile`, which comes last. */
function parseFields(bytes: Uint8Array, bad: BadHeader): HeaderText {
  const fields = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, at);
    const lineEnd = newline < 0 ? bytes.length : newline;
    const field = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(
      new TextDecoder('latin1').decode(bytes.subarray(at, lineEnd)),
    );
    at = lineEnd + 1;
    if (!field) continue;
    fields.set(field[1], field[2]);
    if (field[1] === 'ElementDataFile') return { fields, end: Math.min(at, bytes.length) };
  }
  throw bad('its header does not tell where the voxels are (ElementDataFile).', 'Copy or download it again.');
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(true|1|t|y)/i.test(text);
}

function firstOf({ fields }: HeaderText, names: readonly string[]): readonly number[] | undefined {
  const found = names.map((name) => fields.get(name)).find((value) => value !== undefined);
  return found?.split(/\s+/).filter(Boolean).map(Number);
}

/** The three axes of space, whatever number of them the file has. */
function placeOf(text: HeaderText, rank: number) {
  const spacing = firstOf(text, ['ElementSpacing', 'ElementSize']) ?? [];
  const origin = firstOf(text, ['Offset', 'Position', 'Origin']) ?? [];
  const matrix = firstOf(text, ['TransformMatrix', 'Rotation', 'Orientation']);
  const direction = (axis: 0 | 1 | 2): Xyz => {
    if (!matrix || axis >= rank) return IDENTITY_DIRECTIONS[axis];
    const at = (i: number) => (i < rank ? (matrix[axis * rank + i] ?? 0) : 0);
    return [at(0), at(1), at(2)];
  };
  return {
    spacing: [spacing[0] ?? 1, spacing[1] ?? 1, spacing[2] ?? 1] as Xyz,
    origin: [origin[0] ?? 0, origin[1] ?? 0, origin[2] ?? 0] as Xyz,
    directions: [direction(0), direction(1), direction(2)] as const,
  };
}

/** MetaImage calls it compressed and means zlib, but reads gzip as well. */
async function packingOf({ fields }: HeaderText, voxels: SourceFile): Promise<Packing | 'text'> {
  const binary = fields.get('BinaryData');
  if (binary !== undefined && !isTrue(binary)) return 'text';
  if (!isTrue(fields.get('CompressedData'))) return 'none';
  return isGzip(await voxels.slice(0, 3)) ? 'gzip' : 'zlib';
}

/** Opens a `.mha`, or a `.mhd`, whose data file is looked for among `others`. */
async function openMetaImage(file: SourceFile, others: readonly SourceFile[] = []): Promise<VolumeFile> {
  const bad = badHeaderOf('BadMetaImage', file.path);
  const text = parseFields(await file.slice(0, Math.min(MAX_HEADER_BYTES, file.sizeInBytes)), bad);
  const { fields } = text;
  const sizes = checkedSizes(firstOf(text, ['DimSize']) ?? [], bad);
  if (sizes.length < 2 || sizes.length > 4) {
    throw new StudioError(
      'UnsupportedShape',
      `${file.path} has ${sizes.length} dimensions (${sizes.join(' × ')}).`,
      'Give each channel its own 3D file, named case_0000, case_0001, ….',
    );
  }
  const perVoxel = Number(fields.get('ElementNumberOfChannels') ?? 1);
  if (perVoxel > 1 && sizes.length === 4)
    throw bad(
      `it has four dimensions and ${perVoxel} values per voxel.`,
      'Save each channel as a 3D file of its own.',
    );
  const typeName = fields.get('ElementType') ?? '';
  const voxelType = TYPES[typeName.replace(/_ARRAY$/, '')];
  if (!voxelType) {
    throw new StudioError(
      'UnsupportedVoxelType',
      `${file.path}: the voxels are of type ${typeName || 'unknown'}.`,
      'Convert the image to one number per voxel.',
    );
  }
  const dataFile = fields.get('ElementDataFile') ?? 'LOCAL';
  if (/^LIST/.test(dataFile) || /%\d*d/.test(dataFile))
    throw bad('its voxels are spread over several files.', 'Save it as one .mha file.');
  const voxels = /^local$/i.test(dataFile)
    ? partOf(file, text.end, file.sizeInBytes)
    : detachedFile(file, dataFile, others);
  const skip = Number(fields.get('HeaderSize') ?? 0);
  const bytes = sizes.reduce((product, size) => product * size, perVoxel * voxelBytes(voxelType));
  const channels = sizes.length === 4 ? sizes[3] : perVoxel;
  return gridVolume(
    {
      path: file.path,
      geometry: {
        format: 'grid',
        kind: metaImageFormat.kind,
        size: sizes.slice(0, 3),
        ...placeOf(text, sizes.length),
      },
      channels,
      isInterleaved: perVoxel > 1,
      voxelType,
      isLittleEndian: !isTrue(fields.get('BinaryDataByteOrderMSB') ?? fields.get('ElementByteOrderMSB')),
      voxOffset: skip === -1 ? Math.max(0, voxels.sizeInBytes - bytes) : Math.max(0, skip || 0),
      isOriented: fields.has('TransformMatrix') || fields.has('Rotation') || fields.has('Orientation'),
    },
    { file: voxels, packing: await packingOf(text, voxels) },
  );
}

async function writeMetaImage(labels: WritableLabels, target: LabelTarget): Promise<Uint8Array<ArrayBuffer>> {
  const placed = gridLabels(labels, target);
  const { size, spacing, directions, origin } = placed.grid;
  const rank = size.length;
  const packed = await compress([bytesOfLabels(placed)], 'deflate');
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
    `ElementType = ${placed.stored.BYTES_PER_ELEMENT > 1 ? 'MET_USHORT' : 'MET_UCHAR'}`,
    'ElementDataFile = LOCAL',
  ];
  const text = new TextEncoder().encode(`${header.join('\n')}\n`);
  return concatenate([text, packed]);
}

const latin1 = new TextDecoder('latin1');

/** MetaImage, with its voxels inside (`.mha`) or in a file of their own (`.mhd`). */
export const metaImageFormat = {
  kind: 'metaimage',
  family: 'volume',
  label: 'MHA',
  endings: ['.mha', '.mhd'],
  voxelEndings: { '.mhd': ['.raw', '.zraw', '.img', '.bin', '.dat'] },
  nnunet: { SimpleITKIO: ['.mha'] },
  isStart: (start) => /^\s*(ObjectType|NDims)\s*=/.test(latin1.decode(start)),
  saysOrientation: true,
  open: openMetaImage,
  resultEndings: ['.mha'],
  write: writeMetaImage,
} as const satisfies VolumeFormat;
