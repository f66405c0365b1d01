import { expect, test } from 'vitest';
import { MersenneTwister } from '@/shared/mersenneTwister';

test.each([
  [1234, [822569775, 2137449171, 2671936806, 3512589365, 1880026316]],
  [12345, [3992670690, 3823185381, 1358822685, 561383553, 789925284]],
])('seed %i gives the outputs of numpy.random.RandomState', (seed, expected) => {
  const random = new MersenneTwister(seed);
  expect(expected.map(() => random.uint32())).toEqual(expected);
});

test('a permutation of ten with seed 12345 has the order of numpy', () => {
  // KFold(5, shuffle=True, random_state=12345) validates on consecutive pairs of this order.
  const order = [...new MersenneTwister(12345).permutation(10)];
  const folds = [0, 1, 2, 3, 4].map((fold) => order.slice(2 * fold, 2 * fold + 2).sort((a, b) => a - b));
  expect(folds).toEqual([
    [0, 7],
    [3, 9],
    [4, 6],
    [1, 8],
    [2, 5],
  ]);
});

test('a bounded draw of one value consumes nothing', () => {
  const random = new MersenneTwister(1);
  const untouched = new MersenneTwister(1);
  expect(random.integerUpTo(0)).toBe(0);
  expect(random.uint32()).toBe(untouched.uint32());
});

test.each([0, 1, 5, 1000, 1023, 1024, 2 ** 31 - 1])(
  'draws up to %i are the same one by one and many at once',
  (max) => {
    const single = new MersenneTwister(1234);
    const bulk = new MersenneTwister(1234);
    const many = new Uint32Array(3001);
    bulk.integersUpTo(max, many);
    expect([...many]).toEqual(Array.from(many, () => single.integerUpTo(max)));
    expect(bulk.uint32()).toBe(single.uint32());
  },
);

test('a restored generator goes on like the saved one and leaves it alone', () => {
  const original = new MersenneTwister(1234);
  original.uint32();
  const copy = MersenneTwister.restored(structuredClone(original.saved()));
  expect([copy.uint32(), copy.uint32()]).toEqual([original.uint32(), original.uint32()]);
});
