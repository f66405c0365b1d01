// Voxels as they lie in a file to f32 in one pass over the stream: nothing but the target and a small block is held.
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { MAX_DEFLATE_RATIO } from './compression';
import { type VoxelType, voxelBytes } from './niftiLayout';

/** How the voxels of a file are stored. A NIfTI header is one. */
export interface StoredVoxels {
  /** Sizes, fastest axis first. */
  readonly dim: readonly number[];
  readonly voxelType: VoxelType;
  readonly isLittleEndian: boolean;
  /** Byte offset of the first voxel in the content. */
  readonly voxOffset: number;
  /** Value = stored · slope + intercept. */
  readonly slope: number;
  readonly intercept: number;
}

/** Bytes converted at a time; a multiple of every voxel size. */
const BLOCK_BYTES = 1 << 16;
/** Content behind the voxels is read so far, for the checksum at its end, and no further. */
const MAX_SURPLUS_BYTES = 64 << 20;

type StoredArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

const VIEWS: Readonly<Record<VoxelType, (buffer: ArrayBuffer) => StoredArray>> = {
  uint8: (buffer) => new Uint8Array(buffer),
  int8: (buffer) => new Int8Array(buffer),
  uint16: (buffer) => new Uint16Array(buffer),
  int16: (buffer) => new Int16Array(buffer),
  uint32: (buffer) => new Uint32Array(buffer),
  int32: (buffer) => new Int32Array(buffer),
  uint64: (buffer) => new BigUint64Array(buffer),
  int64: (buffer) => new BigInt64Array(buffer),
  float32: (buffer) => new Float32Array(buffer),
  float64: (buffer) => new Float64Array(buffer),
};

/** Reverses the bytes of each element of `size` bytes, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  for (let start = 0; start + size <= bytes.length; start += size) {
    for (let low = start, high = start + size - 1; low < high; low++, high--) {
      const byte = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = byte;
    }
  }
}

/** Receives values in file order; `start` is the file index of the first. The array is reused afterwards. */
export type ValueSink = (values: Float32Array, start: number) => void;

/** Collects bytes into blocks of whole voxels and converts each block to f32: `stored · slope + intercept` in f64. */
class VoxelConverter {
  private readonly header: StoredVoxels;
  private readonly sink: ValueSink;
  private readonly size: number;
  private readonly block = new Uint8Array(BLOCK_BYTES);
  private readonly stored: StoredArray;
  private readonly values: Float32Array;
  private held = 0;
  private done = 0;

  constructor(header: StoredVoxels, sink: ValueSink) {
    this.header = header;
    this.sink = sink;
    this.size = voxelBytes(header.voxelType);
    this.stored = VIEWS[header.voxelType](this.block.buffer);
    this.values = new Float32Array(BLOCK_BYTES / this.size);
  }

  push(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length; ) {
      const count = Math.min(bytes.length - taken, BLOCK_BYTES - this.held);
      this.block.set(bytes.subarray(taken, taken + count), this.held);
      taken += count;
      this.held += count;
      if (this.held === BLOCK_BYTES) this.flush();
    }
  }

  flush(): void {
    const count = Math.floor(this.held / this.size);
    this.held = 0;
    if (count === 0) return;
    if (!this.header.isLittleEndian && this.size > 1)
      swapBytes(this.block.subarray(0, count * this.size), this.size);
    this.convert(count);
    this.sink(this.values.subarray(0, count), this.done);
    this.done += count;
  }

  private convert(count: number): void {
    const { stored, values } = this;
    const { slope, intercept } = this.header;
    const isScaled = slope !== 1 || intercept !== 0;
    if (stored instanceof BigInt64Array || stored instanceof BigUint64Array) {
      for (let i = 0; i < count; i++) values[i] = Number(stored[i]) * slope + intercept;
    } else if (isScaled) {
      for (let i = 0; i < count; i++) values[i] = stored[i] * slope + intercept;
    } else {
      values.set(stored.subarray(0, count));
    }
  }
}

/** Bytes that the voxels of an image take in its file. */
export function storedBytes(header: StoredVoxels): number {
  return elementCount(header.dim) * voxelBytes(header.voxelType);
}

function truncated(path: string, header: StoredVoxels, found: number): StudioError {
  const { dim, voxelType } = header;
  return new StudioError(
    'TruncatedFile',
    `${path}: the header promises ${storedBytes(header)} bytes of voxels (${dim.join(' × ')}, ${voxelType}), the file holds ${found}.`,
    'Copy or download the file again.',
  );
}

/** Refuses a header that promises more than its file can hold, before memory is set aside for it. */
export function assertHoldsVoxels(
  path: string,
  header: StoredVoxels,
  { contentBytes, isCompressed }: { readonly contentBytes: number; readonly isCompressed: boolean },
): void {
  const promised = header.voxOffset + storedBytes(header);
  if (!isCompressed) {
    if (contentBytes < promised) throw truncated(path, header, Math.max(0, contentBytes - header.voxOffset));
  } else if (promised > (contentBytes + 1) * MAX_DEFLATE_RATIO) {
    throw new StudioError(
      'TruncatedFile',
      `${path}: the header promises ${formatBytes(promised)}, more than a gzip file of ${formatBytes(contentBytes)} can hold.`,
      'Copy or download the file again.',
    );
  }
}

/** Reads voxels from the pieces of a file's content, in file order, and hands them to `sink` in blocks. */
export async function readVoxels(
  path: string,
  content: AsyncIterable<Uint8Array>,
  header: StoredVoxels,
  sink: ValueSink,
): Promise<void> {
  const converter = new VoxelConverter(header, sink);
  const end = header.voxOffset + storedBytes(header);
  let position = 0;
  for await (const piece of content) {
    const from = Math.max(0, header.voxOffset - position);
    const to = Math.min(piece.length, end - position);
    if (from < to) converter.push(piece.subarray(from, to));
    position += piece.length;
    if (position > end + MAX_SURPLUS_BYTES) break;
  }
  if (position < end) throw truncated(path, header, Math.max(0, position - header.voxOffset));
  converter.flush();
}
