// The median of a window that slides along x, after Huang: voxels enter and leave a histogram of ranks, so that the cost
// hardly grows with the window.

import { integerBelow, type Random } from '@/shared/random';
import { drawPerChannel, type PerChannel } from './channels';
import { channelOf, type ImagePatch } from './patch';

export interface MedianFilterRule {
  readonly kind: 'medianFilter';
  readonly channelProbability: number;
  /** Voxels, the upper end excluded. */
  readonly sizeRange: readonly [number, number];
}

export interface MedianFilter {
  readonly kind: 'medianFilter';
  readonly sizes: PerChannel<number>;
}

/** Follows batchgeneratorsv2's `MedianFilterTransform`. */
export function drawMedianFilter(
  random: Random,
  { channelProbability, sizeRange: [low, high] }: MedianFilterRule,
  channels: number,
): MedianFilter {
  const draw = () => low + integerBelow(random, high - low);
  return { kind: 'medianFilter', sizes: drawPerChannel(random, channels, channelProbability, draw) };
}

/** As scipy's `median_filter`: the upper median of an even number, borders repeated (`reflect`). */
export function applyMedianFilter(image: ImagePatch, { sizes }: MedianFilter, dimension: 2 | 3): void {
  for (const [c, size] of sizes.entries()) {
    if (size !== undefined)
      filterPlane(channelOf(image, c), image.shape, [dimension === 2 ? 1 : size, size, size]);
  }
}

function filterPlane(plane: Float32Array, shape: readonly number[], window: readonly number[]): void {
  const [depth, height, width] = shape;
  const values = plane.slice().sort();
  const ranks = Uint32Array.from(plane, (value) => firstPlace(values, value));
  const [inZ, inY, inX] = window.map((size, axis) => windowSources(shape[axis], size));
  const middle = Math.floor((window[0] * window[1] * window[2]) / 2);
  const histogram = rankHistogram(plane.length);
  for (let z = 0, i = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const rows: number[] = [];
      for (let dz = 0; dz < window[0]; dz++) {
        for (let dy = 0; dy < window[1]; dy++) rows.push((inZ[z + dz] * height + inY[y + dy]) * width);
      }
      const addColumn = (column: number, count: 1 | -1) => {
        for (const row of rows) histogram.add(ranks[row + inX[column]], count);
      };
      for (let column = 0; column < window[2] - 1; column++) addColumn(column, 1);
      for (let x = 0; x < width; x++, i++) {
        addColumn(x + window[2] - 1, 1);
        plane[i] = values[histogram.at(middle)];
        addColumn(x, -1);
      }
      for (let column = width; column < width + window[2] - 1; column++) addColumn(column, -1);
    }
  }
}

/** Of the first of equals in an ascending order. */
function firstPlace(sorted: Float32Array, value: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Source of each place of a window that slides along an axis, from half its size before the first voxel on. */
function windowSources(size: number, window: number): Int32Array {
  const before = Math.floor(window / 2);
  return Int32Array.from({ length: size + window - 1 }, (_, i) => {
    const period = 2 * size;
    const within = (((i - before) % period) + period) % period;
    return within < size ? within : period - 1 - within;
  });
}

const RADIX_BITS = 7;
const RADIX = 1 << RADIX_BITS;

/** How often each rank is in the window, with sums over blocks of ranks so that the n-th is found quickly. */
function rankHistogram(size: number): { add(rank: number, count: 1 | -1): void; at(place: number): number } {
  const levels: Uint16Array[] = [];
  for (let length = size; ; length = Math.ceil(length / RADIX)) {
    levels.push(new Uint16Array(length));
    if (length <= RADIX) break;
  }
  return {
    add(rank, count) {
      for (let level = 0, block = rank; level < levels.length; level++, block >>= RADIX_BITS) {
        levels[level][block] += count;
      }
    },
    at(place) {
      let block = 0;
      let before = 0;
      for (let level = levels.length - 1; level >= 0; level--) {
        block <<= RADIX_BITS;
        const counts = levels[level];
        while (before + counts[block] <= place) before += counts[block++];
      }
      return block;
    },
  };
}
