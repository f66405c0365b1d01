import { expect, test } from 'vitest';
import { crossValidationSplits, readSplits, splitOfFold } from '@/core/dataset/splits';

const ids = (count: number) => Array.from({ length: count }, (_, i) => `case_${String(i).padStart(3, '0')}`);
const indices = (caseIds: readonly string[]) => caseIds.map((id) => Number(id.slice(5)));

test.each([
  [5, [[0], [4], [3], [1], [2]]],
  [7, [[3, 6], [0, 4], [1], [5], [2]]],
  [
    20,
    [
      [3, 8, 13, 16],
      [0, 10, 12, 15],
      [6, 7, 11, 17],
      [9, 14, 18, 19],
      [1, 2, 4, 5],
    ],
  ],
])('%i cases are validated in the folds of scikit-learn', (count, expected) => {
  const splits = crossValidationSplits(ids(count).reverse());
  expect(splits.map(({ val }) => indices(val))).toEqual(expected);
  for (const { train, val } of splits) expect([...train, ...val].sort()).toEqual(ids(count));
});

test('a fold beyond the file is the seeded draw, in the order drawn', () => {
  const { train } = splitOfFold(5, crossValidationSplits(ids(10)), ids(10));
  expect(indices(train)).toEqual([0, 8, 4, 5, 3, 9, 7, 6]);
});

test('fold all trains and validates on everything', () => {
  expect(splitOfFold('all', [], ids(3))).toEqual({ train: ids(3), val: ids(3) });
});

test('four cases make no five folds', () => {
  expect(() => crossValidationSplits(ids(4))).toThrow(/fold "all"/);
});

test('own splits must name cases of the dataset', () => {
  const text = JSON.stringify([{ train: ['case_000'], val: ['case_009'] }]);
  expect(() => readSplits(text, 'splits_final.json', ids(3))).toThrow(/fold 0: .*no case case_009/);
});
