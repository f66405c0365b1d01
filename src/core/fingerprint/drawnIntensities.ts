// The foreground intensities that a case contributes: 10⁸ draws over the dataset and channel, which are never held but
// replayed from the random generator whenever they are needed.
import type { MersenneTwister } from '@/shared/mersenneTwister';
import { type SegmentSums, sumSegment } from './numpySum';

/** Draws with replacement of one channel of one case. */
export interface DrawnIntensities {
  /** Foreground voxels in C order of the cropped array. */
  readonly values: Float32Array;
  /** The generator as it was before the first draw. */
  readonly random: MersenneTwister;
}

/** Where a case's draws stand among those of all cases. */
export interface DrawPlacement {
  readonly start: number;
  /** Draws of this case. */
  readonly count: number;
  /** Draws of all cases. */
  readonly total: number;
}

/** One look at the draws: their sum's share, and how many fell into each bin. */
export interface DrawSurvey {
  readonly sums: SegmentSums;
  /** The same sum in float64, from float64 terms. */
  readonly exactSum: number;
  readonly counts: Float64Array;
}

const BLOCK = 1 << 14;
/** The upper half of an intensity's sort key names its bin. */
const COARSE_BINS = 1 << 16;
/** Bins of its lower half. */
export const FINE_BINS = 1 << 16;

/** Sum of the draws, and a histogram of the draws in the order of intensities. */
export function surveyDraws(draws: DrawnIntensities, placement: DrawPlacement): DrawSurvey {
  const keys = sortKeys(draws.values);
  const counts = new Float64Array(COARSE_BINS);
  const { sums, hits } = replay(draws, placement, draws.values);
  let exactSum = 0;
  for (let i = 0; i < keys.length; i++) {
    counts[keys[i] >>> 16] += hits[i];
    exactSum += hits[i] * draws.values[i];
  }
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
  const squares = draws.values.map((value) => {
    const distance = Math.fround(value - mean);
    return distance * distance;
  });
  const keys = sortKeys(draws.values);
  const counts = new Float64Array(bins.length * FINE_BINS);
  const { sums, hits } = replay(draws, placement, squares);
  const offsets = new Map(bins.map((bin, i) => [bin, i * FINE_BINS]));
  let exactSum = 0;
  for (let i = 0; i < keys.length; i++) {
    exactSum += hits[i] * (draws.values[i] - mean) ** 2;
    const offset = offsets.get(keys[i] >>> 16);
    if (offset !== undefined) counts[offset + (keys[i] & 0xffff)] += hits[i];
  }
  return { sums, exactSum, counts };
}

/** The intensity of a coarse bin's fine bin. */
export function intensityAt(coarseBin: number, fineBin: number): number {
  return fromSortKey(((coarseBin << 16) | fineBin) >>> 0);
}

/** Draws again, adding up `table` at the drawn voxels and counting how often each voxel was drawn. */
function replay(
  { values, random }: DrawnIntensities,
  { start, count, total }: DrawPlacement,
  table: Float32Array,
): { sums: SegmentSums; hits: Uint32Array } {
  const generator = random.clone();
  const hits = new Uint32Array(values.length);
  const drawn = new Uint32Array(BLOCK);
  let used = BLOCK;
  let left = count;
  const sums = sumSegment(total, start, count, (target) => {
    for (let filled = 0; filled < target.length; ) {
      if (used === BLOCK) {
        generator.integersUpTo(values.length - 1, drawn.subarray(0, Math.min(BLOCK, left)));
        left -= Math.min(BLOCK, left);
        used = 0;
      }
      const length = Math.min(target.length - filled, BLOCK - used);
      for (let i = 0; i < length; i++) {
        const voxel = drawn[used + i];
        hits[voxel]++;
        target[filled + i] = table[voxel];
      }
      used += length;
      filled += length;
    }
  });
  return { sums, hits };
}

/** Bits that order as unsigned integers as the numbers do. */
function sortKeys(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return bits.map((word) => (word & 0x80000000 ? ~word : word | 0x80000000));
}

function fromSortKey(key: number): number {
  const word = key & 0x80000000 ? key ^ 0x80000000 : ~key;
  return new Float32Array(new Uint32Array([word]).buffer)[0] + 0; // no −0
}
