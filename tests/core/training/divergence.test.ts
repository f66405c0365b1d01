import { describe, expect, test } from 'vitest';
import { isBetter, LossWatch } from '@/core/training/divergence';

const PLACE = { epoch: 3, stage: 'training', iteration: 5, total: 250 } as const;

describe('a loss that is no number', () => {
  test('stops the training with its place and what to do', () => {
    const watch = new LossWatch(0);
    expect(watch.isUsable(0.5, PLACE)).toBe(true);
    expect(() => watch.isUsable(Number.NaN, PLACE)).toThrow(
      /diverged in epoch 3: after iteration 5 of 250 the training loss is NaN, not finite\. .*--c.*smaller learning rate/,
    );
    expect(() => watch.isUsable(Number.POSITIVE_INFINITY, PLACE)).toThrow(/is Infinity/);
  });

  test('is left out a few times where half precision may overflow', () => {
    const watch = new LossWatch(2);
    expect([Number.NaN, Number.NaN, 0.5, Number.NaN].map((loss) => watch.isUsable(loss, PLACE))).toEqual([
      false,
      false,
      true,
      false,
    ]);
    watch.isUsable(Number.NaN, PLACE);
    expect(() => watch.isUsable(Number.NaN, PLACE)).toThrow(/diverged/);
  });
});

test('what is no number is never the best, and every number is better than it', () => {
  expect(isBetter(Number.NaN, undefined)).toBe(false);
  expect(isBetter(Number.NaN, 0.1)).toBe(false);
  expect(isBetter(0, Number.NaN)).toBe(true);
  expect(isBetter(0, undefined)).toBe(true);
  expect(isBetter(0.1, 0.2)).toBe(false);
});
