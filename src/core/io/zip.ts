// Zip archives held in memory: entries by the central directory (numpy's local headers carry zip64 placeholders
// instead of sizes), stored or deflated, zip64 sizes; and a writer for small sets of entries.
import { StudioError } from '@/shared/errors';
import { compress, concatenate, MAX_DEFLATE_RATIO, piecesOf, transformed } from './compression';
import { crc32 } from './crc32';

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const ZIP64_END_LOCATOR = 0x07064b50;
const ZIP64_END_OF_DIRECTORY = 0x06064b50;
const ZIP64_EXTRA_FIELD = 1;
const UINT32_MAX = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;

/** An entry as the central directory lists it. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
}

function damaged(what: string): StudioError {
  return new StudioError('BadZip', what, 'The archive is damaged or incomplete; copy or download it again.');
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the central directory starts and how many entries it has. */
function findDirectory(view: DataView): { offset: number; count: number } {
  const lowest = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= lowest; at--) {
    if (view.getUint32(at, true) !== END_OF_DIRECTORY) continue;
    const locator = at - 20;
    if (locator >= 0 && view.getUint32(locator, true) === ZIP64_END_LOCATOR) {
      const end = Number(view.getBigUint64(locator + 8, true));
      if (end + 56 > view.byteLength || view.getUint32(end, true) !== ZIP64_END_OF_DIRECTORY) {
        throw damaged('The zip64 directory is not where the archive says it is.');
      }
      return {
        offset: Number(view.getBigUint64(end + 48, true)),
        count: Number(view.getBigUint64(end + 32, true)),
      };
    }
    return { offset: view.getUint32(at + 16, true), count: view.getUint16(at + 10, true) };
  }
  throw damaged('The zip archive has no central directory.');
}

/** Sizes and offset of a directory record at `at`, with zip64 values where the 32-bit fields are full. */
function sizesOf(view: DataView, at: number): { size: number; compressedSize: number; headerOffset: number } {
  let compressedSize = view.getUint32(at + 20, true);
  let size = view.getUint32(at + 24, true);
  let headerOffset = view.getUint32(at + 42, true);
  const extraStart = at + 46 + view.getUint16(at + 28, true);
  const extraEnd = extraStart + view.getUint16(at + 30, true);
  for (let field = extraStart; field + 4 <= extraEnd; field += 4 + view.getUint16(field + 2, true)) {
    if (view.getUint16(field, true) !== ZIP64_EXTRA_FIELD) continue;
    let next = field + 4;
    const take = () => {
      next += 8;
      return Number(view.getBigUint64(next - 8, true));
    };
    if (size === UINT32_MAX) size = take();
    if (compressedSize === UINT32_MAX) compressedSize = take();
    if (headerOffset === UINT32_MAX) headerOffset = take();
  }
  return { size, compressedSize, headerOffset };
}

/** The entries of an archive, in directory order. */
export function zipEntries(bytes: Uint8Array): readonly ZipEntry[] {
  const view = viewOf(bytes);
  if (bytes.length < 22) throw damaged('The zip archive is shorter than an empty one.');
  try {
    const directory = findDirectory(view);
    const entries: ZipEntry[] = [];
    let at = directory.offset;
    for (let i = 0; i < directory.count; i++) {
      if (view.getUint32(at, true) !== CENTRAL_HEADER)
        throw damaged(`Entry ${i} of the zip directory is unreadable.`);
      const nameLength = view.getUint16(at + 28, true);
      entries.push({
        name: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength)),
        method: view.getUint16(at + 10, true),
        crc: view.getUint32(at + 16, true),
        ...sizesOf(view, at),
      });
      at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    }
    return entries;
  } catch (error) {
    if (error instanceof RangeError) throw damaged('The zip directory points outside the archive.');
    throw error;
  }
}

/** The bytes of one entry as they lie in the archive. */
function storedBytes(archive: Uint8Array, entry: ZipEntry): Uint8Array {
  const view = viewOf(archive);
  const at = entry.headerOffset;
  if (at + 30 > archive.length || view.getUint32(at, true) !== LOCAL_HEADER) {
    throw damaged(`${entry.name} is not where the zip directory says it is.`);
  }
  const start = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
  const end = start + entry.compressedSize;
  if (end > archive.length) throw damaged(`${entry.name} ends beyond the end of the zip archive.`);
  return archive.subarray(start, end);
}

/** Inflates into exactly `size` bytes; never holds more, whatever the stream goes on to produce. */
async function inflateExactly(deflated: Uint8Array, size: number, name: string): Promise<Uint8Array> {
  if (size > (deflated.length + 64) * MAX_DEFLATE_RATIO)
    throw damaged(`${name} claims more bytes than it can hold.`);
  const content = new Uint8Array(size);
  let filled = 0;
  const inflater = new DecompressionStream('deflate-raw');
  for await (const piece of transformed(piecesOf(deflated), inflater)) {
    if (filled + piece.length > size)
      throw damaged(`${name} inflates to more than the ${size} bytes it declares.`);
    content.set(piece, filled);
    filled += piece.length;
  }
  if (filled !== size) throw damaged(`${name} holds ${filled} bytes but declares ${size}.`);
  return content;
}

/** The content of one entry, its checksum verified. */
export async function readZipEntry(archive: Uint8Array, entry: ZipEntry): Promise<Uint8Array> {
  const stored = storedBytes(archive, entry);
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw new StudioError(
      'BadZip',
      `${entry.name} uses zip compression method ${entry.method}.`,
      'Zip it again with deflate.',
    );
  }
  const content =
    entry.method === STORED
      ? stored
      : await inflateExactly(stored, entry.size, entry.name).catch((error: unknown) => {
          if (error instanceof StudioError) throw error;
          throw new StudioError(
            'BadZip',
            `${entry.name} cannot be inflated.`,
            'The archive is damaged; copy it again.',
            { cause: error },
          );
        });
  if (crc32(content) !== entry.crc) throw damaged(`${entry.name} fails its checksum.`);
  return content;
}

/** Little-endian fields, `[bytes, value]` each. */
function record(fields: readonly (readonly [2 | 4, number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((size, [width]) => size + width, 0));
  const view = viewOf(bytes);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  return bytes;
}

/** What a zip entry is made of: its pieces are written one behind the other. */
export interface ZipSource {
  readonly name: string;
  readonly pieces: readonly Uint8Array[];
}

/** 1 January 1980, the earliest date of the format: the same content gives the same archive. */
const ZIP_EPOCH_DATE = 0x0021;
/** File names are UTF-8. */
const UTF8_FLAG = 0x0800;

/** A zip archive with deflated entries. Its parts must stay below 4 GiB. */
export async function writeZip(sources: readonly ZipSource[]): Promise<Uint8Array<ArrayBuffer>> {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const { name, pieces } of sources) {
    const encodedName = new TextEncoder().encode(name);
    const deflated = await compress(pieces, 'deflate-raw');
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (Math.max(size, offset + deflated.length) >= UINT32_MAX) {
      throw new StudioError(
        'ZipTooLarge',
        `${name} does not fit into a zip archive of 4 GiB.`,
        'Save it in parts.',
      );
    }
    const common: (readonly [2 | 4, number])[] = [
      [2, 20],
      [2, UTF8_FLAG],
      [2, DEFLATED],
      [2, 0],
      [2, ZIP_EPOCH_DATE],
      [4, pieces.reduce((crc, piece) => crc32(piece, crc), 0)],
      [4, deflated.length],
      [4, size],
      [2, encodedName.length],
      [2, 0],
    ];
    local.push(record([[4, LOCAL_HEADER], ...common]), encodedName, deflated);
    central.push(
      record([[4, CENTRAL_HEADER], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]),
      encodedName,
    );
    offset += 30 + encodedName.length + deflated.length;
  }
  const directorySize = central.reduce((sum, piece) => sum + piece.length, 0);
  const end = record([
    [4, END_OF_DIRECTORY],
    [2, 0],
    [2, 0],
    [2, sources.length],
    [2, sources.length],
    [4, directorySize],
    [4, offset],
    [2, 0],
  ]);
  return concatenate([...local, ...central, end]);
}
