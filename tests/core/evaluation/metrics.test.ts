import { describe, expect, test } from 'vitest';
import { evaluatedLabels, labelKey, segmentationMetrics } from '@/core/evaluation/metrics';
import { summariseCases, summaryJson } from '@/core/evaluation/summary';
import { seededRandom } from '@/shared/random';
import { labelSet } from '../../support/labels';

const REFERENCE = [0, 0, 1, 1, 1, 2, 2, 3];
const PREDICTION = [0, 1, 1, 1, 0, 2, 0, 0];

describe('metrics', () => {
  test('count voxels of a label', () => {
    const [metrics] = segmentationMetrics(PREDICTION, REFERENCE, [[1]], undefined);
    expect(metrics).toEqual({ TP: 2, FP: 1, FN: 1, TN: 4, Dice: 4 / 6, IoU: 0.5, n_pred: 3, n_ref: 3 });
  });

  test('count a region as one', () => {
    const [metrics] = segmentationMetrics(PREDICTION, REFERENCE, [[1, 2]], undefined);
    expect(metrics).toMatchObject({ TP: 3, FP: 1, FN: 2, TN: 2 });
  });

  test('leave ignored voxels out', () => {
    const [one, three] = segmentationMetrics(PREDICTION, REFERENCE, [[1], [3]], 3);
    expect(one.TN).toBe(3);
    expect(three).toMatchObject({ n_ref: 0, Dice: Number.NaN, IoU: Number.NaN });
  });

  test('refuse maps of different lengths', () => {
    expect(() => segmentationMetrics([1], [1, 2], [[1]], undefined)).toThrow('1 voxels are predicted');
  });

  test('are of foreground labels, or of regions in file order', () => {
    expect(evaluatedLabels(labelSet({ background: 0, b: 2, a: 1, ignore: 3 }, undefined))).toEqual([
      [1],
      [2],
    ]);
    const regions = evaluatedLabels(labelSet({ background: 0, whole: [1, 2], core: 2 }, [1, 2]));
    expect(regions.map(labelKey)).toEqual(['(1, 2)', '2']);
  });
});

describe('a summary', () => {
  const labels = [[1], [2]];
  const cases = [PREDICTION, REFERENCE.map((label) => (label === 2 ? 0 : label))].map((prediction, i) => ({
    predictionFile: `/pred/${i}`,
    referenceFile: `/ref/${i}`,
    metrics: segmentationMetrics(prediction, i === 0 ? REFERENCE : prediction, labels, undefined),
  }));

  test('averages over the cases that have a label, then over labels', () => {
    const { mean, foregroundMean } = summariseCases(labels, cases);
    expect(mean[0].Dice).toBeCloseTo((4 / 6 + 1) / 2, 12);
    expect(mean[1].Dice).toBeCloseTo(2 / 3, 12);
    expect(foregroundMean.Dice).toBeCloseTo((mean[0].Dice + mean[1].Dice) / 2, 12);
  });

  test('is written as Python does: sorted keys, NaN, floats where means are', () => {
    const text = summaryJson(summariseCases(labels, cases));
    expect(text).toContain('"foreground_mean": {\n        "Dice": ');
    expect(text).toContain('"Dice": NaN');
    expect(text).toContain('"TP": 2.5');
    expect(text).toMatch(
      /"metric_per_case": \[\s+\{\s+"metrics": \{\s+"1": \{\s+"Dice": 0.66\d+,\s+"FN": 1,/,
    );
    expect(text).toContain('"n_ref": 3.0');
  });
});

test('bytes are counted as other numbers are', () => {
  const random = seededRandom(3);
  const map = () =>
    Array.from({ length: 500 }, (_, i) => (i % 50 < 25 ? 2 : Math.floor(4 * random.uniform())));
  const [prediction, reference] = [map(), map()];
  const labels = [[1], [2, 3], [255]];
  const expected = segmentationMetrics(prediction, reference, labels, 1);
  const bytes = segmentationMetrics(Uint8Array.from(prediction), Uint8Array.from(reference), labels, 1);
  expect(bytes).toEqual(expected);
  expect(expected[1].TP).toBeGreaterThan(100);
  const last = segmentationMetrics(Uint8Array.of(0, 255), Uint8Array.of(0, 255), labels, undefined);
  expect(last[2]).toMatchObject({ TP: 1, TN: 1, Dice: 1 });
});
