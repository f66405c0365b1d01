// What a training has seen so far, one entry an epoch: nnU-Net's logger.

import { nanMean } from '@/shared/statistics';

/** Weight of what was in the running mean of the pseudo Dice. */
const EMA_WEIGHT = 0.9;

export interface TrainingLog {
  readonly meanFgDice: readonly number[];
  /** Running mean of `meanFgDice`; decides on the best checkpoint. */
  readonly emaFgDice: readonly number[];
  /** Classes without background, or regions; NaN where a class was neither there nor predicted. */
  readonly dicePerClassOrRegion: readonly (readonly number[])[];
  readonly trainLosses: readonly number[];
  readonly valLosses: readonly number[];
  readonly lrs: readonly number[];
  /** Seconds since 1970. */
  readonly epochStartTimestamps: readonly number[];
  readonly epochEndTimestamps: readonly number[];
}

export const EMPTY_LOG: TrainingLog = {
  meanFgDice: [],
  emaFgDice: [],
  dicePerClassOrRegion: [],
  trainLosses: [],
  valLosses: [],
  lrs: [],
  epochStartTimestamps: [],
  epochEndTimestamps: [],
};

/** What one epoch adds. */
export interface EpochEntry {
  readonly trainLoss: number;
  readonly valLoss: number;
  readonly dicePerClassOrRegion: readonly number[];
  readonly learningRate: number;
  /** Seconds since 1970. */
  readonly start: number;
  readonly end: number;
}

/** The log with one more epoch. Follows nnU-Net's `nnUNetLogger.log`. */
export function withEpoch(log: TrainingLog, entry: EpochEntry): TrainingLog {
  const mean = nanMean(entry.dicePerClassOrRegion);
  const before = log.emaFgDice.at(-1);
  const ema = runningMean(before, mean);
  return {
    meanFgDice: [...log.meanFgDice, mean],
    emaFgDice: [...log.emaFgDice, ema],
    dicePerClassOrRegion: [...log.dicePerClassOrRegion, entry.dicePerClassOrRegion],
    trainLosses: [...log.trainLosses, entry.trainLoss],
    valLosses: [...log.valLosses, entry.valLoss],
    lrs: [...log.lrs, entry.learningRate],
    epochStartTimestamps: [...log.epochStartTimestamps, entry.start],
    epochEndTimestamps: [...log.epochEndTimestamps, entry.end],
  };
}

/** Whether a list of the log may hold NaN: of epochs in which no class was there to be evaluated, as in nnU-Net. */
export function hasNoScore([key]: readonly string[]): boolean {
  return [LOG_KEYS.meanFgDice, LOG_KEYS.emaFgDice, LOG_KEYS.dicePerClassOrRegion].some(
    (each) => each === key,
  );
}

/** An epoch in which no class could be evaluated, or the first ones, leave no NaN in the mean for good. */
function runningMean(before: number | undefined, mean: number): number {
  if (before === undefined || Number.isNaN(before)) return mean;
  return Number.isNaN(mean) ? before : EMA_WEIGHT * before + (1 - EMA_WEIGHT) * mean;
}

/** Names of the lists in nnU-Net's checkpoints. */
const LOG_KEYS = {
  meanFgDice: 'mean_fg_dice',
  emaFgDice: 'ema_fg_dice',
  dicePerClassOrRegion: 'dice_per_class_or_region',
  trainLosses: 'train_losses',
  valLosses: 'val_losses',
  lrs: 'lrs',
  epochStartTimestamps: 'epoch_start_timestamps',
  epochEndTimestamps: 'epoch_end_timestamps',
} as const satisfies Record<keyof TrainingLog, string>;

/** The log under nnU-Net's names. */
export function logEntries(
  log: TrainingLog,
): readonly (readonly [string, readonly (number | readonly number[])[]])[] {
  return logFields().map((field) => [LOG_KEYS[field], log[field]]);
}

function logFields(): (keyof typeof LOG_KEYS)[] {
  return Object.keys(LOG_KEYS).filter((key): key is keyof typeof LOG_KEYS => key in LOG_KEYS);
}

/** The log from lists under nnU-Net's names; a list that is missing is empty. */
export function logFromEntries(list: (key: string) => readonly unknown[]): TrainingLog {
  const numbers = (field: keyof typeof LOG_KEYS) => list(LOG_KEYS[field]).map(Number);
  return {
    meanFgDice: numbers('meanFgDice'),
    emaFgDice: numbers('emaFgDice'),
    dicePerClassOrRegion: list(LOG_KEYS.dicePerClassOrRegion).map((each) =>
      Array.isArray(each) ? each.map(Number) : [Number(each)],
    ),
    trainLosses: numbers('trainLosses'),
    valLosses: numbers('valLosses'),
    lrs: numbers('lrs'),
    epochStartTimestamps: numbers('epochStartTimestamps'),
    epochEndTimestamps: numbers('epochEndTimestamps'),
  };
}
