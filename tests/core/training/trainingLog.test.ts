import { expect, test } from 'vitest';
import { pseudoDice } from '@/core/training/pseudoDice';
import {
  EMPTY_LOG,
  type EpochEntry,
  logEntries,
  logFromEntries,
  withEpoch,
} from '@/core/training/trainingLog';

const entry = (dicePerClassOrRegion: readonly number[]): EpochEntry => ({
  trainLoss: 0.5,
  valLoss: 0.4,
  dicePerClassOrRegion,
  learningRate: 0.01,
  start: 100,
  end: 160,
});

test('the running mean starts with the first epoch and takes a tenth of each further one', () => {
  const log = withEpoch(withEpoch(EMPTY_LOG, entry([0.4, 0.6])), entry([0.8, Number.NaN]));
  expect(log.meanFgDice).toEqual([0.5, 0.8]);
  expect(log.emaFgDice[0]).toBe(0.5);
  expect(log.emaFgDice[1]).toBeCloseTo(0.53, 12);
});

test('the lists bear nnU-Net’s names, and come back from them', () => {
  const log = withEpoch(EMPTY_LOG, entry([0.4, 0.6]));
  const entries = new Map<string, readonly unknown[]>(logEntries(log));
  expect([...entries.keys()]).toEqual([
    'mean_fg_dice',
    'ema_fg_dice',
    'dice_per_class_or_region',
    'train_losses',
    'val_losses',
    'lrs',
    'epoch_start_timestamps',
    'epoch_end_timestamps',
  ]);
  expect(logFromEntries((key) => entries.get(key) ?? [])).toEqual(log);
});

test('pseudo Dice of a class that is neither there nor predicted is no number', () => {
  const counts = { truePositives: [3, 0, 0], falsePositives: [1, 0, 2], falseNegatives: [1, 0, 0] };
  expect(pseudoDice(counts)).toEqual([0.75, Number.NaN, 0]);
});

test('an epoch in which no class could be evaluated leaves no NaN in the running mean', () => {
  const nothing = entry([Number.NaN, Number.NaN]);
  const log = [nothing, entry([0.5]), nothing, entry([0.7])].reduce(withEpoch, EMPTY_LOG);
  expect(log.emaFgDice[0]).toBeNaN();
  expect(log.emaFgDice.slice(1, 3)).toEqual([0.5, 0.5]);
  expect(log.emaFgDice[3]).toBeCloseTo(0.52, 12);
});
