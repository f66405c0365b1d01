import { expect, test } from 'vitest';
import { deepSupervisionWeights } from '@/core/training/deepSupervision';

test('six stages weigh their five heads as nnU-Net does', () => {
  const weights = deepSupervisionWeights(5);
  expect(weights.map((weight) => Number(weight.toFixed(4)))).toEqual([0.5333, 0.2667, 0.1333, 0.0667, 0]);
});

test('a head alone counts whole', () => {
  expect(deepSupervisionWeights(1)).toEqual([1]);
});
