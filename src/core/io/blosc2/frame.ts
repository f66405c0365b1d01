// A contiguous Blosc2 frame: a header of fixed places with metalayers behind them, chunks, and the chunks' places.
// Follows README_CFRAME_FORMAT of C-Blosc2.

import type { SourceFile } from '../sourceFile';
import { type Blosc2Chunk, chunkOfSame, openChunk } from './chunk';
import { damaged, unsupported } from './fault';

export interface Blosc2Frame {
  readonly chunkCount: number;
  /** Of every chunk unpacked, and of its blocks. */
  readonly chunkBytes: number;
  readonly elementBytes: number;
  readonly metalayers: ReadonlyMap<string, Uint8Array>;
  /** `blockBytes`: of the array, for chunks that take no room in the file. */
  openChunk(index: number, blockBytes: number): Promise<Blosc2Chunk>;
}

const MAGIC = 'b2frame\0';
/** The header's fixed places end here; metalayers follow. */
const FIXED_BYTES = 0x57;
const MAX_HEADER_BYTES = 2 ** 24;
const MAX_CHUNKS = 2 ** 24;
const OFFSET_BYTES = 8;

/** Where a chunk starts, counted from the header's end, or what it is made of. */
type ChunkPlace = number | 'zeros' | 'nans';

/** Reads header and places of the chunks. Throws a `Blosc2Fault`; rejects with what reading the file throws. */
export async function openFrame(file: SourceFile): Promise<Blosc2Frame> {
  const start = await file.slice(0, Math.min(FIXED_BYTES, file.sizeInBytes));
  const fixed = readFixed(start, file.sizeInBytes);
  const { headerBytes, frameBytes, packedBytes, chunkBytes, elementBytes, chunkCount } = fixed;
  const metalayers = readMetalayers(await file.slice(0, headerBytes));
  const chunksEnd = headerBytes + packedBytes;
  const places = chunkCount === 0 ? [] : await readPlaces(file, chunksEnd, frameBytes, chunkCount);
  return {
    chunkCount,
    chunkBytes,
    elementBytes,
    metalayers,
    async openChunk(index, blockBytes) {
      const place = places[index];
      if (typeof place !== 'number') return chunkOfSame(place, chunkBytes, blockBytes, elementBytes);
      const at = headerBytes + place;
      if (at >= chunksEnd) throw damaged('has a chunk that lies outside of it');
      return openChunk(file, at, chunksEnd);
    },
  };
}

function readFixed(bytes: Uint8Array, fileBytes: number) {
  const isFrame = MAGIC.split('').every((letter, i) => bytes[2 + i] === letter.charCodeAt(0));
  if (!isFrame) throw damaged('is no Blosc2 frame');
  if (bytes.length < FIXED_BYTES) throw damaged('ends within its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = (at: number) => Number(view.getBigInt64(at));
  const [generalFlags, frameType] = [bytes[0x19], bytes[0x1a]];
  if ((frameType & 15) !== 0) {
    throw unsupported('is a sparse frame, whose chunks are files of their own in a folder');
  }
  const headerBytes = view.getInt32(0x0b);
  const frameBytes = long(0x10);
  const packedBytes = long(0x27);
  const sizeInBytes = long(0x1e);
  const elementBytes = view.getInt32(0x30);
  const chunkBytes = view.getInt32(0x3a);
  if ((generalFlags & 0x80) !== 0) throw unsupported('has blocks of different lengths');
  if ((generalFlags & 0x40) !== 0) throw unsupported('has chunks of different lengths');
  const isSane =
    headerBytes >= FIXED_BYTES &&
    headerBytes <= MAX_HEADER_BYTES &&
    packedBytes >= 0 &&
    headerBytes + packedBytes <= frameBytes &&
    elementBytes > 0 &&
    sizeInBytes >= 0 &&
    (chunkBytes > 0 || sizeInBytes === 0);
  if (!isSane) throw damaged('has a header that is damaged');
  if (frameBytes > fileBytes) {
    throw damaged(`is cut off: it has ${fileBytes} of the ${frameBytes} bytes that its header tells`);
  }
  const chunkCount = sizeInBytes === 0 ? 0 : Math.ceil(sizeInBytes / chunkBytes);
  if (chunkCount > MAX_CHUNKS) throw damaged('has a header that is damaged');
  return { headerBytes, frameBytes, packedBytes, chunkBytes, elementBytes, chunkCount };
}

/** Names and contents: a map from names to where in the header their contents lie. */
function readMetalayers(header: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const bad = damaged('has a header whose metalayers are damaged');
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const layers = new Map<string, Uint8Array>();
  try {
    if (header[FIXED_BYTES + 4] !== 0xde) throw bad;
    const count = view.getUint16(FIXED_BYTES + 5);
    let at = FIXED_BYTES + 7;
    for (let layer = 0; layer < count; layer++) {
      const nameBytes = header[at] & 31;
      const name = new TextDecoder().decode(header.subarray(at + 1, at + 1 + nameBytes));
      const offset = view.getInt32(at + 2 + nameBytes);
      at += 6 + nameBytes;
      const length = view.getInt32(offset + 1);
      if (header[offset] !== 0xc6 || length < 0 || offset + 5 + length > header.length) throw bad;
      layers.set(name, header.subarray(offset + 5, offset + 5 + length));
    }
  } catch (error) {
    // DataView's own error for a place beyond the header.
    if (error instanceof RangeError) throw bad;
    throw error;
  }
  return layers;
}

/** The index: a chunk of its own behind the others, of 64-bit offsets. */
async function readPlaces(
  file: SourceFile,
  start: number,
  limit: number,
  chunkCount: number,
): Promise<readonly ChunkPlace[]> {
  const index = await openChunk(file, start, limit);
  if (index.sizeInBytes !== chunkCount * OFFSET_BYTES) {
    throw damaged(`lists another number of chunks than the ${chunkCount} that it has`);
  }
  const bytes = new Uint8Array(index.sizeInBytes);
  const blocks = Array.from({ length: Math.ceil(index.sizeInBytes / index.blockBytes) }, (_, i) => i);
  await index.readBlocks(blocks, (block, i) => bytes.set(block, i * index.blockBytes));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: chunkCount }, (_, i) => placeOf(view, i * OFFSET_BYTES));
}

/** The topmost bit marks chunks of which no element was stored; the lowest three of that byte tell their kind. */
function placeOf(view: DataView, at: number): ChunkPlace {
  const top = view.getUint8(at + OFFSET_BYTES - 1);
  if ((top & 0x80) === 0) return Number(view.getBigInt64(at, true));
  // 4: values that were never set may be anything, so they are 0.
  if ((top & 7) === 1 || (top & 7) === 4) return 'zeros';
  if ((top & 7) === 2) return 'nans';
  throw damaged('has a chunk of an unknown kind');
}
