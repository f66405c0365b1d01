import { describe, expect, test } from 'vitest';
import type { LiveTraining, TrainingRecord } from '@/app/train/trainingRecord';
import type { TrainingEpochReport } from '@/core/training/trainingRun';
import { epochCount, epochsText, trainedShare } from '@/ui/components/trainFormats';
import { trainingProgress } from '@/ui/components/trainingProgress';
import { stoppedRun } from '../../e2e/manyLabels';

const RUN = stoppedRun(); // three of eight epochs

function step(epoch: number, stage: 'training' | 'validation', done: number): LiveTraining['step'] {
  return { epoch, stage, done, total: 10, loss: 0, secondsPerIteration: 1 };
}

function live(newest: LiveTraining['step']): LiveTraining {
  return {
    id: RUN.id,
    startedAt: 0,
    step: newest,
    validating: undefined,
    isPaused: false,
    isStopping: false,
    restarts: 0,
    keptAt: undefined,
    trouble: undefined,
  };
}

describe('epochs of a run', () => {
  test('what is done is what is charted, and the one that runs is the next', () => {
    expect(epochCount(RUN, step(3, 'training', 5))).toEqual({ done: 3, running: 4, total: 8 });
    expect(RUN.epochs).toHaveLength(3);
    expect(epochsText(epochCount(RUN, undefined))).toBe('3 of 8 epochs');
  });

  test('page and job strip name the same epoch, in its iterations and between two epochs', () => {
    const within = trainingProgress(RUN, live(step(3, 'training', 5)));
    expect(within.doing).toBe('Epoch 4 of 8, iteration 5 of 10');
    expect(within.share).toBeCloseTo((3 + 0.45) / 8, 12);
    const between = trainingProgress(RUN, live(step(2, 'validation', 10)));
    expect(between.doing).toBe('Epoch 4 of 8');
    expect(between.share).toBeCloseTo(3 / 8, 12);
  });

  test('none runs in a run that stands still, or whose epochs are all done', () => {
    expect(epochCount(RUN, undefined).running).toBeUndefined();
    const epochs = Array.from(
      { length: 8 },
      (_, epoch): TrainingEpochReport => ({ ...RUN.epochs[0], epoch }),
    );
    const whole: TrainingRecord = { ...RUN, epochs };
    expect(epochCount(whole, step(7, 'validation', 10))).toEqual({ done: 8, running: undefined, total: 8 });
    expect(trainingProgress(whole, live(step(7, 'validation', 10))).doing).toBe('Epoch 8 of 8');
    expect(trainedShare({ ...whole, isTrained: true }, undefined)).toBe(1);
  });
});
