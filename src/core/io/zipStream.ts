// Archives written file by file into whatever takes bytes at a place: of several GB, none of which is ever in memory.
// Entries are stored, as what goes in is packed already; zip64 where 32 bits do not hold a size or a place.
import { concatenate } from './compression';
import { crc32 } from './crc32';
import type { SourceFile } from './sourceFile';
import { contentPieces } from './zip';

/** A file of an archive, opened when its turn comes. */
export interface ZipPart {
  /** `/` between folders. */
  readonly path: string;
  /** To tell how far it is; a part made on the way may differ. */
  readonly sizeInBytes: number;
  open(): Promise<SourceFile>;
}

/** Takes bytes at a place, bytes from the start. Places come in order, but for headers that are written once more. */
export interface ZipSink {
  write(bytes: Uint8Array, position: number): Promise<void>;
}

export interface ZipStreamOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes written so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** From which size on zip64 is used; the format's own limit if left out. */
  readonly limit32?: number;
}

/** Read and written at once. */
const PIECE_BYTES = 4 * 2 ** 20;
const UINT16_FULL = 0xffff;
const UINT32_FULL = 0xffffffff;
/** 1 January 1980, the earliest date of the format: the same files give the same archive. */
const EPOCH_DATE = 0x0021;
const UTF8_NAMES = 0x0800;
const VERSION = 20;
const VERSION_ZIP64 = 45;
const ZIP64_EXTRA = 0x0001;
/** Without names. */
const LOCAL_HEADER_BYTES = 30;
const DIRECTORY_ENTRY_BYTES = 46;
const END_BYTES = 22;

interface Entry {
  readonly name: Uint8Array;
  readonly position: number;
  readonly size: number;
  readonly crc: number;
  readonly isLarge: boolean;
}

/** A part that is there already. */
export function zipPart(file: SourceFile, path: string = file.path): ZipPart {
  return { path, sizeInBytes: file.sizeInBytes, open: async () => file };
}

/** Bytes that an archive of these parts will have, where parts tell their sizes rightly and none needs zip64. */
export function zipSize(parts: readonly ZipPart[]): number {
  const headers = LOCAL_HEADER_BYTES + DIRECTORY_ENTRY_BYTES;
  const nameBytes = (path: string) => new TextEncoder().encode(path).length;
  return parts.reduce(
    (sum, { path, sizeInBytes }) => sum + sizeInBytes + headers + 2 * nameBytes(path),
    END_BYTES,
  );
}

/** Writes the archive; returns its size in bytes. Throws what reading a part, or the sink, throws. */
export async function streamZip(
  sink: ZipSink,
  parts: Iterable<ZipPart> | AsyncIterable<ZipPart>,
  { signal, onProgress, limit32 = UINT32_FULL }: ZipStreamOptions = {},
): Promise<number> {
  const entries: Entry[] = [];
  let position = 0;
  const append = async (bytes: Uint8Array) => {
    signal?.throwIfAborted();
    await sink.write(bytes, position);
    position += bytes.length;
    onProgress?.(position);
  };
  for await (const part of parts) {
    const file = await part.open();
    const name = new TextEncoder().encode(part.path);
    const start = position;
    const isLarge = file.sizeInBytes >= limit32;
    const blank = { name, position: start, size: 0, crc: 0, isLarge };
    await append(localHeader(blank));
    const dataStart = position;
    let crc = 0;
    for await (const piece of contentPieces(file, PIECE_BYTES)) {
      crc = crc32(piece, crc);
      await append(piece);
    }
    const entry = { ...blank, crc, size: position - dataStart };
    await sink.write(localHeader(entry), start);
    entries.push(entry);
  }
  const directoryStart = position;
  for (const entry of entries) await append(directoryEntry(entry, limit32));
  const directory = { start: directoryStart, size: position - directoryStart, entries: entries.length };
  await append(endOfDirectory(directory, position, limit32));
  return position;
}

/** Little-endian fields, `[bytes, value]` each. */
function fields(...all: readonly (readonly [2 | 4 | 8, number])[]): Uint8Array {
  const bytes = new Uint8Array(all.reduce((size, [width]) => size + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of all) {
    if (width === 2) view.setUint16(at, value, true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return bytes;
}

function localHeader({ name, size, crc, isLarge }: Entry): Uint8Array {
  const extra = isLarge ? fields([2, ZIP64_EXTRA], [2, 16], [8, size], [8, size]) : fields();
  const size32 = isLarge ? UINT32_FULL : size;
  return concatenate([
    fields(
      [4, 0x04034b50],
      [2, isLarge ? VERSION_ZIP64 : VERSION],
      [2, UTF8_NAMES],
      [2, 0],
      [2, 0],
      [2, EPOCH_DATE],
      [4, crc],
      [4, size32],
      [4, size32],
      [2, name.length],
      [2, extra.length],
    ),
    name,
    extra,
  ]);
}

function directoryEntry({ name, position, size, crc, isLarge }: Entry, limit32: number): Uint8Array {
  const isFar = position >= limit32;
  const large = [...(isLarge ? [size, size] : []), ...(isFar ? [position] : [])];
  const extra =
    large.length > 0
      ? fields(
          [2, ZIP64_EXTRA],
          [2, 8 * large.length],
          ...large.map((value): readonly [8, number] => [8, value]),
        )
      : fields();
  const version = large.length > 0 ? VERSION_ZIP64 : VERSION;
  const size32 = isLarge ? UINT32_FULL : size;
  return concatenate([
    fields(
      [4, 0x02014b50],
      [2, version],
      [2, version],
      [2, UTF8_NAMES],
      [2, 0],
      [2, 0],
      [2, EPOCH_DATE],
      [4, crc],
      [4, size32],
      [4, size32],
      [2, name.length],
      [2, extra.length],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, isFar ? UINT32_FULL : position],
    ),
    name,
    extra,
  ]);
}

interface Directory {
  readonly start: number;
  readonly size: number;
  readonly entries: number;
}

function endOfDirectory({ start, size, entries }: Directory, position: number, limit32: number): Uint8Array {
  const isLarge = start >= limit32 || size >= limit32 || entries >= UINT16_FULL;
  const end = fields(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, isLarge ? UINT16_FULL : entries],
    [2, isLarge ? UINT16_FULL : entries],
    [4, isLarge ? UINT32_FULL : size],
    [4, isLarge ? UINT32_FULL : start],
    [2, 0],
  );
  if (!isLarge) return end;
  const record = fields(
    [4, 0x06064b50],
    [8, 44],
    [2, VERSION_ZIP64],
    [2, VERSION_ZIP64],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, size],
    [8, start],
  );
  const locator = fields([4, 0x07064b50], [4, 0], [8, position], [4, 1]);
  return concatenate([record, locator, end]);
}
