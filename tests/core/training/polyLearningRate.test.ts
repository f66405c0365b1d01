import { expect, test } from 'vitest';
import { polyLearningRate } from '@/core/training/polyLearningRate';

test('the learning rate falls from its initial value to almost nothing', () => {
  expect(polyLearningRate(0.01, 0, 1000)).toBe(0.01);
  expect(polyLearningRate(0.01, 500, 1000)).toBeCloseTo(0.01 * 0.5 ** 0.9, 16);
  expect(polyLearningRate(0.01, 999, 1000)).toBeCloseTo(1.995e-5, 8);
});
