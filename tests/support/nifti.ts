// NIfTI files with any header one likes, right or wrong. Written field by field from the standard, apart from `src`.

/** Datatype code, bits and how one value is stored. */
const DATATYPES = {
  uint8: [2, 8, (view: DataView, at: number, value: number) => view.setUint8(at, value)],
  int16: [
    4,
    16,
    (view: DataView, at: number, value: number, little: boolean) => view.setInt16(at, value, little),
  ],
  int32: [
    8,
    32,
    (view: DataView, at: number, value: number, little: boolean) => view.setInt32(at, value, little),
  ],
  float32: [
    16,
    32,
    (view: DataView, at: number, value: number, little: boolean) => view.setFloat32(at, value, little),
  ],
  complex64: [
    32,
    64,
    (view: DataView, at: number, value: number, little: boolean) => view.setFloat32(at, value, little),
  ],
  float64: [
    64,
    64,
    (view: DataView, at: number, value: number, little: boolean) => view.setFloat64(at, value, little),
  ],
  rgb24: [128, 24, (view: DataView, at: number, value: number) => view.setUint8(at, value)],
  int8: [256, 8, (view: DataView, at: number, value: number) => view.setInt8(at, value)],
  uint16: [
    512,
    16,
    (view: DataView, at: number, value: number, little: boolean) => view.setUint16(at, value, little),
  ],
  uint32: [
    768,
    32,
    (view: DataView, at: number, value: number, little: boolean) => view.setUint32(at, value, little),
  ],
  int64: [
    1024,
    64,
    (view: DataView, at: number, value: number, little: boolean) =>
      view.setBigInt64(at, BigInt(value), little),
  ],
  uint64: [
    1280,
    64,
    (view: DataView, at: number, value: number, little: boolean) =>
      view.setBigUint64(at, BigInt(value), little),
  ],
} as const;

export interface NiftiSpec {
  /** x, y, z, …. */
  readonly dim: readonly number[];
  /** Stored values, x fastest; counting up from 0 if left out. */
  readonly values?: ArrayLike<number>;
  readonly type?: keyof typeof DATATYPES;
  readonly version?: 1 | 2;
  readonly littleEndian?: boolean;
  /** Mm, x first; 1 if left out. */
  readonly pixdim?: readonly number[];
  readonly slope?: number;
  readonly intercept?: number;
  readonly qform?: {
    readonly code: number;
    readonly quaternion: readonly number[];
    readonly offset: readonly number[];
    readonly qfac?: number;
  };
  readonly sform?: { readonly code: number; readonly rows: readonly (readonly number[])[] };
  readonly units?: number;
  readonly description?: string;
  readonly intentCode?: number;
  readonly calMax?: number;
  /** Bytes between header and voxels, e.g. extensions; 4 zero bytes if left out. */
  readonly extension?: Uint8Array;
  /** Last word on `dim[0]`, for wrong headers. */
  readonly rank?: number;
  readonly magic?: string;
}

const IDENTITY_ROWS = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
];

function voxels({ dim, values, type = 'int16', littleEndian = true }: NiftiSpec): Uint8Array {
  const count = dim.reduce((product, size) => product * Math.max(size, 0), 1);
  const [, bits, write] = DATATYPES[type];
  const bytes = new Uint8Array((count * bits) / 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) write(view, (i * bits) / 8, values ? values[i] : i, littleEndian);
  return bytes;
}

/** Header of 348 or 540 bytes. */
export function niftiHeader(spec: NiftiSpec, isPair = false): Uint8Array {
  const { dim, type = 'int16', version = 1, littleEndian: little = true, slope = 0, intercept = 0 } = spec;
  const { qform, sform, units = 2, description = '', intentCode = 0, calMax = 0, rank = dim.length } = spec;
  const [code, bits] = DATATYPES[type];
  const bytes = new Uint8Array(version === 1 ? 348 : 540);
  const view = new DataView(bytes.buffer);
  const text = (value: string, at: number) => bytes.set(new TextEncoder().encode(value), at);
  const pixdim = [qform?.qfac ?? 1, ...Array.from({ length: 7 }, (_, i) => spec.pixdim?.[i] ?? 1)];
  const sizes = [rank, ...Array.from({ length: 7 }, (_, i) => dim[i] ?? 1)];
  const rows = (sform?.rows ?? IDENTITY_ROWS).flat();
  const quaternion = [...(qform?.quaternion ?? [0, 0, 0]), ...(qform?.offset ?? [0, 0, 0])];
  const voxOffset = isPair ? 0 : bytes.length + (spec.extension?.length ?? 4);
  view.setInt32(0, bytes.length, little);
  if (version === 1) {
    const floats = (values: readonly number[], at: number) =>
      values.forEach((value, i) => {
        view.setFloat32(at + 4 * i, value, little);
      });
    sizes.forEach((size, i) => {
      view.setInt16(40 + 2 * i, size, little);
    });
    view.setInt16(68, intentCode, little);
    view.setInt16(70, code, little);
    view.setInt16(72, bits, little);
    floats(pixdim, 76);
    floats([voxOffset, slope, intercept], 108);
    view.setUint8(123, units);
    floats([calMax, 0, 0, 0], 124);
    text(description, 148);
    view.setInt16(252, qform?.code ?? 0, little);
    view.setInt16(254, sform?.code ?? 0, little);
    floats(quaternion, 256);
    floats(rows, 280);
    text(spec.magic ?? (isPair ? 'ni1' : 'n+1'), 344);
  } else {
    const floats = (values: readonly number[], at: number) =>
      values.forEach((value, i) => {
        view.setFloat64(at + 8 * i, value, little);
      });
    text(spec.magic ?? `${isPair ? 'ni2' : 'n+2'}\0\r\n\x1a\n`, 4);
    view.setInt16(12, code, little);
    view.setInt16(14, bits, little);
    sizes.forEach((size, i) => {
      view.setBigInt64(16 + 8 * i, BigInt(size), little);
    });
    floats(pixdim, 104);
    view.setBigInt64(168, BigInt(voxOffset), little);
    floats([slope, intercept, calMax, 0, 0, 0], 176);
    text(description, 240);
    view.setInt32(344, qform?.code ?? 0, little);
    view.setInt32(348, sform?.code ?? 0, little);
    floats(quaternion, 352);
    floats(rows, 400);
    view.setInt32(500, units, little);
    view.setInt32(504, intentCode, little);
  }
  return bytes;
}

/** A whole `.nii` file. */
export function niftiFile(spec: NiftiSpec): Uint8Array<ArrayBuffer> {
  const parts = [niftiHeader(spec), spec.extension ?? new Uint8Array(4), voxels(spec)];
  const file = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** The two files of a pair. */
export function niftiPair(spec: NiftiSpec): { hdr: Uint8Array; img: Uint8Array } {
  return { hdr: niftiHeader(spec, true), img: voxels(spec) };
}
