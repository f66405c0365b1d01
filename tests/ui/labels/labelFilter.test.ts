import { describe, expect, test } from 'vitest';
import { labelsThatFit, lowest, namesInShort } from '@/ui/labels/labelFilter';

const LABELS = [
  { name: 'Left kidney', value: 2 },
  { name: 'Right kidney', value: 12 },
  { name: 'Spleen', value: 3 },
];

describe('searching labels', () => {
  test('finds a part of the name in any case', () => {
    expect(labelsThatFit(LABELS, ' KIDNEY ').map(({ value }) => value)).toEqual([2, 12]);
  });

  test('finds a value as a whole, not as a part of another', () => {
    expect(labelsThatFit(LABELS, '2').map(({ value }) => value)).toEqual([2]);
  });

  test('an empty text leaves all, one that nothing has leaves none', () => {
    expect(labelsThatFit(LABELS, '  ')).toBe(LABELS);
    expect(labelsThatFit(LABELS, 'liver')).toEqual([]);
  });
});

describe('names in short', () => {
  test('says how many more there are', () => {
    expect(namesInShort(['a', 'b', 'c'], 3)).toBe('a, b, c');
    expect(namesInShort(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more');
  });

  test('cuts a very long name', () => {
    expect(namesInShort(['x'.repeat(90)], 1)).toHaveLength(40);
  });
});

test('the lowest values come first, what is no number last', () => {
  expect(lowest([0.5, Number.NaN, 0.1, 0.5], 3)).toEqual([2, 0, 3]);
  expect(lowest([Number.NaN, 1], 5)).toEqual([1, 0]);
});
