/** Counts of values in equal bins over a range; what lies outside falls into the outermost bins. */
export interface Histogram {
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
}

export function histogram(
  values: ArrayLike<number>,
  [low, high]: readonly [number, number],
  bins: number,
): Histogram {
  const counts = new Array<number>(bins).fill(0);
  const width = (high - low) / bins || 1;
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i] - low) / width);
    counts[Math.max(0, Math.min(bins - 1, bin))]++;
  }
  return { low, high, counts };
}

/** The range that holds all but a share of the values at either end; never empty. */
export function rangeOf(values: Float32Array, shareLeftOut: number): readonly [number, number] {
  if (values.length === 0) return [0, 1];
  const sorted = values.toSorted();
  const last = sorted.length - 1;
  const low = sorted[Math.floor(shareLeftOut * last)];
  const high = sorted[Math.ceil((1 - shareLeftOut) * last)];
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}

/** Least, middle and greatest of some values. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    min: sorted[0],
    median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2,
    max: sorted[sorted.length - 1],
  };
}

/** Round numbers inside a range, for an axis: steps of 1, 2 or 5 × 10ⁿ. */
export function ticksOf(low: number, high: number, about: number): readonly number[] {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * step);
}
