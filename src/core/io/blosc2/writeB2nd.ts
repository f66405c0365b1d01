// Writes an n-dimensional array as a `.b2nd` file that C-Blosc2 reads: blocks by zlib, which every build of it knows, no
// filters. Small and slow, for segmentations that nnU-Net is to read beside its own `.b2nd` cases.

import { elementCount } from '@/shared/geometry';
import { concatenate } from '../compression';
import { dtypeOf, type NpyData } from '../npy';
import { zlibStream } from '../zlib';
import { copyBox, tilesWithin } from './tiles';

/** Edges of blocks and of chunks, elements: 32 KiB and 256 KiB of a label map. */
const BLOCK_EDGE = 32;
const CHUNK_EDGE = 64;

const LONG_HEADER = 32;
const VERSION = 5;
/** Flags of a chunk: a long header; stored as it is, or in unsplit blocks by zlib. */
const LONG_HEADER_FLAGS = 0x05;
const STORED = 0x02;
const UNSPLIT_ZLIB = 0x10 | (3 << 5);
/** zlib's number in the frame's header, and the level that is told there. */
const FRAME_CODEC = 4;
const LEVEL = 5;

/** A contiguous frame with the array, row-major. */
export function writeB2nd({
  shape,
  data,
}: {
  readonly shape: readonly number[];
  readonly data: NpyData;
}): Uint8Array {
  const count = elementCount(shape);
  if (count !== data.length || count === 0) throw new Error(`writeB2nd: [${shape}] is no shape of the array`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const elementBytes = data.BYTES_PER_ELEMENT;
  const blockShape = shape.map((size) => Math.min(size, BLOCK_EDGE));
  const chunkShape = shape.map((size) => Math.min(size, CHUNK_EDGE));
  const zeros = shape.map(() => 0);
  const chunks = tilesWithin(zeros, shape, chunkShape).map((chunkAt) => {
    const chunkStart = chunkAt.map((tile, axis) => tile * chunkShape[axis]);
    const blocks = tilesWithin(zeros, chunkShape, blockShape).map((blockAt) => {
      const start = blockAt.map((tile, axis) => chunkStart[axis] + tile * blockShape[axis]);
      const end = start.map((first, axis) =>
        Math.min(first + blockShape[axis], shape[axis], chunkStart[axis] + chunkShape[axis]),
      );
      const block = new Uint8Array(elementCount(blockShape) * elementBytes);
      const size = end.map((last, axis) => last - start[axis]);
      if (size.every((length) => length > 0)) {
        copyBox({
          source: bytes,
          sourceShape: shape,
          sourceStart: start,
          target: block,
          targetShape: blockShape,
          targetStart: zeros,
          size,
          elementBytes,
        });
      }
      return block;
    });
    return packedChunk(blocks, elementBytes);
  });
  const metalayer = b2ndLayer(shape, chunkShape, blockShape, dtypeOf(data));
  const blockBytes = elementCount(blockShape) * elementBytes;
  const blocksPerChunk = tilesWithin(zeros, chunkShape, blockShape).length;
  return frameOf(chunks, metalayer, { elementBytes, blockBytes, chunkBytes: blocksPerChunk * blockBytes });
}

/** A chunk's header, where its blocks start, and each with its length in front. */
function packedChunk(blocks: readonly Uint8Array[], elementBytes: number): Uint8Array {
  const [{ length: blockBytes }] = blocks;
  const packed = blocks.map((block) => {
    const shorter = zlibStream(block, LEVEL);
    return shorter.length < block.length ? shorter : block;
  });
  const starts = new DataView(new ArrayBuffer(4 * blocks.length));
  const pieces: Uint8Array[] = [];
  let at = LONG_HEADER + starts.byteLength;
  for (const [i, block] of packed.entries()) {
    starts.setInt32(4 * i, at, true);
    pieces.push(new Uint8Array(Int32Array.of(block.length).buffer), block);
    at += 4 + block.length;
  }
  const header = chunkHeader(UNSPLIT_ZLIB, elementBytes, [blocks.length * blockBytes, blockBytes, at]);
  return concatenate([header, new Uint8Array(starts.buffer), ...pieces]);
}

/** `sizes`: unpacked, of a block, and packed, bytes. */
function chunkHeader(flags: number, elementBytes: number, sizes: readonly number[]): Uint8Array {
  const header = new DataView(new ArrayBuffer(LONG_HEADER));
  for (const [i, byte] of [VERSION, 1, flags | LONG_HEADER_FLAGS, elementBytes].entries())
    header.setUint8(i, byte);
  for (const [i, size] of sizes.entries()) header.setInt32(4 + 4 * i, size, true);
  return new Uint8Array(header.buffer);
}

/** msgpack: version, number of axes, three shapes, and the elements' type by numpy's name. */
function b2ndLayer(
  shape: readonly number[],
  chunkShape: readonly number[],
  blockShape: readonly number[],
  dtype: string,
): Uint8Array {
  const name = new TextEncoder().encode(`${dtype.endsWith('1') ? '|' : '<'}${dtype}`);
  const sizes = (values: readonly number[], bytes: 4 | 8) => [
    0x90 | values.length,
    ...values.flatMap((value) => [bytes === 8 ? 0xd3 : 0xd2, ...bigEndian(value, bytes)]),
  ];
  return Uint8Array.from([
    ...[0x97, 0, shape.length],
    ...sizes(shape, 8),
    ...sizes(chunkShape, 4),
    ...sizes(blockShape, 4),
    ...[0, 0xdb, ...bigEndian(name.length, 4), ...name],
  ]);
}

function bigEndian(value: number, bytes: number): readonly number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256);
}

interface FrameSizes {
  readonly elementBytes: number;
  readonly blockBytes: number;
  readonly chunkBytes: number;
}

/** Header, chunks, their places, and a trailer without variable metalayers. */
function frameOf(
  chunks: readonly Uint8Array[],
  layer: Uint8Array,
  { elementBytes, blockBytes, chunkBytes }: FrameSizes,
): Uint8Array {
  const name = new TextEncoder().encode('b2nd');
  // Of the metalayers: their index from 0x57 on, then an array of one content.
  const indexBytes = 13 + name.length;
  const contentAt = 0x57 + indexBytes + 3;
  const headerBytes = contentAt + 5 + layer.length;
  const packedBytes = chunks.reduce((sum, { length }) => sum + length, 0);

  const offsets = new DataView(new ArrayBuffer(8 * chunks.length));
  let offset = 0;
  for (const [i, { length }] of chunks.entries()) {
    offsets.setBigInt64(8 * i, BigInt(offset), true);
    offset += length;
  }
  const { byteLength } = offsets;
  const index = [
    chunkHeader(STORED, 8, [byteLength, byteLength, LONG_HEADER + byteLength]),
    new Uint8Array(offsets.buffer),
  ];
  const trailerBytes = 35;
  const frameBytes = headerBytes + packedBytes + LONG_HEADER + byteLength + trailerBytes;
  const header = Uint8Array.from([
    ...[0x9e, 0xa8, ...new TextEncoder().encode('b2frame\0')],
    ...[0xd2, ...bigEndian(headerBytes, 4), 0xcf, ...bigEndian(frameBytes, 8)],
    // Version 2 with offsets of 64 bits; contiguous; codec and level; blocks are never split.
    ...[0xa4, 0x12, 0, (LEVEL << 4) | FRAME_CODEC, 1],
    ...[0xd3, ...bigEndian(chunks.length * chunkBytes, 8), 0xd3, ...bigEndian(packedBytes, 8)],
    ...[elementBytes, blockBytes, chunkBytes].flatMap((size) => [0xd2, ...bigEndian(size, 4)]),
    // Threads; no variable metalayers; filters, none of six, and the codec's number among them.
    ...[0xd1, 0, 1, 0xd1, 0, 1, 0xc2, 0xd8, 6, 0, 0, 0, 0, 0, 0, FRAME_CODEC, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ...[0x93, 0xcd, ...bigEndian(indexBytes, 2), 0xde, 0, 1, 0xa0 | name.length, ...name],
    ...[0xd2, ...bigEndian(contentAt, 4), 0xdc, 0, 1],
    ...[0xc6, ...bigEndian(layer.length, 4), ...layer],
  ]);
  const trailer = Uint8Array.from([
    ...[0x94, 1, 0x93, 0xcd, 0, 6, 0xde, 0, 0, 0xdc, 0, 0, 0xce, ...bigEndian(trailerBytes, 4), 0xd8, 0],
    ...new Uint8Array(16),
  ]);
  return concatenate([header, ...chunks, ...index, trailer]);
}
