// The writer of zip archives: file by file into whatever takes bytes at a position, so that an archive of several GB is
// never in memory, or at once from memory (`writeZip`). The same files give the same archive; zip64 where 32 bits do not
// hold a size or a position. Ours, not a library's: fflate writes no zip64, and `@zip.js/zip.js` adds 210 kB and cannot write
// without `await`, which checkpoints (written as they were at one moment) rely on.
import { StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import { concatenate, transformed } from './compression';
import { crc32 } from './crc32';
import type { SourceFile } from './sourceFile';
import { contentPieces } from './zip';
import { rawDeflate } from './zlib';

/** A file of an archive, opened when its turn comes. */
export interface ZipPart {
  /** `/` between folders. */
  readonly path: string;
  /** To tell how far it is; a part made on the way may differ. */
  readonly sizeInBytes: number;
  /** Deflate it; stored otherwise, as most of what goes in is packed already. */
  readonly isCompressed?: boolean;
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
const STORED = 0;
const DEFLATED = 8;
/** Deflate makes incompressible data this much larger at most. */
const DEFLATE_GROWTH = 1.001;
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
  readonly method: typeof STORED | typeof DEFLATED;
  /** Of the content. */
  readonly size: number;
  /** Of what is in the archive. */
  readonly packedSize: number;
  readonly crc: number;
  readonly isLarge: boolean;
}

/** A part that is there already. */
export function zipPart(file: SourceFile, path: string = file.path): ZipPart {
  return { path, sizeInBytes: file.sizeInBytes, open: async () => file };
}

/** Bytes that an archive of these parts will have, where parts tell their sizes rightly, none is compressed or needs zip64. */
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
    const isLarge = file.sizeInBytes * DEFLATE_GROWTH >= limit32;
    const method = part.isCompressed ? DEFLATED : STORED;
    const blank: Entry = { name, position: start, method, size: 0, packedSize: 0, crc: 0, isLarge };
    await append(localHeader(blank));
    const dataStart = position;
    let size = 0;
    let crc = 0;
    async function* content() {
      for await (const piece of contentPieces(file, PIECE_BYTES)) {
        size += piece.length;
        crc = crc32(piece, crc);
        yield piece;
      }
    }
    const packed = part.isCompressed
      ? transformed(content(), new CompressionStream('deflate-raw'))
      : content();
    for await (const piece of packed) await append(piece);
    const entry = { ...blank, size, packedSize: position - dataStart, crc };
    await sink.write(localHeader(entry), start);
    entries.push(entry);
  }
  for (const piece of directoryPieces(entries, position, limit32)) await append(piece);
  return position;
}

/** What goes into an archive in memory. */
export interface ZipSource {
  readonly path: string;
  readonly content: Uint8Array;
  /** Deflate it; stored otherwise. */
  readonly isCompressed?: boolean;
}

/** An archive of less than 4 GB in memory. Throws `ZipTooLarge`. */
export function writeZip(sources: readonly ZipSource[]): Uint8Array<ArrayBuffer> {
  const total = sources.reduce((sum, { content }) => sum + content.length, 0);
  if (total >= UINT32_FULL) {
    throw new StudioError(
      'ZipTooLarge',
      `A zip of ${formatBytes(total)} would need more than 4 GB.`,
      'Save it in parts.',
    );
  }
  const entries: Entry[] = [];
  const pieces: Uint8Array[] = [];
  let position = 0;
  for (const { path, content, isCompressed } of sources) {
    const packed = isCompressed ? rawDeflate(content) : content;
    const entry: Entry = {
      name: new TextEncoder().encode(path),
      position,
      method: isCompressed ? DEFLATED : STORED,
      size: content.length,
      packedSize: packed.length,
      crc: crc32(content),
      isLarge: false,
    };
    const header = localHeader(entry);
    pieces.push(header, packed);
    position += header.length + packed.length;
    entries.push(entry);
  }
  return concatenate([...pieces, ...directoryPieces(entries, position)]);
}

/** Takes an archive in memory, piece by piece. */
export class MemorySink implements ZipSink {
  private readonly pieces = new Map<number, Uint8Array<ArrayBuffer>>();

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.pieces.set(position, bytes.slice());
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return concatenate(this.inOrder());
  }

  /** The archive as a file to save, its pieces never joined in memory. */
  blob(): Blob {
    return new Blob([...this.inOrder()], { type: 'application/zip' });
  }

  /** What was written. A header that was written again is there once. */
  private inOrder(): readonly Uint8Array<ArrayBuffer>[] {
    return [...this.pieces]
      .filter(([, { length }]) => length > 0)
      .sort(([a], [b]) => a - b)
      .map(([, piece]) => piece);
  }
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

function localHeader({ name, method, size, packedSize, crc, isLarge }: Entry): Uint8Array {
  const extra = isLarge ? fields([2, ZIP64_EXTRA], [2, 16], [8, size], [8, packedSize]) : fields();
  return concatenate([
    fields(
      [4, 0x04034b50],
      [2, isLarge ? VERSION_ZIP64 : VERSION],
      [2, UTF8_NAMES],
      [2, method],
      [2, 0],
      [2, EPOCH_DATE],
      [4, crc],
      [4, isLarge ? UINT32_FULL : packedSize],
      [4, isLarge ? UINT32_FULL : size],
      [2, name.length],
      [2, extra.length],
    ),
    name,
    extra,
  ]);
}

/** The table of contents, which lies at `position`, and the end of the archive. */
function directoryPieces(
  entries: readonly Entry[],
  position: number,
  limit32 = UINT32_FULL,
): readonly Uint8Array[] {
  const listed = entries.map((entry) => directoryEntry(entry, limit32));
  const size = listed.reduce((sum, { length }) => sum + length, 0);
  const directory = { start: position, size, entries: entries.length };
  return [...listed, endOfDirectory(directory, position + size, limit32)];
}

function directoryEntry(entry: Entry, limit32: number): Uint8Array {
  const { name, position, method, size, packedSize, crc, isLarge } = entry;
  const isFar = position >= limit32;
  const large = [...(isLarge ? [size, packedSize] : []), ...(isFar ? [position] : [])];
  const extra =
    large.length > 0
      ? fields(
          [2, ZIP64_EXTRA],
          [2, 8 * large.length],
          ...large.map((value): readonly [8, number] => [8, value]),
        )
      : fields();
  const version = large.length > 0 ? VERSION_ZIP64 : VERSION;
  return concatenate([
    fields(
      [4, 0x02014b50],
      [2, version],
      [2, version],
      [2, UTF8_NAMES],
      [2, method],
      [2, 0],
      [2, EPOCH_DATE],
      [4, crc],
      [4, isLarge ? UINT32_FULL : packedSize],
      [4, isLarge ? UINT32_FULL : size],
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
