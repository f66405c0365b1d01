// numpy's .npy and .npz files. Numbers wider than a JavaScript number can hold exactly are refused, not rounded.
// Ours, as npyjs (1.2.0) reads whole `.npy` files only: no `.npz`, no array in pieces, no writing.
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { fromFloat16Bits } from '@/shared/numeric';
import { concatenate } from './compression';
import { memoryFile, piecewiseFile, type SourceFile } from './sourceFile';
import { openZip } from './zip';
import { MemorySink, streamZip, zipPart } from './zipStream';

/** Element types of the arrays we write, and the views they are held in. */
export type NpyData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** A numpy array, row-major. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** numpy's type string without byte order: `f4`, `i8`, `b1`, …. */
  readonly dtype: string;
  /** `b1` as 0 and 1 in a `Uint8Array`, `f2` as `Float32Array`, `i8` and `u8` as `Float64Array`. */
  readonly data: NpyData;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** numpy aligns the data to this many bytes. */
const ALIGNMENT = 64;

function bad(what: string): StudioError {
  return new StudioError(
    'BadNpy',
    `The numpy file ${what}.`,
    'Save it again with numpy.save or numpy.savez.',
  );
}

interface NpyHeader {
  readonly dtype: string;
  readonly isBigEndian: boolean;
  readonly isFortran: boolean;
  readonly shape: readonly number[];
  readonly dataStart: number;
}

/** Reads the header: magic, version, length, and a Python dictionary with three known keys. */
function parseHeader(bytes: Uint8Array): NpyHeader {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw bad('does not start with the .npy magic');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLongHeader = bytes[6] >= 2;
  const headerStart = isLongHeader ? 12 : 10;
  const dataStart = headerStart + (isLongHeader ? view.getUint32(8, true) : view.getUint16(8, true));
  if (dataStart > bytes.length) throw bad('ends within its header');
  const text = new TextDecoder().decode(bytes.subarray(headerStart, dataStart));
  const descr = /'descr'\s*:\s*'([<>|=]?)([a-z]\d+)'/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shape = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(text);
  if (!descr || !order || !shape) throw bad(`has a header that is not a plain array's: ${text.trim()}`);
  return {
    dtype: descr[2],
    isBigEndian: descr[1] === '>',
    isFortran: order[1] === 'True',
    shape: shape[1].split(',').flatMap((size) => (size.trim() ? [Number.parseInt(size, 10)] : [])),
    dataStart,
  };
}

type Read = (view: DataView, at: number, littleEndian: boolean) => number;

function safeInteger(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw bad(`has the value ${value}, beyond ±2^53`);
  return number;
}

/** Per numpy type: the view its elements are held in and how one is read. */
const ELEMENT_TYPES: Readonly<
  Record<string, { make: (length: number) => NpyData; bytes: number; read: Read }>
> = {
  b1: { make: (n) => new Uint8Array(n), bytes: 1, read: (view, at) => view.getUint8(at) },
  u1: { make: (n) => new Uint8Array(n), bytes: 1, read: (view, at) => view.getUint8(at) },
  i1: { make: (n) => new Int8Array(n), bytes: 1, read: (view, at) => view.getInt8(at) },
  u2: { make: (n) => new Uint16Array(n), bytes: 2, read: (view, at, le) => view.getUint16(at, le) },
  i2: { make: (n) => new Int16Array(n), bytes: 2, read: (view, at, le) => view.getInt16(at, le) },
  u4: { make: (n) => new Uint32Array(n), bytes: 4, read: (view, at, le) => view.getUint32(at, le) },
  i4: { make: (n) => new Int32Array(n), bytes: 4, read: (view, at, le) => view.getInt32(at, le) },
  u8: {
    make: (n) => new Float64Array(n),
    bytes: 8,
    read: (view, at, le) => safeInteger(view.getBigUint64(at, le)),
  },
  i8: {
    make: (n) => new Float64Array(n),
    bytes: 8,
    read: (view, at, le) => safeInteger(view.getBigInt64(at, le)),
  },
  f2: {
    make: (n) => new Float32Array(n),
    bytes: 2,
    read: (view, at, le) => fromFloat16Bits(view.getUint16(at, le)),
  },
  f4: { make: (n) => new Float32Array(n), bytes: 4, read: (view, at, le) => view.getFloat32(at, le) },
  f8: { make: (n) => new Float64Array(n), bytes: 8, read: (view, at, le) => view.getFloat64(at, le) },
};

/** Column-major to row-major. */
function toRowMajor(data: NpyData, shape: readonly number[], target: NpyData): NpyData {
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)));
  for (let i = 0; i < data.length; i++) {
    target[i] = data[index.reduce((sum, value, axis) => sum + value * strides[axis], 0)];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return target;
}

/** What the header of a `.npy` file says of the elements behind it. */
export interface NpyLayout {
  readonly shape: readonly number[];
  /** As of {@link NpyArray}. */
  readonly dtype: string;
  /** Whether elements lie as this machine has them in memory, row by row. */
  readonly isPlain: boolean;
  /** Of the first element, bytes. */
  readonly dataStart: number;
}

/** numpy's headers are shorter. */
const MAX_HEADER_BYTES = 4096;

/** Reads the header alone, so that parts of the array can be read from the file. */
export async function readNpyLayout(file: SourceFile): Promise<NpyLayout> {
  const bytes = await file.slice(0, Math.min(MAX_HEADER_BYTES, file.sizeInBytes));
  const { shape, dtype, isBigEndian, isFortran, dataStart } = parseHeader(bytes);
  return { shape, dtype, dataStart, isPlain: !isBigEndian && !isFortran };
}

/** Reads a `.npy` file. */
export function readNpy(bytes: Uint8Array): NpyArray {
  const { dtype, isBigEndian, isFortran, shape, dataStart } = parseHeader(bytes);
  const type = ELEMENT_TYPES[dtype];
  if (!type) throw bad(`has elements of type ${dtype}, which is not a plain number of at most 64 bits`);
  const count = elementCount(shape);
  const dataEnd = dataStart + count * type.bytes;
  if (dataEnd > bytes.length) {
    throw bad(`promises ${count * type.bytes} bytes of data and holds ${bytes.length - dataStart}`);
  }
  const data = type.make(count);
  if (data.BYTES_PER_ELEMENT === type.bytes && !/[iu]8/.test(dtype) && (!isBigEndian || type.bytes === 1)) {
    new Uint8Array(data.buffer).set(bytes.subarray(dataStart, dataEnd));
  } else {
    const view = new DataView(bytes.buffer, bytes.byteOffset + dataStart, count * type.bytes);
    for (let i = 0; i < count; i++) data[i] = type.read(view, i * type.bytes, !isBigEndian);
  }
  return {
    shape,
    dtype,
    data: isFortran && shape.length > 1 ? toRowMajor(data, shape, type.make(count)) : data,
  };
}

/** Reads all arrays of a `.npz` file, by their names without `.npy`. */
export async function readNpz(bytes: Uint8Array): Promise<Map<string, NpyArray>> {
  const arrays = new Map<string, NpyArray>();
  for (const entry of await openZip(memoryFile(bytes, 'npz'), { maxRatio: Number.POSITIVE_INFINITY })) {
    if (!entry.path.endsWith('.npy')) continue;
    arrays.set(entry.path.slice(0, -'.npy'.length), readNpy(await entry.bytes()));
  }
  return arrays;
}

/** Takes the values of an array in order; `start` is the index of the first of them. */
export type TakeValues = (values: Float32Array, start: number) => void;

/**
 * Hands the values of one array of a `.npz` on, float32, as they are unpacked: an array of f4, as probabilities are, is
 * never whole in memory. `begin` is told the shape, and says who takes them. Resolves with false where there is no such
 * array. Throws `BadZip`, `BadNpy`.
 */
export async function visitNpzArray(
  file: SourceFile,
  name: string,
  begin: (shape: readonly number[]) => TakeValues,
): Promise<boolean> {
  const entries = await openZip(file, { maxRatio: Number.POSITIVE_INFINITY });
  const entry = entries.find(({ path }) => path === `${name}.npy`);
  if (!entry) return false;
  let head = new Uint8Array();
  let take: TakeValues | undefined;
  let taken = 0;
  for await (const piece of entry.pieces()) {
    const bytes = concatenate([head, piece]);
    const header = take ? undefined : headerIfWhole(bytes);
    if (header && !isPlainF4(header)) return visitWhole(readNpy(await entry.bytes()), begin);
    if (header) take = begin(header.shape);
    const start = header?.dataStart ?? 0;
    const count = take ? Math.floor((bytes.length - start) / 4) : 0;
    const end = start + 4 * count;
    if (take && count > 0) take(new Float32Array(bytes.slice(start, end).buffer), taken);
    taken += count;
    head = bytes.slice(end);
  }
  if (!take) throw bad('ends within its header');
  return true;
}

/** Little-endian rows of float32, as this machine has them. */
function isPlainF4({ dtype, isBigEndian, isFortran }: NpyHeader): boolean {
  return dtype === 'f4' && !isBigEndian && !isFortran;
}

/** The header, once all of it is there. */
function headerIfWhole(bytes: Uint8Array): NpyHeader | undefined {
  if (bytes.length < 12) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes[6] >= 2 ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true);
  return end > bytes.length && end <= MAX_HEADER_BYTES ? undefined : parseHeader(bytes);
}

function visitWhole({ shape, data }: NpyArray, begin: (shape: readonly number[]) => TakeValues): boolean {
  begin(shape)(data instanceof Float32Array ? data : Float32Array.from(data), 0);
  return true;
}

/** numpy's type string of a typed array, without byte order. */
export function dtypeOf(data: NpyData): string {
  const kind =
    data instanceof Float32Array || data instanceof Float64Array
      ? 'f'
      : /^Uint/.test(data.constructor.name)
        ? 'u'
        : 'i';
  return `${kind}${data.BYTES_PER_ELEMENT}`;
}

/** Header and data of a `.npy` file, the data as a view of the array itself. */
function npyPieces({ shape, data }: Pick<NpyArray, 'shape' | 'data'>): readonly Uint8Array[] {
  if (elementCount(shape) !== data.length)
    throw new Error(`writeNpy: shape [${shape}] does not hold ${data.length} values`);
  const dtype = dtypeOf(data);
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${data.BYTES_PER_ELEMENT === 1 ? '|' : '<'}${dtype}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const headerLength = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = new Uint8Array(headerLength).fill(0x20);
  header.set([...MAGIC, 1, 0, (headerLength - 10) & 0xff, (headerLength - 10) >> 8]);
  header.set(new TextEncoder().encode(text), 10);
  header[headerLength - 1] = 0x0a;
  return [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
}

/** A `.npy` file, version 1.0, little-endian, row-major. */
export function writeNpy(array: Pick<NpyArray, 'shape' | 'data'>): Uint8Array {
  const [header, data] = npyPieces(array);
  const file = new Uint8Array(header.length + data.length);
  file.set(header);
  file.set(data, header.length);
  return file;
}

/** A `.npz` file, deflated, as `numpy.savez_compressed` writes it. */
export async function writeNpz(
  arrays: Readonly<Record<string, Pick<NpyArray, 'shape' | 'data'>>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts = Object.entries(arrays).map(([name, array]) => ({
    ...zipPart(piecewiseFile(npyPieces(array), `${name}.npy`)),
    isCompressed: true,
  }));
  const sink = new MemorySink();
  await streamZip(sink, parts);
  return sink.bytes();
}
