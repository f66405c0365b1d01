// The foreground intensities that a case contributes: 10⁸ draws over the dataset and channel. Where the foreground is
// smaller than the draws, these are not held but replayed from the random generator whenever they are needed.
import { MersenneTwister, type TwisterState } from '@/shared/mersenneTwister';
import { type SegmentSums, sumSegment } from './numpySum';

/** Draws with replacement of one channel of one case; plain data, for other threads. */
export interface DrawnIntensities {
  /** Foreground voxels in C order of the cropped array, or the draws themselves, in order. */
  readonly values: Float32Array;
  /** The generator before the first draw; absent where `values` are the draws. */
  readonly random?: TwisterState;
}

/** Where a case's draws stand among those of all cases. */
export interface DrawPlacement {
  readonly start: number;
  /** Draws of this case. */
  readonly count: number;
  /** Draws of all cases. */
  readonly total: number;
}

/** One look at the draws: what they add up to, and how many fell into each bin. */
export interface DrawSurvey {
  /** In float32, as numpy adds. */
  readonly sums: SegmentSums;
  /** In float64. */
  readonly exactSum: number;
  readonly counts: Uint32Array;
}

/** Draws made at once. */
const BLOCK = 1 << 15;
/** The upper half of an intensity's sort key names its bin. */
const COARSE_BINS = 1 << 16;
/** Bins of its lower half. */
export const FINE_BINS = 1 << 16;

/** Sum of the draws, and a histogram of them in the order of intensities. */
export function surveyDraws(draws: DrawnIntensities, placement: DrawPlacement): DrawSurvey {
  const counts = new Uint32Array(COARSE_BINS);
  let exactSum = 0;
  const sums = replay(draws, placement, (chunk) => {
    const bits = new Uint32Array(chunk.buffer, chunk.byteOffset, chunk.length);
    countCoarse(bits, counts);
    exactSum += sumOf(chunk);
  });
  return { sums, exactSum, counts };
}

/**
 * Sum of the squared distances from `mean`, in numpy's float32 steps, and a histogram of each of the coarse bins
 * `bins`, one behind the other.
 */
export function refineDraws(
  draws: DrawnIntensities,
  placement: DrawPlacement,
  mean: number,
  bins: readonly number[],
): DrawSurvey {
  const counts = new Uint32Array(bins.length * FINE_BINS);
  const offsets = new Int32Array(COARSE_BINS).fill(-1);
  for (const [i, bin] of bins.entries()) offsets[bin] = i * FINE_BINS;
  let exactSum = 0;
  const sums = replay(draws, placement, (chunk) => {
    const bits = new Uint32Array(chunk.buffer, chunk.byteOffset, chunk.length);
    countFine(bits, offsets, counts);
    exactSum += squareDistances(chunk, mean);
  });
  return { sums, exactSum, counts };
}

/** The intensity of a coarse bin's fine bin. */
export function intensityAt(coarseBin: number, fineBin: number): number {
  return fromSortKey(((coarseBin << 16) | fineBin) >>> 0);
}

/** Draws again. `visit` sees the intensities chunk by chunk, and may replace them by what is to be added up. */
function replay(
  { values, random }: DrawnIntensities,
  { start, count, total }: DrawPlacement,
  visit: (chunk: Float32Array) => void,
): SegmentSums {
  if (!random) return inOrder(values, { start, count, total }, visit);
  const generator = MersenneTwister.restored(random);
  const drawn = new Uint32Array(BLOCK);
  let used = BLOCK;
  let left = count;
  return sumSegment(total, start, count, (target) => {
    for (let filled = 0; filled < target.length; ) {
      if (used === BLOCK) {
        generator.integersUpTo(values.length - 1, drawn.subarray(0, Math.min(BLOCK, left)));
        left -= Math.min(BLOCK, left);
        used = 0;
      }
      const length = Math.min(target.length - filled, BLOCK - used);
      gather(values, drawn, used, target, filled, length);
      used += length;
      filled += length;
    }
    visit(target);
  });
}

function inOrder(
  values: Float32Array,
  { start, count, total }: DrawPlacement,
  visit: (chunk: Float32Array) => void,
): SegmentSums {
  let used = 0;
  return sumSegment(total, start, count, (target) => {
    target.set(values.subarray(used, used + target.length));
    used += target.length;
    visit(target);
  });
}

// The loops below run 10⁸ times a channel. Each is a function by itself, which is what makes it fast.

function gather(
  values: Float32Array,
  voxels: Uint32Array,
  from: number,
  target: Float32Array,
  to: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) target[to + i] = values[voxels[from + i]];
}

function countCoarse(bits: Uint32Array, counts: Uint32Array): void {
  for (let i = 0; i < bits.length; i++) counts[sortKey(bits[i]) >>> 16]++;
}

function countFine(bits: Uint32Array, offsets: Int32Array, counts: Uint32Array): void {
  for (let i = 0; i < bits.length; i++) {
    const key = sortKey(bits[i]);
    const offset = offsets[key >>> 16];
    if (offset >= 0) counts[offset + (key & 0xffff)]++;
  }
}

function sumOf(chunk: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < chunk.length; i++) sum += chunk[i];
  return sum;
}

/** Replaces every number by its squared distance, in float32; returns the sum of the exact squares. */
function squareDistances(chunk: Float32Array, mean: number): number {
  let exactSum = 0;
  for (let i = 0; i < chunk.length; i++) {
    const exact = chunk[i] - mean;
    const distance = Math.fround(exact);
    exactSum += exact * exact;
    chunk[i] = distance * distance;
  }
  return exactSum;
}

/** Of a float32's bits: orders as an unsigned integer as the numbers do. */
function sortKey(bits: number): number {
  return bits ^ ((bits >> 31) | 0x80000000);
}

function fromSortKey(key: number): number {
  const word = key & 0x80000000 ? key ^ 0x80000000 : ~key;
  return new Float32Array(new Uint32Array([word]).buffer)[0] + 0; // no −0
}
