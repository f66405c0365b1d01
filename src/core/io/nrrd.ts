// NRRD files, attached or detached (http://teem.sourceforge.net/nrrd/format.html), as ITK reads them.

import { StudioError } from '@/shared/errors';
import type { Xyz } from '@/shared/geometry';
import { concatenate } from './compression';
import { bytesOfLabels, gridLabels } from './gridLabels';
import {
  type BadHeader,
  badHeaderOf,
  checkedSizes,
  detachedFile,
  gridVolume,
  type VoxelSource,
} from './gridVolume';
import type { Packing } from './gzip';
import { gzip } from './gzip';
import { hasBytes, type LabelTarget, type VolumeFormat, type WritableLabels } from './imageFormat';
import { type VoxelType, voxelBytes } from './niftiLayout';
import { partOf, type SourceFile } from './sourceFile';
import { IDENTITY_DIRECTIONS, type VolumeFile } from './volumeFile';

/** Headers are a few lines; this much is read to find their end. */
const MAX_HEADER_BYTES = 1 << 20;

/** Names of types, spaces taken out. */
const TYPES: Readonly<Record<string, VoxelType>> = {
  ...namedAlike('int8', ['signedchar', 'int8', 'int8_t']),
  ...namedAlike('uint8', ['uchar', 'unsignedchar', 'uint8', 'uint8_t']),
  ...namedAlike('int16', ['short', 'shortint', 'signedshort', 'signedshortint', 'int16', 'int16_t']),
  ...namedAlike('uint16', ['ushort', 'unsignedshort', 'unsignedshortint', 'uint16', 'uint16_t']),
  ...namedAlike('int32', ['int', 'signedint', 'int32', 'int32_t']),
  ...namedAlike('uint32', ['uint', 'unsignedint', 'uint32', 'uint32_t']),
  ...namedAlike('int64', [
    'longlong',
    'longlongint',
    'signedlonglong',
    'signedlonglongint',
    'int64',
    'int64_t',
  ]),
  ...namedAlike('uint64', ['ulonglong', 'unsignedlonglong', 'unsignedlonglongint', 'uint64', 'uint64_t']),
  float: 'float32',
  double: 'float64',
};

const PACKINGS: Readonly<Record<string, Packing | 'text'>> = {
  raw: 'none',
  gzip: 'gzip',
  gz: 'gzip',
  ascii: 'text',
  text: 'text',
  txt: 'text',
};

/** Kinds of axes along which a voxel's place changes. */
const SPATIAL_KINDS = ['domain', 'space', '???', 'none'];

/** Which of x and y a space turns around on the way to L-P-S. Spaces of no anatomy stay, as in ITK. */
const FLIPS_TO_LPS: Readonly<Record<string, readonly [boolean, boolean]>> = {
  'right-anterior-superior': [true, true],
  ras: [true, true],
  'left-anterior-superior': [false, true],
  las: [false, true],
};

function namedAlike(type: VoxelType, names: readonly string[]): Record<string, VoxelType> {
  return Object.fromEntries(names.map((name) => [name, type]));
}

interface HeaderText {
  /** By name in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  /** Where the voxels of an attached header start, bytes. */
  readonly end: number;
}

/** Splits `name: value` lines up to the empty one; comments and `key:=value` are left out. */
function parseFields(bytes: Uint8Array, bad: BadHeader): HeaderText {
  const fields = new Map<string, string>();
  for (let at = 0; ; ) {
    const newline = bytes.indexOf(0x0a, at);
    const isLast = newline < 0;
    const line = new TextDecoder('latin1')
      .decode(bytes.subarray(at, isLast ? bytes.length : newline))
      .trimEnd();
    at = isLast ? bytes.length : newline + 1;
    const field = /^([^#:][^:]*): *(.*)$/.exec(line);
    if (field && !field[2].startsWith('=') && !/^[^:]+:=/.test(line)) {
      fields.set(field[1].trim().toLowerCase(), field[2].trim());
      if (/^data ?file$/i.test(field[1].trim()) && /^LIST/.test(field[2])) return { fields, end: at };
    }
    if (line === '' && at > 1) return { fields, end: at };
    if (isLast) {
      if (bytes.length >= MAX_HEADER_BYTES)
        throw bad('its header does not end.', 'Copy or download it again.');
      return { fields, end: at };
    }
  }
}

function numbers(text: string | undefined): readonly number[] {
  return text === undefined ? [] : text.split(/\s+/).filter(Boolean).map(Number);
}

/** `(a,b,c) (d,e,f) none`: vectors, `undefined` for `none`. */
function vectors(text: string): readonly (readonly number[] | undefined)[] {
  return (text.match(/\([^)]*\)|none/gi) ?? []).map((vector) =>
    /none/i.test(vector) ? undefined : vector.slice(1, -1).split(',').map(Number),
  );
}

interface Axes {
  readonly spatial: readonly number[];
  readonly other: readonly number[];
}

/** Which axes are x, y and z, and which one, if any, counts channels. */
function axesOf(sizes: readonly number[], { fields }: HeaderText, bad: BadHeader): Axes {
  const kinds = fields.get('kinds')?.toLowerCase().split(/\s+/);
  const directions = fields.get('space directions');
  const isSpatial = directions
    ? vectors(directions).map((vector) => vector !== undefined)
    : sizes.map((_, axis) => !kinds || SPATIAL_KINDS.includes(kinds[axis] ?? 'domain'));
  if (isSpatial.length !== sizes.length)
    throw bad(`the header has ${sizes.length} sizes but ${isSpatial.length} space directions.`);
  const axes = sizes.map((_, axis) => axis);
  const spatial = axes.filter((axis) => isSpatial[axis]);
  const other = axes.filter((axis) => !isSpatial[axis]);
  // Without a word about it the fourth axis counts volumes.
  return spatial.length === 4 && other.length === 0
    ? { spatial: spatial.slice(0, 3), other: [3] }
    : { spatial, other };
}

function padded(vector: readonly number[]): Xyz {
  return [vector[0] ?? 0, vector[1] ?? 0, vector[2] ?? 0];
}

/** Spacing, directions and origin in L-P-S. */
function placeOf({ spatial }: Axes, { fields }: HeaderText) {
  const [flipX, flipY] = FLIPS_TO_LPS[fields.get('space')?.toLowerCase() ?? ''] ?? [false, false];
  // Adding zero leaves no −0.
  const toLps = ([x, y, z]: Xyz): Xyz => [(flipX ? -x : x) + 0, (flipY ? -y : y) + 0, z];
  const directions = fields.get('space directions');
  const origin = toLps(padded(vectors(fields.get('space origin') ?? '')[0] ?? []));
  if (!directions) {
    const stored = numbers(fields.get('spacings'));
    const sizeOf = (i: number) => (spatial[i] === undefined ? 1 : (stored[spatial[i]] ?? 1));
    return { spacing: [sizeOf(0), sizeOf(1), sizeOf(2)] as Xyz, directions: IDENTITY_DIRECTIONS, origin };
  }
  const given = vectors(directions);
  const column = (i: 0 | 1 | 2): Xyz => {
    const vector = spatial[i] === undefined ? undefined : given[spatial[i]];
    return vector ? toLps(padded(vector)) : IDENTITY_DIRECTIONS[i];
  };
  const unit = (vector: Xyz): Xyz => {
    const length = Math.hypot(...vector);
    return [vector[0] / length, vector[1] / length, vector[2] / length];
  };
  const columns = [column(0), column(1), column(2)] as const;
  return {
    spacing: [Math.hypot(...columns[0]), Math.hypot(...columns[1]), Math.hypot(...columns[2])] as Xyz,
    directions: [unit(columns[0]), unit(columns[1]), unit(columns[2])] as const,
    origin,
  };
}

function voxelTypeOf({ fields }: HeaderText, path: string, bad: BadHeader): VoxelType {
  const name = fields.get('type');
  if (!name) throw bad('the header does not tell the type of the voxels.');
  const type = TYPES[name.toLowerCase().replaceAll(/\s/g, '')];
  if (type) return type;
  throw new StudioError(
    'UnsupportedVoxelType',
    `${path}: the voxels are of type ${name}.`,
    'Convert the image to one number per voxel.',
  );
}

function packingOf({ fields }: HeaderText, path: string): Packing | 'text' {
  const encoding = fields.get('encoding')?.toLowerCase() ?? 'raw';
  const packing = PACKINGS[encoding];
  if (packing) return packing;
  throw new StudioError(
    'UnsupportedCompression',
    `${path}: its voxels are packed as ${encoding}; raw, gzip and ascii can be read.`,
    'Save it with gzip, then try again.',
  );
}

/** The file that the voxels are in, from the first one on, as far as lines have to be skipped. */
async function voxelFile(
  file: SourceFile,
  { fields, end }: HeaderText,
  others: readonly SourceFile[],
  bad: BadHeader,
): Promise<SourceFile> {
  const name = fields.get('data file') ?? fields.get('datafile');
  if (name === undefined) return partOf(file, end, file.sizeInBytes);
  if (/^LIST/.test(name) || /%\d*d/.test(name))
    throw bad('its voxels are spread over several files.', 'Save it as one .nrrd file.');
  const detached = detachedFile(file, name, others);
  const lines = Number(fields.get('line skip') ?? fields.get('lineskip') ?? 0);
  if (!(lines > 0)) return detached;
  const bytes = await detached.bytes();
  let start = 0;
  for (let i = 0; i < lines; i++) start = bytes.indexOf(0x0a, start) + 1 || bytes.length;
  return partOf(detached, start, detached.sizeInBytes);
}

/** Opens a `.nrrd`, or a `.nhdr`, whose data file is looked for among `others`. */
async function openNrrd(file: SourceFile, others: readonly SourceFile[] = []): Promise<VolumeFile> {
  const bad = badHeaderOf('BadNrrd', file.path);
  const text = parseFields(await file.slice(0, Math.min(MAX_HEADER_BYTES, file.sizeInBytes)), bad);
  const { fields } = text;
  const sizes = checkedSizes(numbers(fields.get('sizes')), bad);
  const axes = axesOf(sizes, text, bad);
  if (axes.spatial.length < 2 || axes.spatial.length > 3 || axes.other.length > 1) {
    throw new StudioError(
      'UnsupportedShape',
      `${file.path} has ${sizes.length} dimensions (${sizes.join(' × ')}), ${axes.spatial.length} of them in space.`,
      'Give each channel its own 3D file, named case_0000, case_0001, ….',
    );
  }
  const channelAxis = axes.other[0];
  if (channelAxis !== undefined && channelAxis !== 0 && channelAxis !== sizes.length - 1)
    throw bad(
      `its axis ${channelAxis} of ${sizes.length} is no axis in space.`,
      'Save it with that axis first or last.',
    );
  const channels = channelAxis === undefined ? 1 : sizes[channelAxis];
  const voxelType = voxelTypeOf(text, file.path, bad);
  const packing = packingOf(text, file.path);
  const endian = fields.get('endian')?.toLowerCase();
  if (packing !== 'text' && voxelBytes(voxelType) > 1 && endian !== 'little' && endian !== 'big')
    throw bad('the header does not tell the byte order.');
  const voxels = await voxelFile(file, text, others, bad);
  const source: VoxelSource = { file: voxels, packing };
  const skip = Number(fields.get('byte skip') ?? fields.get('byteskip') ?? 0);
  const bytes = sizes.reduce((product, size) => product * size, voxelBytes(voxelType));
  return gridVolume(
    {
      path: file.path,
      geometry: {
        format: 'grid',
        kind: nrrdFormat.kind,
        size: axes.spatial.map((axis) => sizes[axis]),
        ...placeOf(axes, text),
      },
      channels,
      isInterleaved: channels > 1 && channelAxis === 0,
      voxelType,
      isLittleEndian: endian !== 'big',
      voxOffset: skip === -1 ? Math.max(0, voxels.sizeInBytes - bytes) : Math.max(0, skip || 0),
      isOriented: fields.has('space') && fields.has('space directions'),
    },
    source,
  );
}

async function writeNrrd(labels: WritableLabels, target: LabelTarget): Promise<Uint8Array<ArrayBuffer>> {
  const placed = gridLabels(labels, target);
  const { size, spacing, directions, origin } = placed.grid;
  const rank = size.length;
  const vector = (values: readonly number[]) => `(${values.slice(0, rank).join(',')})`;
  const axes = size.map((_, axis) => vector(directions[axis].map((value) => value * spacing[axis])));
  const isWide = placed.stored.BYTES_PER_ELEMENT > 1;
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
  return concatenate([text, await gzip(bytesOfLabels(placed))]);
}

/** NRRD, with its voxels inside (`.nrrd`) or in a file of their own (`.nhdr`). */
export const nrrdFormat = {
  kind: 'nrrd',
  family: 'volume',
  label: 'NRRD',
  endings: ['.nrrd', '.nhdr'],
  voxelEndings: { '.nhdr': ['.raw', '.img', '.bin', '.dat'] },
  nnunet: { SimpleITKIO: ['.nrrd'] },
  isStart: (start) => hasBytes(start, 'NRRD000'),
  saysOrientation: true,
  open: openNrrd,
  resultEndings: ['.nrrd'],
  write: writeNrrd,
} as const satisfies VolumeFormat;
