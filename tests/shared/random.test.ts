import { expect, test } from 'vitest';
import { hashIntegers, integerBelow, keyedRandom, seededRandom, shuffled, uniformIn } from '@/shared/random';

test('streams of neighbouring keys have nothing in common', () => {
  const keys = Array.from({ length: 4 }, (_, seed) =>
    Array.from({ length: 25 }, (_, iteration) => [0, 1].map((sample) => [seed, iteration, sample])).flat(),
  ).flat();
  const streams = keys.map((key) => {
    const random = keyedRandom(...key);
    return Array.from({ length: 200 }, () => random.uniform());
  });
  expect(new Set(streams.flat()).size).toBe(keys.length * 200);
  // The n-th numbers of all streams are as even as the numbers of one.
  for (const place of [0, 1, 199]) {
    const mean = streams.reduce((sum, stream) => sum + stream[place], 0) / streams.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * streams.length));
  }
});

test('a key gives the same stream each time, and its order counts', () => {
  const first = (...keys: number[]) => keyedRandom(...keys).uniform();
  expect(first(1, 2, 3)).toBe(first(1, 2, 3));
  expect(new Set([first(1, 2, 3), first(1, 3, 2), first(3, 2, 1), first(1, 2), first(1, 2, 3, 0)]).size).toBe(
    5,
  );
  expect(first(2 ** 32)).not.toBe(first(0));
});

test('hashes of integers in a row spread evenly over 32 bits', () => {
  const count = 40_000;
  const bits = new Uint32Array(32);
  for (let i = 0; i < count; i++) {
    const hash = hashIntegers(7, i);
    for (let bit = 0; bit < 32; bit++) bits[bit] += (hash >>> bit) & 1;
  }
  const tolerance = 4 * Math.sqrt(count / 4);
  for (const ones of bits) expect(Math.abs(ones - count / 2)).toBeLessThan(tolerance);
});

test('numbers of a keyed stream are uniform, successive ones apart', () => {
  const random = keyedRandom(5);
  const values = Array.from({ length: 100_000 }, () => random.uniform());
  const mean = (value: (x: number, i: number) => number) =>
    values.reduce((sum, x, i) => sum + value(x - 0.5, i), 0) / values.length;
  expect(Math.abs(mean((x) => x))).toBeLessThan(4 * Math.sqrt(1 / 12 / values.length));
  expect(Math.abs(mean((x) => x * x) - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / values.length));
  const next = (i: number) => values[(i + 1) % values.length] - 0.5;
  expect(Math.abs(mean((x, i) => x * next(i)))).toBeLessThan(4 / 12 / Math.sqrt(values.length));
});

test('ranges, integers and shuffles', () => {
  const random = seededRandom(1);
  const drawn = Array.from({ length: 1000 }, () => uniformIn(random, [-2, 3]));
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(-2);
  expect(Math.max(...drawn)).toBeLessThan(3);
  const integers = Array.from({ length: 1000 }, () => integerBelow(random, 3));
  expect(new Set(integers)).toEqual(new Set([0, 1, 2]));
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = shuffled(random, ['a', 'b', 'c']).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values())
    expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(6000 * (5 / 36)));
});
