// An n-dimensional array in a Blosc2 frame, as nnU-Net from 2.6 on keeps preprocessed cases. The array is tiled by chunks
// and each chunk, made up to whole blocks, by blocks; both row-major. Follows README_B2ND_METALAYER of C-Blosc2.

import { elementCount } from '@/shared/geometry';
import type { NpyData } from '../npy';
import type { SourceFile } from '../sourceFile';
import type { Blosc2Chunk } from './chunk';
import { damaged, namingFile, unsupported } from './fault';
import { openFrame } from './frame';
import { copyBox, tilesWithin } from './tiles';

/** An array of which boxes can be read without unpacking the rest. */
export interface B2ndArray {
  readonly shape: readonly number[];
  /** numpy's type string without byte order: `f4`, `i2`, …. */
  readonly dtype: string;
  /** Unpacked. */
  readonly sizeInBytes: number;
  /**
   * Reads `[start, start + size)`, row-major; the box lies within the array. Rejects with `BadB2nd` or
   * `UnsupportedB2nd` where chunks are damaged or of a kind that is not read here.
   */
  readBox(start: readonly number[], size: readonly number[]): Promise<NpyData>;
  /** Reads all of it. Rejects as {@link readBox}. */
  readAll(): Promise<NpyData>;
}

const MAX_DIMENSIONS = 8;

/** Per numpy type: the view its elements are held in. */
const ELEMENT_TYPES: Readonly<Record<string, new (length: number) => NpyData>> = {
  b1: Uint8Array,
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
};

/** Opens a `.b2nd` file; reads its header and where its chunks lie. Throws `BadB2nd`, `UnsupportedB2nd`. */
export function openB2nd(file: SourceFile): Promise<B2ndArray> {
  return namingFile(file, async () => {
    const frame = await openFrame(file);
    const layer = frame.metalayers.get('b2nd');
    if (!layer) throw unsupported('holds no array (it has no b2nd metalayer)');
    const { dtype, ...layout } = readLayout(layer);
    const make = ELEMENT_TYPES[dtype];
    if (!make) throw unsupported(`has elements of type ${dtype}`);
    const tiling = tilingOf(layout, frame.elementBytes);
    const isConsistent =
      new make(0).BYTES_PER_ELEMENT === frame.elementBytes &&
      (tiling.chunkCount === frame.chunkCount || elementCount(layout.shape) === 0) &&
      (frame.chunkCount === 0 || tiling.chunkBytes === frame.chunkBytes);
    if (!isConsistent) throw damaged('has a header that contradicts itself');

    const opened = new Map<number, Promise<Blosc2Chunk>>();
    const openChunk = (index: number) => {
      const chunk = opened.get(index) ?? openTile(index);
      opened.set(index, chunk);
      return chunk;
    };
    const openTile = async (index: number) => {
      const chunk = await frame.openChunk(index, tiling.blockBytes);
      if (chunk.sizeInBytes === tiling.chunkBytes && chunk.blockBytes === tiling.blockBytes) return chunk;
      throw damaged('has a chunk of another size than the array tells');
    };
    const { shape } = layout;
    const readBox = (start: readonly number[], size: readonly number[]) =>
      namingFile(file, async () => {
        const target = allocate(make, elementCount(size));
        const bytes = new Uint8Array(target.buffer);
        if (target.length > 0) await readTiles({ tiling, openChunk, start, size, bytes });
        return target;
      });
    return {
      shape,
      dtype,
      sizeInBytes: elementCount(shape) * frame.elementBytes,
      readBox,
      readAll: () => readBox(new Array(shape.length).fill(0), shape),
    };
  });
}

function allocate(make: new (length: number) => NpyData, length: number): NpyData {
  try {
    return new make(length);
  } catch (error) {
    // More than an array can hold.
    if (error instanceof RangeError) throw unsupported(`holds ${length} elements`);
    throw error;
  }
}

interface Layout {
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly blockShape: readonly number[];
}

/** The metalayer: an array of version, number of axes, three shapes, and the type's format and name, in msgpack. */
function readLayout(layer: Uint8Array): Layout & { readonly dtype: string } {
  const bad = damaged('has a b2nd metalayer that is damaged');
  const view = new DataView(layer.buffer, layer.byteOffset, layer.byteLength);
  let at = 3;
  try {
    const axes = layer[2];
    if ((layer[0] & 0xf0) !== 0x90 || axes < 1 || axes > MAX_DIMENSIONS) throw bad;
    const sizes = (bytes: 4 | 8) => {
      at += 1;
      return Array.from({ length: axes }, () => {
        const value = bytes === 8 ? Number(view.getBigInt64(at + 1)) : view.getInt32(at + 1);
        at += 1 + bytes;
        return value;
      });
    };
    const [shape, chunkShape, blockShape] = [sizes(8), sizes(4), sizes(4)];
    const isSane =
      shape.every((size) => size >= 0) &&
      Number.isSafeInteger(elementCount(shape)) &&
      chunkShape.every((size, axis) => size > 0 && blockShape[axis] > 0);
    if (!isSane) throw bad;
    return { shape, chunkShape, blockShape, dtype: readType(layer, view, at) };
  } catch (error) {
    // DataView's own error for a place beyond the metalayer.
    if (error instanceof RangeError) throw bad;
    throw error;
  }
}

function readType(layer: Uint8Array, view: DataView, at: number): string {
  if (at >= layer.length) throw unsupported('does not tell the type of its elements');
  const length = view.getInt32(at + 2);
  const text = new TextDecoder().decode(layer.subarray(at + 6, at + 6 + length));
  const type = /^['"]?([<>|=]?)([a-z]\d+)['"]?$/.exec(text);
  if (layer[at] !== 0 || !type) throw unsupported(`has elements of type ${text}`);
  if (type[1] === '>') throw unsupported('has big-endian elements');
  return type[2];
}

/** How an array falls into chunks and blocks. */
interface Tiling extends Layout {
  /** Chunks of the array, and blocks of a chunk, per axis. */
  readonly chunksPerAxis: readonly number[];
  readonly blocksPerAxis: readonly number[];
  readonly chunkCount: number;
  readonly elementBytes: number;
  /** Of a chunk made up to whole blocks. */
  readonly chunkBytes: number;
  readonly blockBytes: number;
}

function tilingOf(layout: Layout, elementBytes: number): Tiling {
  const { shape, chunkShape, blockShape } = layout;
  const chunksPerAxis = shape.map((size, axis) => Math.ceil(size / chunkShape[axis]));
  const blocksPerAxis = chunkShape.map((size, axis) => Math.ceil(size / blockShape[axis]));
  const blockBytes = elementCount(blockShape) * elementBytes;
  return {
    ...layout,
    chunksPerAxis,
    blocksPerAxis,
    chunkCount: elementCount(chunksPerAxis),
    elementBytes,
    chunkBytes: elementCount(blocksPerAxis) * blockBytes,
    blockBytes,
  };
}

interface TilesToRead {
  readonly tiling: Tiling;
  readonly openChunk: (index: number) => Promise<Blosc2Chunk>;
  readonly start: readonly number[];
  readonly size: readonly number[];
  /** Of the box. */
  readonly bytes: Uint8Array;
}

async function readTiles({ tiling, openChunk, start, size, bytes }: TilesToRead): Promise<void> {
  const { shape, chunkShape, blockShape, chunksPerAxis, blocksPerAxis, elementBytes } = tiling;
  const end = start.map((first, axis) => first + size[axis]);
  for (const chunkAt of tilesWithin(start, end, chunkShape)) {
    const chunkStart = chunkAt.map((tile, axis) => tile * chunkShape[axis]);
    const chunkEnd = chunkStart.map((first, axis) => Math.min(first + chunkShape[axis], shape[axis]));
    // What is wanted of this chunk, counted from its own start.
    const from = start.map((first, axis) => Math.max(0, first - chunkStart[axis]));
    const to = end.map((last, axis) => Math.min(last, chunkEnd[axis]) - chunkStart[axis]);
    const blocks = new Map(
      tilesWithin(from, to, blockShape).map((blockAt) => [flatIndex(blockAt, blocksPerAxis), blockAt]),
    );
    const chunk = await openChunk(flatIndex(chunkAt, chunksPerAxis));
    await chunk.readBlocks([...blocks.keys()], (block, index) => {
      const blockAt = blocks.get(index) ?? [];
      const blockStart = blockAt.map((tile, axis) => tile * blockShape[axis]);
      const first = from.map((wanted, axis) => Math.max(wanted, blockStart[axis]));
      const last = to.map((wanted, axis) => Math.min(wanted, blockStart[axis] + blockShape[axis]));
      copyBox({
        source: block,
        sourceShape: blockShape,
        sourceStart: first.map((place, axis) => place - blockStart[axis]),
        target: bytes,
        targetShape: size,
        targetStart: first.map((place, axis) => place + chunkStart[axis] - start[axis]),
        size: last.map((place, axis) => place - first[axis]),
        elementBytes,
      });
    });
  }
}

function flatIndex(at: readonly number[], shape: readonly number[]): number {
  return at.reduce((index, place, axis) => index * shape[axis] + place, 0);
}
