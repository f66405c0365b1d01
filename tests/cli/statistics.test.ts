import { expect, test } from 'vitest';
import { intensityStatistics } from '@/cli/describe/statistics';

test('percentiles interpolate and std divides by the count, as in numpy', () => {
  // Squares about the mean: 8.41 + 3.61 + 1.96 + 0.01 + 37.21 = 51.2, over 5.
  const { min, max, mean, std, percentile005, median, percentile995, nonzeroShare } = intensityStatistics(
    Float32Array.of(8, 0, 0.5, 2, -1),
  );
  expect({ min, max, median, nonzeroShare }).toEqual({ min: -1, max: 8, median: 0.5, nonzeroShare: 0.8 });
  expect(mean).toBeCloseTo(1.9, 6);
  expect(std).toBeCloseTo(3.2, 6);
  expect(percentile005).toBeCloseTo(-0.98, 6);
  expect(percentile995).toBeCloseTo(7.88, 6);
});

test('few whole numbers are counted as labels, intensities are not', () => {
  const labels = intensityStatistics(Float32Array.of(0, 2, 0, 1, 2, 2));
  expect([...(labels.labelCounts ?? [])]).toEqual([
    [0, 2],
    [1, 1],
    [2, 3],
  ]);
  expect(intensityStatistics(Float32Array.of(0, 0.5)).labelCounts).toBeUndefined();
  expect(intensityStatistics(Float32Array.of(-1, 0)).labelCounts).toBeUndefined();
  expect(intensityStatistics(Float32Array.from({ length: 1000 }, (_, i) => i)).labelCounts).toBeUndefined();
});
