// numpy's order statistics, to the last bit: planning compares and rounds what comes out of them.

/** `np.percentile(values, q)` with linear interpolation; `q` in 0…100. */
export function percentile(values: readonly number[], q: number): number {
  return percentileOfSorted(
    [...values].sort((a, b) => a - b),
    q,
  );
}

/** The same of values that ascend already. */
export function percentileOfSorted(sorted: ArrayLike<number>, q: number): number {
  const position = (sorted.length - 1) * (q / 100);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return lerp(sorted[below], sorted[above], position - below);
}

/** numpy interpolates from the nearer end, which decides the last bit. */
function lerp(a: number, b: number, t: number): number {
  const difference = b - a;
  return t >= 0.5 ? b - difference * (1 - t) : a + difference * t;
}

/** `np.median(values)`: the mean of the two middle values where their number is even. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `np.nanmean(values)`: of those that are numbers; NaN if none is. */
export function nanMean(values: readonly number[]): number {
  const count = values.filter((value) => !Number.isNaN(value)).length;
  return pairwiseSum(values.map((value) => (Number.isNaN(value) ? 0 : value))) / count;
}

/** `np.mean(values)`. */
export function mean(values: readonly number[]): number {
  return pairwiseSum(values) / values.length;
}

/** Numbers that numpy adds in one go, with eight running sums. */
const PAIRWISE_LEAF = 128;

/** `np.sum(values)` of float64: halves of halves, rounded to eights. */
function pairwiseSum(values: readonly number[]): number {
  if (values.length > PAIRWISE_LEAF) {
    const half = Math.floor(values.length / 2);
    const left = half - (half % 8);
    return pairwiseSum(values.slice(0, left)) + pairwiseSum(values.slice(left));
  }
  const eights = values.length - (values.length % 8);
  const sums = values.slice(0, Math.min(8, eights));
  for (let i = 8; i < eights; i++) sums[i % 8] += values[i];
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = sums;
  return values.slice(eights).reduce((sum, value) => sum + value, a + b + (c + d) + (e + f + (g + h)));
}
