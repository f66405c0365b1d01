// Zstandard by its own C library, compiled to WebAssembly: the module that the package `zstddec` carries. The package's
// own way to start it fetches a `data:` address, which the page's policy forbids, and takes the library's error codes for
// lengths; so only its bytes are used here.
import source from 'zstddec?raw';

interface ZstdLibrary {
  readonly memory: WebAssembly.Memory;
  readonly malloc: (bytes: number) => number;
  readonly free: (pointer: number) => void;
  /** Bytes written, or the negative number of an error. */
  readonly ZSTD_decompress: (to: number, toBytes: number, from: number, fromBytes: number) => number;
}

/** Unpacks a frame, which may be shorter than `mostBytes`; `undefined` where it is damaged or longer. */
export type ZstdUnpacker = (packed: Uint8Array, mostBytes: number) => Uint8Array<ArrayBuffer> | undefined;

let library: Promise<ZstdLibrary> | undefined;

/** Starts the library once. */
export async function loadZstd(): Promise<ZstdUnpacker> {
  library ??= startLibrary();
  const zstd = await library;
  return (packed, mostBytes) => unpackFrame(zstd, packed, mostBytes);
}

async function startLibrary(): Promise<ZstdLibrary> {
  const base64 = /\bwasm = "([\w+/=]+)"/.exec(source)?.[1];
  if (base64 === undefined) throw new Error('loadZstd: zstddec no longer carries its module as a string');
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes, {
    env: { emscripten_notify_memory_growth: () => undefined },
  });
  return instance.exports as unknown as ZstdLibrary;
}

function unpackFrame(
  zstd: ZstdLibrary,
  packed: Uint8Array,
  mostBytes: number,
): Uint8Array<ArrayBuffer> | undefined {
  const from = zstd.malloc(packed.length);
  const to = zstd.malloc(mostBytes);
  try {
    // malloc answers 0 where there is no room; memory may move whenever it grows.
    if (from === 0 || to === 0) throw new RangeError('Zstandard: no memory is left for a block');
    new Uint8Array(zstd.memory.buffer).set(packed, from);
    const written = zstd.ZSTD_decompress(to, mostBytes, from, packed.length);
    if (written < 0 || written > mostBytes) return undefined;
    return new Uint8Array(zstd.memory.buffer, to, written).slice();
  } finally {
    zstd.free(from);
    zstd.free(to);
  }
}
