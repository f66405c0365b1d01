import { expect, test } from 'vitest';
import { RidgeSums } from '../../../scripts/sample/ridge';

test('ridge regression without a penalty finds the line that made the samples', () => {
  const sums = new RidgeSums(3, 2);
  for (const [a, b] of [
    [0, 1],
    [2, -1],
    [1, 5],
    [-3, 2],
  ]) {
    sums.add(Float64Array.of(a, b, 1), Float64Array.of(2 * a - b + 3, 0.5 * b));
  }
  const solution = sums.solve(0);
  for (const [i, expected] of [2, 0, -1, 0.5, 3, 0].entries()) expect(solution[i]).toBeCloseTo(expected, 10);
});

test('a penalty shrinks the weights', () => {
  const sums = new RidgeSums(1, 1);
  sums.add(Float64Array.of(2), Float64Array.of(4));
  expect(sums.solve(1)[0]).toBeCloseTo(1, 12);
});
