// The compressors that Blosc2 knows, each filling a target of known length.
import { inflateSync } from 'fflate';
import { unpackBloscLz } from './bloscLz';
import { type Blosc2Fault, damaged, unsupported } from './fault';
import { unpackLz4 } from './lz4';
import { loadZstd } from './zstd';

/** Unpacks `source` into `target`, which it fills exactly. Throws a `Blosc2Fault`. */
export type Unpack = (source: Uint8Array, target: Uint8Array, dictionary?: Uint8Array) => void;

interface Codec {
  readonly load: () => Promise<Unpack>;
  /** Whether blocks that were packed with a dictionary can be unpacked. */
  readonly takesDictionary?: boolean;
}

/** By the number in the upper three bits of a chunk's flags. */
const CODECS: Readonly<Record<number, Codec>> = {
  0: { load: async () => unpackBloscLz },
  1: { load: async () => unpackLz4, takesDictionary: true },
  3: { load: async () => unpackZlib },
  4: { load: loadZstd },
};

/** The codec of that number, ready for use. Throws a `Blosc2Fault` where there is none. */
export async function codecNumbered(number: number, usesDictionary: boolean): Promise<Unpack> {
  const codec = CODECS[number];
  if (!codec) throw unsupported(`is compressed by a codec of Blosc2's plugins (${number})`);
  if (usesDictionary && !codec.takesDictionary) throw unsupported('is compressed with a dictionary');
  return codec.load();
}

/** Header of two bytes, deflate, and a checksum of four. */
const ZLIB_HEADER = 2;
const ZLIB_CHECKSUM = 4;
/** How zlib names deflate in the lower half of its first byte. */
const DEFLATE = 8;

function unpackZlib(source: Uint8Array, target: Uint8Array): void {
  const end = source.length - ZLIB_CHECKSUM;
  if (end < ZLIB_HEADER || (source[0] & 15) !== DEFLATE) throw brokenZlib();
  const unpacked = inflateOrThrow(source.subarray(ZLIB_HEADER, end), target);
  if (unpacked.length !== target.length || unpacked.buffer !== target.buffer) throw brokenZlib();
  const checksum = source.subarray(end).reduce((value, byte) => value * 256 + byte, 0);
  if (adler32(target) !== checksum) throw brokenZlib();
}

function inflateOrThrow(packed: Uint8Array, target: Uint8Array): Uint8Array {
  try {
    return inflateSync(packed, { out: target });
  } catch {
    throw brokenZlib();
  }
}

/** Largest prime below 2^16. */
const ADLER_MODULUS = 65521;
/** Bytes after which the sums are brought below the modulus again; they stay far below 2^53. */
const ADLER_RUN = 65536;

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let start = 0; start < bytes.length; start += ADLER_RUN) {
    const end = Math.min(start + ADLER_RUN, bytes.length);
    for (let i = start; i < end; i++) {
      a += bytes[i];
      b += a;
    }
    a %= ADLER_MODULUS;
    b %= ADLER_MODULUS;
  }
  return b * 65536 + a;
}

function brokenZlib(): Blosc2Fault {
  return damaged('has a zlib block that is damaged');
}
