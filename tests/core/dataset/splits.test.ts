import { describe, expect, test } from 'vitest';
import { crossValidationSplits, readSplits, splitNotices, splitOfFold } from '@/core/dataset/splits';

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

describe('what is said of a fold', () => {
  const noticesOf = (
    fold: number | 'all',
    splits: readonly { train: string[]; val: string[] }[],
    count = 6,
  ) => splitNotices(fold, splits, splitOfFold(fold, splits, ids(count)));

  test('nothing of nnU-Net’s own folds, nor of all', () => {
    const splits = crossValidationSplits(ids(7)).map(({ train, val }) => ({
      train: [...train],
      val: [...val],
    }));
    for (const fold of [0, 1, 2, 3, 4, 'all'] as const) expect(noticesOf(fold, splits, 7)).toEqual([]);
  });

  test('that its cases are drawn where the file does not have it', () => {
    const [a, b, c, d] = ids(4);
    const one = [{ train: [a, b], val: [c] }];
    expect(noticesOf(3, one)).toEqual([
      'splits_final.json has only 1 fold (0), so fold 3 is a random 80:20 split with a fixed seed: 4 training cases, 2 validation cases.',
    ]);
    expect(noticesOf(7, [...one, { train: [a, c], val: [d] }])[0]).toContain('has only 2 folds (0 to 1)');
  });

  test('that cases are both trained on and validated', () => {
    const [a, b, c] = ids(3);
    expect(noticesOf(0, [{ train: [a, b, c], val: [c] }])).toEqual([
      expect.stringMatching(/^Warning: fold 0 validates 1 case that it is also trained on \(case_002\)/),
    ]);
    const many = ids(9);
    expect(noticesOf(0, [{ train: many, val: many }])[0]).toContain('9 cases that it is also trained on');
    expect(noticesOf(0, [{ train: many, val: many }])[0]).toContain('case_004 and 4 more');
  });

  test('that another fold validates the same cases', () => {
    const [a, b, c, d] = ids(4);
    const splits = [
      { train: [a, b], val: [c, d] },
      { train: [a, c], val: [b] },
      { train: [a, b], val: [d] },
    ];
    expect(noticesOf(0, splits)).toEqual([expect.stringMatching(/folds 0 and 2 both validate case_003/)]);
    expect(noticesOf(1, splits)).toEqual([]);
  });
});
