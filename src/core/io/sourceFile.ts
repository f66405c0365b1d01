/**
 * A file someone gave us, wherever it lives: dropped in the browser, on disk under Node, or an entry of a zip.
 * Readers take these and never know the difference.
 */
export interface SourceFile {
  /** Path below what was dropped or named, `/` between folders; just the name for a single file. */
  readonly path: string;
  readonly sizeInBytes: number;
  /** The file beside it that tells what it does not: `{case}.json` with the voxel size of a TIFF stack. */
  readonly sideCar?: SourceFile;
  /** What another thread opens it by: a blob, or its location on disk. Without one its bytes have to travel. */
  readonly origin?: Blob | string;
  /** The whole content. */
  bytes(): Promise<Uint8Array>;
  /** Bytes `[start, end)`, without reading the rest where the source allows it. */
  slice(start: number, end: number): Promise<Uint8Array>;
}

/** Last part of the path. */
export function fileName(file: Pick<SourceFile, 'path'>): string {
  return file.path.slice(file.path.lastIndexOf('/') + 1);
}

/** The whole content as UTF-8 text. */
export async function readText(file: Pick<SourceFile, 'bytes'>): Promise<string> {
  return new TextDecoder().decode(await file.bytes());
}

/** A `File` or `Blob` of the browser. */
export function browserFile(blob: Blob, path: string): SourceFile {
  return {
    path,
    sizeInBytes: blob.size,
    origin: blob,
    bytes: async () => new Uint8Array(await blob.arrayBuffer()),
    slice: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
  };
}

/** Bytes already in memory. */
export function memoryFile(content: Uint8Array, path: string): SourceFile {
  return {
    path,
    sizeInBytes: content.byteLength,
    bytes: async () => content,
    slice: async (start, end) => content.subarray(start, end),
  };
}

/** A text in memory, UTF-8. */
export function textFile(text: string, path: string): SourceFile {
  return memoryFile(new TextEncoder().encode(text), path);
}

/** Pieces in memory, one behind the other, that are not put together. */
export function piecewiseFile(pieces: readonly Uint8Array[], path: string): SourceFile {
  const sizeInBytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const slice = async (start: number, end: number) => {
    const stop = Math.min(end, sizeInBytes);
    const joined = new Uint8Array(Math.max(0, stop - start));
    let offset = 0;
    for (const piece of pieces) {
      const [from, to] = [Math.max(start, offset), Math.min(stop, offset + piece.byteLength)];
      if (from < to) joined.set(piece.subarray(from - offset, to - offset), from - start);
      offset += piece.byteLength;
    }
    return joined;
  };
  return { path, sizeInBytes, slice, bytes: () => slice(0, sizeInBytes) };
}

/** Bytes `[start, end)` of a file as a file of the same path. */
export function partOf(file: SourceFile, start: number, end: number): SourceFile {
  return {
    path: file.path,
    sizeInBytes: end - start,
    bytes: () => file.slice(start, end),
    slice: (from, to) => file.slice(start + from, Math.min(start + to, end)),
  };
}
