// A chunk of a Blosc2 frame: a header, where its blocks start, and the blocks, each of which can be unpacked by itself.
// Follows README_CHUNK_FORMAT of C-Blosc2 and its `blosc_d`.

import type { SourceFile } from '../sourceFile';
import { codecNumbered, type Unpack } from './codecs';
import { damaged, unsupported } from './fault';
import { undoDelta, undoDeltaWithin, unshuffle, unshuffleBits } from './filters';

/** Takes an unpacked block, which is overwritten by the next one. */
type TakeBlock = (block: Uint8Array, index: number) => void;

/** What a chunk consists of when all its elements are the same. */
export type SameElements = 'zeros' | 'nans';

/** A chunk whose header has been read. */
export interface Blosc2Chunk {
  /** Unpacked. */
  readonly sizeInBytes: number;
  readonly blockBytes: number;
  /** Unpacks some blocks, in any order; reads no more of the file than they need, give or take small gaps. */
  readBlocks(indices: readonly number[], take: TakeBlock): Promise<void>;
}

const SHORT_HEADER = 16;
const LONG_HEADER = 32;
/** Read at first: header and, of most chunks, the starts of all blocks. */
const FIRST_READ = 1024;
/** The newest version with blocks of one length; 6 has blocks that differ. */
const NEWEST_VERSION = 6;
const MAX_BLOCK_BYTES = 536_866_816;
const MAX_DICTIONARY_BYTES = 128 * 1024;

/** Bits of the header's byte 2. */
const FLAGS = { shuffle: 1, stored: 2, bitShuffle: 4, delta: 8, unsplit: 16 } as const;
/** Bits of the long header's last byte. */
const MORE_FLAGS = { dictionary: 1, lazy: 8, instrumented: 128 } as const;
const FILTERS = { none: 0, shuffle: 1, bitShuffle: 2, delta: 3, truncate: 4 } as const;
const FILTER_SLOTS = 6;
/** Values of the long header's special kind. */
const SPECIAL = { none: 0, zeros: 1, nans: 2, value: 3, uninitialised: 4 } as const;

/** Gaps between blocks that are read through, and the most that is read at once. */
const GAP_BYTES = 32 * 1024;
const READ_BYTES = 8 * 1024 * 1024;

interface Filter {
  readonly id: number;
  readonly elementBytes: number;
}

interface ChunkHeader {
  readonly sizeInBytes: number;
  readonly blockBytes: number;
  /** Of the whole chunk in the file. */
  readonly packedBytes: number;
  readonly headerBytes: number;
  readonly elementBytes: number;
  readonly isStored: boolean;
  readonly isSplit: boolean;
  readonly codec: number;
  readonly hasDictionary: boolean;
  readonly special: number;
  /** In the order they are undone. */
  readonly filters: readonly Filter[];
}

/**
 * Opens the chunk that starts at byte `start` and ends before byte `limit`. Throws a `Blosc2Fault`; rejects with what
 * reading the file throws.
 */
export async function openChunk(file: SourceFile, start: number, limit: number): Promise<Blosc2Chunk> {
  const head = await file.slice(start, Math.min(start + FIRST_READ, limit));
  const header = readHeader(head);
  if (start + header.packedBytes > limit) throw damaged('ends within a chunk');
  const read = readerFrom(file, start);
  if (header.special !== SPECIAL.none) return sameElements(header, await specialElement(header, read));
  if (header.isStored) return storedChunk(header, read);
  return packedChunk(header, read, (from, to) =>
    to <= head.length ? Promise.resolve(head.subarray(from, to)) : read(from, to),
  );
}

/** A chunk that takes no room in the file. */
export function chunkOfSame(
  elements: SameElements,
  sizeInBytes: number,
  blockBytes: number,
  elementBytes: number,
): Blosc2Chunk {
  const element = elements === 'zeros' ? new Uint8Array(elementBytes) : notANumber(elementBytes);
  return sameElements({ sizeInBytes, blockBytes }, element);
}

/** Reads bytes of a chunk, counted from its start. */
type Read = (from: number, to: number) => Promise<Uint8Array>;

function readerFrom(file: SourceFile, start: number): Read {
  return async (from, to) => {
    const bytes = await file.slice(start + from, start + to);
    if (bytes.length !== to - from) throw damaged('ends within a chunk');
    return bytes;
  };
}

function readHeader(bytes: Uint8Array): ChunkHeader {
  if (bytes.length < SHORT_HEADER) throw damaged('ends within the header of a chunk');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [version, , flags, elementBytes] = bytes;
  const [sizeInBytes, blockBytes, packedBytes] = [4, 8, 12].map((at) => view.getInt32(at, true));
  if (version > NEWEST_VERSION) throw unsupported(`has chunks of a later version (${version}) of Blosc2`);
  const isLong = (flags & FLAGS.shuffle) !== 0 && (flags & FLAGS.bitShuffle) !== 0;
  const headerBytes = isLong ? LONG_HEADER : SHORT_HEADER;
  const isSane =
    sizeInBytes > 0 &&
    blockBytes > 0 &&
    blockBytes <= Math.min(sizeInBytes, MAX_BLOCK_BYTES) &&
    packedBytes >= headerBytes &&
    elementBytes > 0 &&
    bytes.length >= headerBytes;
  const common = { sizeInBytes, blockBytes, packedBytes, headerBytes, elementBytes };
  const more = isLong ? bytes[LONG_HEADER - 1] : 0;
  if (isLong && (bytes[LONG_HEADER - 2] & 1) !== 0) throw unsupported('has blocks of different lengths');
  if ((more & MORE_FLAGS.lazy) !== 0)
    throw unsupported('has chunks whose blocks lie elsewhere (lazy chunks)');
  if ((more & MORE_FLAGS.instrumented) !== 0) throw unsupported('holds measurements of a compressor');
  if (!isSane) throw damaged('has a chunk whose header is damaged');
  const isStored = (flags & FLAGS.stored) !== 0;
  const special = (more >> 4) & 7;
  if (isStored && special === SPECIAL.none && packedBytes !== sizeInBytes + headerBytes) {
    throw damaged('has a chunk whose header is damaged');
  }
  return {
    ...common,
    isStored,
    isSplit: (flags & FLAGS.unsplit) === 0,
    codec: flags >> 5,
    hasDictionary: (more & MORE_FLAGS.dictionary) !== 0,
    special,
    filters: undoneFilters(isLong ? longFilters(bytes, elementBytes) : shortFilters(flags, elementBytes)),
  };
}

/** In the order they were applied. */
function longFilters(bytes: Uint8Array, elementBytes: number): readonly Filter[] {
  return Array.from({ length: FILTER_SLOTS }, (_, slot) => {
    const id = bytes[SHORT_HEADER + slot];
    const meta = bytes[SHORT_HEADER + 8 + slot];
    // The shuffle may go by another length than the elements'.
    return { id, elementBytes: id === FILTERS.shuffle && meta > 0 ? meta : elementBytes };
  });
}

function shortFilters(flags: number, elementBytes: number): readonly Filter[] {
  const ids = [
    (flags & FLAGS.delta) !== 0 ? FILTERS.delta : FILTERS.none,
    (flags & FLAGS.shuffle) !== 0 ? FILTERS.shuffle : FILTERS.none,
    (flags & FLAGS.bitShuffle) !== 0 ? FILTERS.bitShuffle : FILTERS.none,
  ];
  return ids.map((id) => ({ id, elementBytes }));
}

/** What there is to undo, last applied first. Truncated bits are gone and need nothing. */
function undoneFilters(applied: readonly Filter[]): readonly Filter[] {
  const unknown = applied.find(({ id }) => id > FILTERS.truncate);
  if (unknown) throw unsupported(`went through a filter of Blosc2's plugins (${unknown.id})`);
  const filters = applied.filter(({ id }) => id !== FILTERS.none && id !== FILTERS.truncate);
  if (filters.slice(1).some(({ id }) => id === FILTERS.delta)) {
    throw unsupported('went through the delta filter after another one');
  }
  return filters.reverse();
}

/** The element that all others are equal to. */
async function specialElement(header: ChunkHeader, read: Read): Promise<Uint8Array> {
  const { special, packedBytes, headerBytes, elementBytes } = header;
  switch (special) {
    // Values that were never set may be anything, so they are 0.
    case SPECIAL.zeros:
    case SPECIAL.uninitialised:
      return new Uint8Array(elementBytes);
    case SPECIAL.nans:
      return notANumber(elementBytes);
    case SPECIAL.value:
      if (packedBytes === headerBytes || packedBytes - headerBytes > header.sizeInBytes) break;
      return read(headerBytes, packedBytes);
    default:
  }
  throw damaged('has a chunk of an unknown kind');
}

function notANumber(elementBytes: number): Uint8Array {
  if (elementBytes === 4) return new Uint8Array(Float32Array.of(Number.NaN).buffer);
  if (elementBytes === 8) return new Uint8Array(Float64Array.of(Number.NaN).buffer);
  throw damaged(`has a chunk of NaN whose elements have ${elementBytes} bytes`);
}

function sameElements(
  { sizeInBytes, blockBytes }: Pick<Blosc2Chunk, 'sizeInBytes' | 'blockBytes'>,
  element: Uint8Array,
): Blosc2Chunk {
  return {
    sizeInBytes,
    blockBytes,
    async readBlocks(indices, take) {
      const block = new Uint8Array(blockBytes);
      if (element.some((byte) => byte !== 0)) {
        for (let i = 0; i < blockBytes; i++) block[i] = element[i % element.length];
      }
      for (const index of indices)
        take(block.subarray(0, lengthOfBlock({ sizeInBytes, blockBytes }, index)), index);
    },
  };
}

/** Blocks as they are, one behind the other. */
function storedChunk(header: ChunkHeader, read: Read): Blosc2Chunk {
  const { sizeInBytes, blockBytes, headerBytes } = header;
  const places = (indices: readonly number[]) =>
    indices.map((index) => {
      const from = headerBytes + index * blockBytes;
      return { index, from, to: from + lengthOfBlock(header, index) };
    });
  return {
    sizeInBytes,
    blockBytes,
    readBlocks: (indices, take) =>
      readPlaces(places(indices), read, ({ index }, bytes) => take(bytes, index)),
  };
}

/**
 * Blocks by a codec. `readStart` is for what lies in front of them. Many chunks stay open, so that of each no more is kept
 * than where its blocks lie.
 */
async function packedChunk(header: ChunkHeader, read: Read, readStart: Read): Promise<Blosc2Chunk> {
  const { sizeInBytes, blockBytes, headerBytes, packedBytes, codec, hasDictionary, filters } = header;
  const blockCount = Math.ceil(sizeInBytes / blockBytes);
  const startsEnd = headerBytes + 4 * blockCount;
  if (startsEnd > packedBytes) throw damaged('has a chunk whose header is damaged');
  const starts = blockStarts(await readStart(headerBytes, startsEnd), startsEnd, packedBytes);
  const ends = blockEnds(starts, packedBytes);
  const dictionary = hasDictionary ? await readDictionary(startsEnd, packedBytes, read) : undefined;
  const unpack = await codecNumbered(codec, hasDictionary);
  const place = (index: number) => ({ index, from: starts[index], to: ends[index] });
  const isDelta = filters.at(-1)?.id === FILTERS.delta;

  return {
    sizeInBytes,
    blockBytes,
    async readBlocks(indices, take) {
      const unpacker = blockUnpacker(header, unpack, dictionary);
      let first: Uint8Array | undefined;
      if (isDelta) {
        await readPlaces([place(0)], read, (_, packed) => {
          first = unpacker(packed, 0).slice();
        });
      }
      await readPlaces(indices.map(place), read, ({ index }, packed) =>
        take(unpacker(packed, index, first), index),
      );
    },
  };
}

function blockStarts(bytes: Uint8Array, earliest: number, limit: number): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts = Int32Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(4 * i, true));
  if (starts.some((start) => start < earliest || start >= limit)) {
    throw damaged('has a chunk whose blocks start outside of it');
  }
  return starts;
}

/** Blocks lie in the order they were finished in; each ends where the next one behind it starts. */
function blockEnds(starts: Int32Array, limit: number): Int32Array {
  const ends = new Int32Array(starts.length);
  const inOrder = Array.from(starts.keys()).sort((a, b) => starts[a] - starts[b]);
  for (const [place, index] of inOrder.entries()) {
    ends[index] = place + 1 < inOrder.length ? starts[inOrder[place + 1]] : limit;
  }
  return ends;
}

async function readDictionary(at: number, limit: number, read: Read): Promise<Uint8Array> {
  const start = at + 4;
  if (start > limit) throw damaged('has a chunk whose dictionary is damaged');
  const bytes = await read(at, start);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
  if (length <= 0 || length > MAX_DICTIONARY_BYTES || start + length > limit) {
    throw damaged('has a chunk whose dictionary is damaged');
  }
  return (await read(start, start + length)).slice();
}

interface BlockPlace {
  readonly index: number;
  readonly from: number;
  readonly to: number;
}

/** Reads neighbours together. */
async function readPlaces(
  places: readonly BlockPlace[],
  read: Read,
  take: (place: BlockPlace, bytes: Uint8Array) => void,
): Promise<void> {
  const inOrder = [...places].sort((a, b) => a.from - b.from);
  for (let i = 0; i < inOrder.length; ) {
    const { from } = inOrder[i];
    let { to } = inOrder[i];
    let end = i + 1;
    while (
      end < inOrder.length &&
      inOrder[end].from <= to + GAP_BYTES &&
      inOrder[end].to - from <= READ_BYTES
    ) {
      to = Math.max(to, inOrder[end++].to);
    }
    const bytes = await read(from, to);
    for (; i < end; i++) take(inOrder[i], bytes.subarray(inOrder[i].from - from, inOrder[i].to - from));
  }
}

function lengthOfBlock(
  { sizeInBytes, blockBytes }: Pick<Blosc2Chunk, 'sizeInBytes' | 'blockBytes'>,
  index: number,
): number {
  return Math.min(blockBytes, sizeInBytes - index * blockBytes);
}

/** Unpacks a block, with the chunk's first one where delta needs it. What it returns is overwritten by the next one. */
function blockUnpacker(header: ChunkHeader, unpack: Unpack, dictionary: Uint8Array | undefined) {
  const { blockBytes, elementBytes, filters } = header;
  const whole = [new Uint8Array(blockBytes), new Uint8Array(filters.length > 0 ? blockBytes : 0)];
  return (packed: Uint8Array, index: number, first?: Uint8Array): Uint8Array => {
    const length = lengthOfBlock(header, index);
    // A last block that is shorter is one stream, however the others are split.
    const streams = header.isSplit && length === blockBytes ? elementBytes : 1;
    let block = whole[0].subarray(0, length);
    let other = whole[1].subarray(0, length);
    unpackStreams(packed, block, streams, (source, target) => unpack(source, target, dictionary));
    for (const filter of filters) {
      if (filter.id === FILTERS.delta) {
        if (index === 0) undoDeltaWithin(block, elementBytes);
        else if (first) undoDelta(block, first, elementBytes);
        continue;
      }
      const undo = filter.id === FILTERS.shuffle ? unshuffle : unshuffleBits;
      undo(block, other, filter.elementBytes);
      [block, other] = [other, block];
    }
    return block;
  };
}

/** The streams of a block, one behind the other, each with its length in front. */
function unpackStreams(
  packed: Uint8Array,
  block: Uint8Array,
  streams: number,
  unpack: (source: Uint8Array, target: Uint8Array) => void,
): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const length = block.length / streams;
  if (!Number.isInteger(length)) throw damaged('has a chunk whose header is damaged');
  let at = 0;
  for (let stream = 0; stream < streams; stream++) {
    const target = block.subarray(stream * length, (stream + 1) * length);
    if (at + 4 > packed.length) throw damaged('ends within a block');
    const packedLength = view.getInt32(at, true);
    at += 4;
    if (packedLength <= 0) {
      // One byte all along: 0, or the length negated, which a byte of flags follows.
      const isRun = packedLength === 0 || (packedLength >= -255 && (packed[at] & 1) === 1);
      if (!isRun) throw damaged('has a block that is damaged');
      target.fill(-packedLength);
      at += packedLength < 0 ? 1 : 0;
      continue;
    }
    if (at + packedLength > packed.length) throw damaged('ends within a block');
    const source = packed.subarray(at, at + packedLength);
    if (packedLength === length) target.set(source);
    else unpack(source, target);
    at += packedLength;
  }
}
