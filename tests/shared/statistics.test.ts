import { describe, expect, test } from 'vitest';
import { mean, nanMean } from '@/shared/statistics';

/** Numbers in [0, 1) of a small congruential generator. */
function numbers(count: number): number[] {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 2 ** 31;
  });
}

/** `np.mean` and, with every fifth from the fourth on NaN, `np.nanmean` of {@link numbers}, by numpy 2.4. */
const BY_NUMPY = [
  [1, 0.6551540484651923, 0.6551540484651923],
  [7, 0.47863006771409083, 0.540606998372823],
  [8, 0.46504565398208797, 0.5162281068707151],
  [9, 0.4418924766489201, 0.5162281068707151],
  [13, 0.4344100956446849, 0.4803541546941481],
  [64, 0.4971477899234742, 0.5112390481026879],
  [127, 0.4775266825940137, 0.4771387743507968],
  [128, 0.47676337393932045, 0.4761939627046073],
  [129, 0.47918135134950857, 0.4761939627046073],
  [200, 0.50214699129574, 0.5023516314802692],
  [300, 0.4988918160802374, 0.4997291874218111],
  [1000, 0.49691074977628885, 0.5000438999710605],
];

describe.each(BY_NUMPY)('means of %i numbers', (count, expectedMean, expectedNanMean) => {
  test('are numpy’s, to the bit', () => {
    const values = numbers(count);
    expect(mean(values)).toBe(expectedMean);
    expect(nanMean(values.map((value, i) => (i % 5 === 3 ? Number.NaN : value)))).toBe(expectedNanMean);
  });
});

test('what has no numbers has no mean', () => {
  expect(nanMean([])).toBeNaN();
  expect(nanMean([Number.NaN, Number.NaN])).toBeNaN();
  expect(mean([])).toBeNaN();
});
