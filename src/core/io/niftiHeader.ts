// What a NIfTI header says, checked on the way in; and headers for the files we write.
import { StudioError } from '@/shared/errors';
import type { Xyz } from '@/shared/geometry';
import {
  type FieldName,
  HeaderFields,
  LAYOUTS,
  NIFTI1,
  recognise,
  VOXEL_TYPES,
  type VoxelType,
  voxelBytes,
  voxelTypeCode,
} from './niftiLayout';
import { type Affine, axisDirections, orientationCode, type Quaternion, qformAffine } from './orientation';

/** What the standard also allows and no network takes. */
const OTHER_TYPES: Readonly<Record<number, string>> = {
  1: 'single bits',
  32: 'complex numbers (complex64)',
  128: 'colours (RGB24)',
  1536: '128-bit floats',
  1792: 'complex numbers (complex128)',
  2048: 'complex numbers (complex256)',
  2304: 'colours (RGBA32)',
};

/** A header, parsed. Names in file order (x, y, z, …) unless said otherwise. */
export interface NiftiHeader {
  readonly version: 1 | 2;
  readonly isLittleEndian: boolean;
  /** False for the `.hdr` of a pair. */
  readonly isSingleFile: boolean;
  /** Sizes x, y, z, t, …; as many as the file declares. */
  readonly dim: readonly number[];
  /** Voxel sizes as stored, one per entry of `dim`; units by `millimetresPerUnit`. */
  readonly pixdim: readonly number[];
  /** 1 for mm or unknown, 1000 for metres, 0.001 for micrometres. */
  readonly millimetresPerUnit: number;
  readonly voxelType: VoxelType;
  /** Byte offset of the voxels in the file that holds them. */
  readonly voxOffset: number;
  /** Value = stored · slope + intercept; 1 and 0 where the header asks for no scaling. */
  readonly slope: number;
  readonly intercept: number;
  readonly qformCode: number;
  readonly sformCode: number;
  /** The fields that the qform is made of. */
  readonly quaternion: Quaternion;
  /** From qform, mm; meaningful if `qformCode` > 0. */
  readonly qform: Affine;
  /** From sform, mm; meaningful if `sformCode` > 0. */
  readonly sform: Affine;
  readonly description: string;
  /** The header's own bytes. */
  readonly bytes: Uint8Array;
}

function badHeader(path: string, what: string, remedy: string): StudioError {
  return new StudioError('BadNifti', `${path}: ${what}`, remedy);
}

const RE_EXPORT = 'Export or convert the image again.';

function hasMagic(bytes: Uint8Array, magic: readonly number[], offset: number): boolean {
  return magic.every((byte, i) => bytes[offset + i] === byte);
}

/** Which of the formats that share this header it is; `undefined` for something else altogether. */
export function headerKind(bytes: Uint8Array): 'nifti' | 'nifti-pair' | 'analyze' | undefined {
  const recognised = recognise(bytes);
  if (!recognised) return undefined;
  const { singleFileMagic, pairMagic, magicOffset, headerBytes } = LAYOUTS[recognised.version];
  if (bytes.length < headerBytes) return undefined;
  if (hasMagic(bytes, singleFileMagic, magicOffset)) return 'nifti';
  if (hasMagic(bytes, pairMagic, magicOffset)) return 'nifti-pair';
  return recognised.version === 1 && bytes[magicOffset] === 0 ? 'analyze' : undefined;
}

function checkedDim(fields: HeaderFields, path: string): number[] {
  const rank = fields.get('dim', 0);
  if (!(rank >= 1 && rank <= 7))
    throw badHeader(path, `the header says the image has ${rank} dimensions.`, RE_EXPORT);
  const dim = fields.numbers('dim', rank, 1);
  if (dim.some((size) => !Number.isSafeInteger(size) || size < 1)) {
    throw badHeader(path, `the image has no voxels: its size is ${dim.join(' × ')}.`, RE_EXPORT);
  }
  return dim;
}

function checkedVoxelType(code: number, path: string): VoxelType {
  const type = VOXEL_TYPES[code];
  if (type) return type;
  const found = OTHER_TYPES[code] ?? `an unknown type (code ${code})`;
  throw new StudioError(
    'UnsupportedVoxelType',
    `${path}: the voxels are ${found}.`,
    'Convert the image to one number per voxel, with a file per channel.',
  );
}

/** Scaling as the standard has it: a slope of zero, or none, means the stored values are the values. */
function scaling(fields: HeaderFields): { slope: number; intercept: number } {
  const slope = fields.get('slope');
  const intercept = fields.get('intercept');
  if (slope === 0 || !Number.isFinite(slope)) return { slope: 1, intercept: 0 };
  return { slope, intercept: Number.isFinite(intercept) ? intercept : 0 };
}

const SPACE_UNITS_MASK = 7;
const METRE = 1;
const MICROMETRE = 3;

function millimetresPerUnit(units: number): number {
  const space = units & SPACE_UNITS_MASK;
  return space === METRE ? 1000 : space === MICROMETRE ? 0.001 : 1;
}

function readAffines(fields: HeaderFields): { quaternion: Quaternion; qform: Affine; sform: Affine } {
  const srow = (row: number) => {
    const at = (column: number) => fields.get('srow', 4 * row + column);
    return [at(0), at(1), at(2), at(3)] as const;
  };
  const [b, c, d] = fields.numbers('quaternion', 3);
  const offset: Xyz = [fields.get('offset', 0), fields.get('offset', 1), fields.get('offset', 2)];
  const size = (axis: number) => Math.abs(fields.get('pixdim', axis)) || 1;
  const quaternion = { b, c, d, qfac: fields.get('pixdim', 0), offset };
  return {
    quaternion,
    qform: qformAffine(quaternion, [size(1), size(2), size(3)]),
    sform: [srow(0), srow(1), srow(2)],
  };
}

function textField(bytes: Uint8Array, [offset, length]: readonly [number, number]): string {
  const field = bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end)).trim();
}

/** Parses the start of a file (at least {@link MAX_HEADER_BYTES} bytes if it has them). `path` is for messages. */
export function parseNiftiHeader(start: Uint8Array, path: string): NiftiHeader {
  const kind = headerKind(start);
  if (kind === 'analyze') {
    throw badHeader(
      path,
      'this is an Analyze 7.5 header, which does not say how the image lies.',
      'Convert it to NIfTI.',
    );
  }
  const recognised = recognise(start);
  if (!kind || !recognised) {
    const isCut = recognised !== undefined && start.length < LAYOUTS[recognised.version].headerBytes;
    throw start.length === 0
      ? badHeader(path, 'the file is empty.', 'Copy or download it again.')
      : isCut
        ? badHeader(
            path,
            `the file ends within its header, after ${start.length} bytes.`,
            'Copy or download it again.',
          )
        : badHeader(
            path,
            'this is not a NIfTI file: size and magic of the header are wrong.',
            'Convert it to NIfTI (.nii.gz).',
          );
  }
  const { version, isLittleEndian } = recognised;
  const layout = LAYOUTS[version];
  const bytes = start.slice(0, layout.headerBytes);
  const fields = new HeaderFields(bytes, layout, isLittleEndian);
  const dim = checkedDim(fields, path);
  const isSingleFile = kind === 'nifti';
  return {
    version,
    isLittleEndian,
    isSingleFile,
    dim,
    pixdim: fields.numbers('pixdim', dim.length, 1),
    millimetresPerUnit: millimetresPerUnit(fields.get('units')),
    voxelType: checkedVoxelType(fields.get('datatype'), path),
    voxOffset: checkedVoxOffset(fields.get('voxOffset'), isSingleFile ? layout.voxOffset : 0, path),
    ...scaling(fields),
    qformCode: fields.get('qformCode'),
    sformCode: fields.get('sformCode'),
    ...readAffines(fields),
    description: textField(bytes, layout.descrip),
    bytes,
  };
}

/** Single files that leave the offset zero mean "right behind the header". */
function checkedVoxOffset(offset: number, lowest: number, path: string): number {
  if (offset === 0) return lowest;
  if (!Number.isSafeInteger(Math.trunc(offset)) || offset < lowest) {
    throw badHeader(path, `the header says its voxels start at byte ${offset}.`, RE_EXPORT);
  }
  return Math.trunc(offset);
}

/** True if the file says how it lies in the patient. */
export function hasOrientation({ qformCode, sformCode }: NiftiHeader): boolean {
  return qformCode > 0 || sformCode > 0;
}

/**
 * Where the image lies, mm: sform if coded, else qform, else the centre of the image at the origin and x to the left,
 * as nibabel's `get_best_affine` has it.
 */
export function bestAffine(header: NiftiHeader): Affine {
  if (header.sformCode > 0) return header.sform;
  if (header.qformCode > 0) return header.qform;
  const size = (axis: number) => Math.abs(header.pixdim[axis] ?? 1) || 1;
  const centre = (axis: number) => (((header.dim[axis] ?? 1) - 1) / 2) * size(axis);
  return [
    [-size(0), 0, 0, centre(0)],
    [0, size(1), 0, -centre(1)],
    [0, 0, size(2), -centre(2)],
  ];
}

/** `RAS` and so on, `undefined` where the file does not say. */
export function headerOrientation(header: NiftiHeader): string | undefined {
  if (!hasOrientation(header)) return undefined;
  const directions = axisDirections(bestAffine(header));
  return directions && orientationCode(directions);
}

/** What a file of ours takes from no input. */
const RESET_FIELDS: readonly FieldName[] = [
  'intercept',
  'calMax',
  'calMin',
  'sliceStart',
  'sliceEnd',
  'sliceCode',
  'sliceDuration',
  'timeOffset',
  'intentCode',
];

/**
 * The header of a new single file with the geometry of `original` (all fields of size, position and orientation, units,
 * version and byte order) and one 2D or 3D volume of `type`, followed by the four bytes that say "no extension".
 */
export function derivedHeader(
  original: Uint8Array,
  type: VoxelType,
): { bytes: Uint8Array; isLittleEndian: boolean } {
  const recognised = recognise(original);
  if (!recognised) throw new Error('derivedHeader: not a NIfTI header');
  const layout = LAYOUTS[recognised.version];
  const bytes = new Uint8Array(layout.voxOffset);
  bytes.set(original.subarray(0, layout.headerBytes));
  bytes.set(layout.singleFileMagic, layout.magicOffset);
  const fields = new HeaderFields(bytes, layout, recognised.isLittleEndian);
  const rank = Math.min(fields.get('dim', 0), 3);
  fields.set('dim', rank, 0);
  for (let axis = rank + 1; axis <= 7; axis++) fields.set('dim', 1, axis);
  fields.set('datatype', voxelTypeCode(type));
  fields.set('bitpix', 8 * voxelBytes(type));
  fields.set('voxOffset', layout.voxOffset);
  fields.set('slope', 1);
  for (const name of RESET_FIELDS) fields.set(name, 0);
  for (let i = 0; i < 3; i++) fields.set('intentParameters', 0, i);
  for (const [offset, length] of [layout.intentName, layout.auxFile]) bytes.fill(0, offset, offset + length);
  return { bytes, isLittleEndian: recognised.isLittleEndian };
}

/** What a header made from nothing says; everything in file order. */
export interface NewGeometry {
  readonly dim: Xyz;
  /** mm. */
  readonly spacing: Xyz;
  /** Written as sform, code 1 (scanner). Without it: x to the right, y anterior, z superior, voxel (0, 0, 0) at 0. */
  readonly affine?: Affine;
}

/** The bytes of a new NIfTI-1 header, little-endian, for float32 voxels. */
export function newNiftiHeader({ dim, spacing, affine }: NewGeometry): Uint8Array {
  const bytes = new Uint8Array(NIFTI1.headerBytes);
  new DataView(bytes.buffer).setInt32(0, NIFTI1.headerBytes, true);
  bytes.set(NIFTI1.singleFileMagic, NIFTI1.magicOffset);
  const fields = new HeaderFields(bytes, NIFTI1, true);
  const rows = affine ?? [
    [spacing[0], 0, 0, 0],
    [0, spacing[1], 0, 0],
    [0, 0, spacing[2], 0],
  ];
  fields.set('dim', 3, 0);
  fields.set('pixdim', 1, 0);
  for (let axis = 0; axis < 7; axis++) {
    fields.set('dim', dim[axis] ?? 1, axis + 1);
    fields.set('pixdim', spacing[axis] ?? 1, axis + 1);
  }
  fields.set('datatype', voxelTypeCode('float32'));
  fields.set('bitpix', 32);
  fields.set('voxOffset', NIFTI1.voxOffset);
  fields.set('slope', 1);
  fields.set('units', 2);
  fields.set('sformCode', 1);
  rows.forEach((row, i) => {
    row.forEach((value, j) => {
      fields.set('srow', value, 4 * i + j);
    });
  });
  return bytes;
}
