// The compressors that Blosc2 knows, each filling a target of known length.
import { unzlibInto } from '../zlib';
import { loadZstd } from '../zstd';
import { unpackBloscLz } from './bloscLz';
import { damaged, unsupported } from './fault';
import { unpackLz4 } from './lz4';

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
  4: { load: loadUnpackZstd },
};

/** The codec of that number, ready for use. Throws a `Blosc2Fault` where there is none. */
export async function codecNumbered(number: number, usesDictionary: boolean): Promise<Unpack> {
  const codec = CODECS[number];
  if (!codec) throw unsupported(`is compressed by a codec of Blosc2's plugins (${number})`);
  if (usesDictionary && !codec.takesDictionary) throw unsupported('is compressed with a dictionary');
  return codec.load();
}

function unpackZlib(source: Uint8Array, target: Uint8Array): void {
  if (!unzlibInto(source, target)) throw damaged('has a zlib block that is damaged');
}

async function loadUnpackZstd(): Promise<Unpack> {
  const unpack = await loadZstd();
  return (source, target) => {
    const bytes = unpack(source, target.length);
    if (bytes?.length !== target.length) throw damaged('has a Zstandard block that is damaged');
    target.set(bytes);
  };
}
