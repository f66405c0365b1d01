import { StudioError } from '@/shared/errors';
import { compress, concatenate, transformed } from './compression';
import type { SourceFile } from './sourceFile';
import { GzipError, inflateGzip, isGzip } from './zlib';

/** How much of a file is read at once. */
const SLICE_BYTES = 4 << 20;

async function* slicesOf(file: SourceFile): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < file.sizeInBytes; start += SLICE_BYTES) {
    yield await file.slice(start, Math.min(start + SLICE_BYTES, file.sizeInBytes));
  }
}

function asStudioError(error: unknown, path: string): unknown {
  if (!(error instanceof GzipError)) return error;
  const { kind, readBytes, inflatedBytes } = error;
  return kind === 'truncated'
    ? new StudioError(
        'TruncatedFile',
        `${path} is incomplete: its gzip stream breaks off after ${readBytes} bytes, which hold ${inflatedBytes} bytes of content.`,
        'Copy or download the file again.',
        { cause: error },
      )
    : new StudioError(
        'CorruptFile',
        `${path} is damaged: its gzip stream is wrong at byte ${readBytes}, after ${inflatedBytes} bytes of content.`,
        'Copy or download the file again.',
        { cause: error },
      );
}

/**
 * Gunzips a file in pieces, several members one behind the other, bytes behind the last member ignored. The platform
 * inflates; where it gives up, zlib in JavaScript continues from there and finds the reason if there is one.
 */
async function* gunzipPieces(file: SourceFile): AsyncGenerator<Uint8Array> {
  let delivered = 0;
  try {
    for await (const piece of transformed(slicesOf(file), new DecompressionStream('gzip'))) {
      delivered += piece.length;
      yield piece;
    }
    return;
  } catch {
    // zlib in JavaScript tells what is wrong, if anything is.
  }
  try {
    let skipped = 0;
    for (const piece of inflateGzip(await file.bytes())) {
      const known = Math.min(piece.length, delivered - skipped);
      skipped += known;
      if (known < piece.length) yield piece.subarray(known);
    }
  } catch (error) {
    throw asStudioError(error, file.path);
  }
}

/** The content of a file in pieces, gunzipped if it is gzipped, whatever its name says. */
export async function* contentPieces(file: SourceFile): AsyncGenerator<Uint8Array> {
  if (isGzip(await file.slice(0, 3))) yield* gunzipPieces(file);
  else yield* slicesOf(file);
}

/** How the data part of a file is packed. */
export type Packing = 'none' | 'gzip' | 'zlib';

/** The content of a file whose packing its header tells. zlib's own errors do not say where they are. */
export async function* unpackedPieces(file: SourceFile, packing: Packing): AsyncGenerator<Uint8Array> {
  if (packing === 'none') yield* slicesOf(file);
  else if (packing === 'gzip') yield* gunzipPieces(file);
  else {
    try {
      yield* transformed(slicesOf(file), new DecompressionStream('deflate'));
    } catch (error) {
      throw new StudioError(
        'CorruptFile',
        `${file.path} is damaged: its zlib stream cannot be unpacked.`,
        'Copy or download the file again.',
        { cause: error },
      );
    }
  }
}

/** The first `count` bytes of the content, fewer if there are no more. Reads no further than it must. */
export async function contentStart(file: SourceFile, count: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of contentPieces(file)) {
    pieces.push(piece);
    size += piece.length;
    if (size >= count) break;
  }
  return concatenate(pieces).subarray(0, count);
}

/** Gzips pieces behind one another into one member. */
export async function gzip(...pieces: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  return compress(pieces, 'gzip');
}
