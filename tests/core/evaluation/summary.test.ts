import { describe, expect, test } from 'vitest';
import { segmentationMetrics } from '@/core/evaluation/metrics';
import { labelOfKey, readSummary, summariseCases, summaryJson } from '@/core/evaluation/summary';

const LABELS = [[1, 2, 3], [2, 3], [3]];

/** Two cases; label 3 is in neither of the first's maps. */
function summary() {
  const maps = [
    [
      [1, 2, 0, 0],
      [1, 2, 2, 0],
    ],
    [
      [3, 3, 0, 0],
      [3, 0, 0, 1],
    ],
  ];
  return summariseCases(
    LABELS,
    maps.map(([prediction, reference], i) => ({
      predictionFile: `/results/case_${i}.nii.gz`,
      referenceFile: `/labels/case_${i}.nii.gz`,
      metrics: segmentationMetrics(prediction, reference, LABELS, undefined),
    })),
  );
}

describe('summary.json', () => {
  test('comes back as it was written, bare NaN and regions included', () => {
    const text = summaryJson(summary());
    expect(text).toContain('"Dice": NaN');
    expect(text).toContain('"(1, 2, 3)": {');
    expect(readSummary(text, 'summary.json', LABELS)).toEqual(summary());
  });

  test('has its labels in the order that is asked for, or in the file’s', () => {
    const text = summaryJson(summary());
    const reversed = readSummary(text, 'summary.json', LABELS.toReversed());
    expect(reversed.mean).toEqual(summary().mean.toReversed());
    expect(reversed.cases[1].metrics).toEqual(summary().cases[1].metrics.toReversed());
    expect(new Set(readSummary(text, 'summary.json').labels.map(String))).toEqual(
      new Set(LABELS.map(String)),
    );
  });

  test('null stands for NaN where a strict writer was at work', () => {
    const text = summaryJson(summary()).replaceAll('NaN', 'null');
    expect(readSummary(text, 'summary.json', LABELS)).toEqual(summary());
  });

  test('of other labels is refused with the label', () => {
    const text = summaryJson(summary());
    expect(() => readSummary(text, 'here/summary.json', [[7]])).toThrow(
      expect.objectContaining({ name: 'BadSummary', message: expect.stringContaining('nothing for 7') }),
    );
  });

  test.each([
    ['{}', 'BadSummary', 'foreground_mean'],
    ['{"mean": ', 'BadJson', 'summary.json'],
    [summaryJson(summary()).replace('"TP": 2', '"TP": "two"'), 'BadSummary', 'metric_per_case[0].metrics'],
    [summaryJson(summary()).replaceAll('(2, 3)', 'core'), 'BadSummary', 'core'],
  ])('that is damaged is refused with the place: %#', (text, name, message) => {
    expect(() => readSummary(text, 'summary.json')).toThrow(
      expect.objectContaining({ name, message: expect.stringContaining(message) }),
    );
  });
});

test('keys of labels and regions', () => {
  expect(labelOfKey('12')).toEqual([12]);
  expect(labelOfKey('(1, 2, 3)')).toEqual([1, 2, 3]);
  expect(labelOfKey('(2,)')).toEqual([2]);
});
