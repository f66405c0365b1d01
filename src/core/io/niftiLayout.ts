// Where the fields of NIfTI-1 and NIfTI-2 headers lie, and access to them in either byte order.

type FieldKind = 'u8' | 'i16' | 'i32' | 'i64' | 'f32' | 'f64';
type Field = readonly [offset: number, kind: FieldKind];

const KIND_BYTES: Readonly<Record<FieldKind, number>> = { u8: 1, i16: 2, i32: 4, i64: 8, f32: 4, f64: 8 };

/** Sizes, magic and field offsets of one version. */
export interface NiftiLayout {
  readonly headerBytes: number;
  /** Where voxels start in a file of our own: header, then four zero bytes that say "no extension". */
  readonly voxOffset: number;
  readonly magicOffset: number;
  readonly singleFileMagic: readonly number[];
  readonly pairMagic: readonly number[];
  readonly fields: Readonly<Record<FieldName, Field>>;
  /** Text fields: offset, length. */
  readonly descrip: readonly [number, number];
  readonly auxFile: readonly [number, number];
  readonly intentName: readonly [number, number];
}

export type FieldName =
  | 'dim'
  | 'pixdim'
  | 'datatype'
  | 'bitpix'
  | 'voxOffset'
  | 'slope'
  | 'intercept'
  | 'calMax'
  | 'calMin'
  | 'sliceStart'
  | 'sliceEnd'
  | 'sliceCode'
  | 'sliceDuration'
  | 'timeOffset'
  | 'units'
  | 'intentParameters'
  | 'intentCode'
  | 'qformCode'
  | 'sformCode'
  | 'quaternion'
  | 'offset'
  | 'srow';

const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0));

export const NIFTI1: NiftiLayout = {
  headerBytes: 348,
  voxOffset: 352,
  magicOffset: 344,
  singleFileMagic: ascii('n+1\0'),
  pairMagic: ascii('ni1\0'),
  descrip: [148, 80],
  auxFile: [228, 24],
  intentName: [328, 16],
  fields: {
    dim: [40, 'i16'],
    intentParameters: [56, 'f32'],
    intentCode: [68, 'i16'],
    datatype: [70, 'i16'],
    bitpix: [72, 'i16'],
    sliceStart: [74, 'i16'],
    pixdim: [76, 'f32'],
    voxOffset: [108, 'f32'],
    slope: [112, 'f32'],
    intercept: [116, 'f32'],
    sliceEnd: [120, 'i16'],
    sliceCode: [122, 'u8'],
    units: [123, 'u8'],
    calMax: [124, 'f32'],
    calMin: [128, 'f32'],
    sliceDuration: [132, 'f32'],
    timeOffset: [136, 'f32'],
    qformCode: [252, 'i16'],
    sformCode: [254, 'i16'],
    quaternion: [256, 'f32'],
    offset: [268, 'f32'],
    srow: [280, 'f32'],
  },
};

const NIFTI2: NiftiLayout = {
  headerBytes: 540,
  voxOffset: 544,
  magicOffset: 4,
  singleFileMagic: ascii('n+2\0\r\n\x1a\n'),
  pairMagic: ascii('ni2\0\r\n\x1a\n'),
  descrip: [240, 80],
  auxFile: [320, 24],
  intentName: [508, 16],
  fields: {
    datatype: [12, 'i16'],
    bitpix: [14, 'i16'],
    dim: [16, 'i64'],
    intentParameters: [80, 'f64'],
    pixdim: [104, 'f64'],
    voxOffset: [168, 'i64'],
    slope: [176, 'f64'],
    intercept: [184, 'f64'],
    calMax: [192, 'f64'],
    calMin: [200, 'f64'],
    sliceDuration: [208, 'f64'],
    timeOffset: [216, 'f64'],
    sliceStart: [224, 'i64'],
    sliceEnd: [232, 'i64'],
    qformCode: [344, 'i32'],
    sformCode: [348, 'i32'],
    quaternion: [352, 'f64'],
    offset: [376, 'f64'],
    srow: [400, 'f64'],
    sliceCode: [496, 'i32'],
    units: [500, 'i32'],
    intentCode: [504, 'i32'],
  },
};

export const LAYOUTS = { 1: NIFTI1, 2: NIFTI2 } as const;

/** Reading this many bytes gets either header. */
export const MAX_HEADER_BYTES = NIFTI2.headerBytes;

/** Types of voxels that hold one number each. */
export type VoxelType =
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'float32'
  | 'float64';

/** By the header's code. */
export const VOXEL_TYPES: Readonly<Record<number, VoxelType>> = {
  2: 'uint8',
  4: 'int16',
  8: 'int32',
  16: 'float32',
  64: 'float64',
  256: 'int8',
  512: 'uint16',
  768: 'uint32',
  1024: 'int64',
  1280: 'uint64',
};

/** Bytes of one voxel. */
export function voxelBytes(type: VoxelType): number {
  return Number.parseInt(type.replace(/\D+/, ''), 10) / 8;
}

/** The header's code for a type. */
export function voxelTypeCode(type: VoxelType): number {
  return Number(Object.keys(VOXEL_TYPES).find((code) => VOXEL_TYPES[Number(code)] === type));
}

type Read = (view: DataView, at: number, isLittleEndian: boolean) => number;
type Write = (view: DataView, at: number, value: number, isLittleEndian: boolean) => void;

const READ: Readonly<Record<FieldKind, Read>> = {
  u8: (view, at) => view.getUint8(at),
  i16: (view, at, little) => view.getInt16(at, little),
  i32: (view, at, little) => view.getInt32(at, little),
  i64: (view, at, little) => Number(view.getBigInt64(at, little)),
  f32: (view, at, little) => view.getFloat32(at, little),
  f64: (view, at, little) => view.getFloat64(at, little),
};

const WRITE: Readonly<Record<FieldKind, Write>> = {
  u8: (view, at, value) => view.setUint8(at, value),
  i16: (view, at, value, little) => view.setInt16(at, value, little),
  i32: (view, at, value, little) => view.setInt32(at, value, little),
  i64: (view, at, value, little) => view.setBigInt64(at, BigInt(value), little),
  f32: (view, at, value, little) => view.setFloat32(at, value, little),
  f64: (view, at, value, little) => view.setFloat64(at, value, little),
};

/** Reads and writes fields of a header in place. */
export class HeaderFields {
  private readonly view: DataView;
  private readonly fields: NiftiLayout['fields'];
  private readonly isLittleEndian: boolean;

  constructor(bytes: Uint8Array, { fields }: NiftiLayout, isLittleEndian: boolean) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fields = fields;
    this.isLittleEndian = isLittleEndian;
  }

  get(name: FieldName, index = 0): number {
    const [offset, kind] = this.fields[name];
    return READ[kind](this.view, offset + index * KIND_BYTES[kind], this.isLittleEndian);
  }

  set(name: FieldName, value: number, index = 0): void {
    const [offset, kind] = this.fields[name];
    WRITE[kind](this.view, offset + index * KIND_BYTES[kind], value, this.isLittleEndian);
  }

  /** `count` entries of an array field, starting at entry `from`. */
  numbers(name: FieldName, count: number, from = 0): number[] {
    return Array.from({ length: count }, (_, i) => this.get(name, from + i));
  }
}

export interface Recognised {
  readonly version: 1 | 2;
  readonly isLittleEndian: boolean;
}

/** Version and byte order by the header's own size field, the first four bytes. */
export function recognise(bytes: Uint8Array): Recognised | undefined {
  if (bytes.length < 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const version of [1, 2] as const) {
    for (const isLittleEndian of [true, false]) {
      if (view.getInt32(0, isLittleEndian) === LAYOUTS[version].headerBytes)
        return { version, isLittleEndian };
    }
  }
  return undefined;
}
