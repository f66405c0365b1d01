// zlib in JavaScript (pako), for what the platform's streams cannot do. Browsers refuse a gzip file with a second member or
// with bytes after the last one, and no platform says where a stream breaks or unpacks synchronously into given memory.
// Slower than the platform's zlib, so ordinary files take `compression.ts`.
import {
  deflate,
  deflateRaw,
  Z_FINISH,
  Z_NO_FLUSH,
  Z_STREAM_END,
  ZStream,
  zlibInflate,
  zlibInflateInit2,
  zlibInflateReset,
} from 'pako';

/** How a gzip stream is broken. The first `readBytes` of the file are good and hold `inflatedBytes` of content. */
export class GzipError extends Error {
  readonly kind: 'truncated' | 'corrupt';
  readonly readBytes: number;
  readonly inflatedBytes: number;
  constructor(kind: 'truncated' | 'corrupt', readBytes: number, inflatedBytes: number) {
    super(`gzip stream ${kind} at byte ${readBytes}`);
    this.kind = kind;
    this.readBytes = readBytes;
    this.inflatedBytes = inflatedBytes;
  }
}

/** True if the bytes start a gzip member with deflate, the only method of the format. */
export function isGzip(bytes: Uint8Array, at = 0): boolean {
  return bytes[at] === 0x1f && bytes[at + 1] === 0x8b && bytes[at + 2] === 8;
}

/** Largest window of deflate, as zlib's `windowBits`; 16 more selects gzip's header in place of zlib's. */
const WINDOW_BITS = 15;
const GZIP_WINDOW_BITS = WINDOW_BITS + 16;
const PIECE_BYTES = 1 << 20;

/**
 * The content of a gzip file in pieces: all its members in order, bytes after the last one ignored. Throws
 * {@link GzipError} where the stream breaks off or fails a checksum.
 */
export function* inflateGzip(bytes: Uint8Array): Generator<Uint8Array> {
  const stream = new ZStream();
  stream.input = bytes;
  stream.avail_in = bytes.length;
  let inflatedBytes = 0;
  do {
    zlibInflateInit2(stream, GZIP_WINDOW_BITS);
    for (let status = 0; status !== Z_STREAM_END; ) {
      stream.output = new Uint8Array(PIECE_BYTES);
      stream.next_out = 0;
      stream.avail_out = PIECE_BYTES;
      status = zlibInflate(stream, Z_NO_FLUSH);
      inflatedBytes += stream.next_out;
      if (stream.next_out > 0) yield stream.output.subarray(0, stream.next_out);
      const hasStopped = status !== Z_STREAM_END && stream.avail_out > 0;
      if (!hasStopped && status >= 0) continue;
      const kind = stream.avail_in === 0 && stream.msg === '' ? 'truncated' : 'corrupt';
      throw new GzipError(kind, stream.next_in, inflatedBytes);
    }
  } while (isGzip(bytes, stream.next_in));
}

const NO_BYTES = new Uint8Array();
/** Its tables serve one stream after the other. */
let sharedStream: ZStream | undefined;

/** Unpacks a zlib stream into `target`. False where the stream is damaged or does not fill `target` exactly. */
export function unzlibInto(bytes: Uint8Array, target: Uint8Array): boolean {
  if (!sharedStream) {
    sharedStream = new ZStream();
    zlibInflateInit2(sharedStream, WINDOW_BITS);
  }
  const stream = sharedStream;
  zlibInflateReset(stream);
  Object.assign(stream, { input: bytes, next_in: 0, avail_in: bytes.length });
  Object.assign(stream, { output: target, next_out: 0, avail_out: target.length });
  const status = zlibInflate(stream, Z_FINISH);
  Object.assign(stream, { input: NO_BYTES, output: NO_BYTES });
  return status === Z_STREAM_END && stream.avail_out === 0;
}

/** The bytes as a zlib stream. `level`: 0 (stored) to 9 (smallest). */
export function zlibStream(bytes: Uint8Array, level: number): Uint8Array {
  return deflate(bytes, { level });
}

/** The bytes deflated, without header or checksum. The result is the same on every platform. */
export function rawDeflate(bytes: Uint8Array): Uint8Array {
  return deflateRaw(bytes);
}
