import { expect, test } from 'vitest';
import { histogram, rangeOf, spreadOf, ticksOf } from '@/ui/data/histogram';

test('values outside the range fall into the outermost bins', () => {
  expect(histogram([-5, 0, 0.9, 1, 2, 3.5, 9], [0, 4], 4).counts).toEqual([3, 1, 1, 2]);
});

test('a range leaves outliers out and is never empty', () => {
  const values = Float32Array.from({ length: 1001 }, (_, i) => (i === 1000 ? 1e6 : i));
  expect(rangeOf(values, 0.01)).toEqual([10, 990]);
  expect(rangeOf(Float32Array.of(3, 3), 0)).toEqual([2.5, 3.5]);
  expect(rangeOf(new Float32Array(0), 0)).toEqual([0, 1]);
});

test('a median of an even number of values lies between the middle two', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4 });
});

test('ticks are round and inside', () => {
  expect(ticksOf(-1.2, 3.4, 5)).toEqual([-1, 0, 1, 2, 3]);
  expect(ticksOf(103, 980, 5)).toEqual([200, 400, 600, 800]);
});
