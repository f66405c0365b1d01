/** Intensities of one channel. */
export interface IntensitySummary {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  /** Half a percent lies below, half a percent above; as nnU-Net's fingerprint has them. */
  readonly percentile005: number;
  readonly median: number;
  readonly percentile995: number;
  /** Share of voxels that are not 0. */
  readonly nonzeroShare: number;
  /** Values that occur with their number of voxels, ascending, where the image looks like a label map. */
  readonly labelCounts: ReadonlyMap<number, number> | undefined;
}

/** More values than this are an image, not labels. */
const MAX_LABELS = 64;

/** `data`: `[z, y, x]`, f32, without NaN. */
export function intensityStatistics(data: Float32Array): IntensitySummary {
  let sum = 0;
  let nonzero = 0;
  for (const value of data) {
    sum += value;
    if (value !== 0) nonzero++;
  }
  const mean = sum / data.length;
  let squares = 0;
  for (const value of data) squares += (value - mean) ** 2;
  const sorted = Float32Array.from(data).sort();
  return {
    min: sorted[0],
    max: sorted[sorted.length - 1],
    mean,
    std: Math.sqrt(squares / data.length),
    percentile005: percentile(sorted, 0.5),
    median: percentile(sorted, 50),
    percentile995: percentile(sorted, 99.5),
    nonzeroShare: nonzero / data.length,
    labelCounts: countLabels(sorted),
  };
}

/** numpy's linear interpolation. `sorted` ascending. */
function percentile(sorted: Float32Array, percent: number): number {
  const position = ((sorted.length - 1) * percent) / 100;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

/** Few whole numbers from 0 on, each with its count; `undefined` for an image of intensities. */
function countLabels(sorted: Float32Array): ReadonlyMap<number, number> | undefined {
  const counts = new Map<number, number>();
  for (let start = 0; start < sorted.length; ) {
    const value = sorted[start];
    if (value < 0 || !Number.isInteger(value) || counts.size === MAX_LABELS) return undefined;
    const end = endOfRun(sorted, start);
    counts.set(value, end - start);
    start = end;
  }
  return counts;
}

/** First index past the run of equal values that begins at `start`. */
function endOfRun(sorted: Float32Array, start: number): number {
  let low = start + 1;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] === sorted[start]) low = middle + 1;
    else high = middle;
  }
  return low;
}
