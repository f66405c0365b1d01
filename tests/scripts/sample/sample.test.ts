import { describe, expect, test } from 'vitest';
import { makePhantom, PHANTOM_LABELS, PHANTOM_SHAPE } from '../../../scripts/sample/phantom';
import { RidgeSums } from '../../../scripts/sample/ridge';

const bytesOf = ({ buffer }: Uint16Array) => new Uint8Array(buffer);

describe('the phantom', () => {
  test('is the same for the same seed, another for another', () => {
    const [one, again, other] = [5, 5, 6].map((seed) => makePhantom(seed));
    expect(Buffer.compare(bytesOf(one.image), bytesOf(again.image))).toBe(0);
    expect(Buffer.compare(one.labels, again.labels)).toBe(0);
    expect(Buffer.compare(bytesOf(one.image), bytesOf(other.image))).not.toBe(0);
  });

  test.each([1, 2, 300])('has every structure, none of them large (seed %i)', (seed) => {
    const { image, labels } = makePhantom(seed);
    expect(image.length).toBe(PHANTOM_SHAPE[0] * PHANTOM_SHAPE[1] * PHANTOM_SHAPE[2]);
    for (const label of Object.values(PHANTOM_LABELS).slice(1)) {
      const share = labels.filter((value) => value === label).length / labels.length;
      expect(share).toBeGreaterThan(0.0001);
      expect(share).toBeLessThan(0.05);
    }
  });
});

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
