import { expect, test } from 'vitest';
import { previousStageGap } from '@/app/train/missingFirstStage';
import type { TrainingRecord, TrainingStatus } from '@/app/train/trainingRecord';
import type { DatasetSplits } from '@/workers/data/api';

const SPLITS: DatasetSplits = {
  origin: 'nnunet',
  splits: [
    { train: ['b', 'c', 'd'], val: ['a'] },
    { train: ['a', 'c', 'd'], val: ['b'] },
    { train: ['a', 'b'], val: ['c', 'd'] },
  ],
};

function runOf(fold: number, status: Exclude<TrainingStatus['status'], 'failed'>): TrainingRecord {
  return {
    id: `run-${fold}`,
    order: {
      runId: `${fold}`,
      datasetName: 'Dataset001_A',
      plansName: 'nnUNetPlans',
      configurationName: '3d_lowres',
      fold,
      trainerName: 'nnUNetTrainer',
      schedule: { epochs: 1, iterationsPerEpoch: 1, validationIterationsPerEpoch: 1 },
      seed: 0,
      storage: 'f32',
      augmentsOn: 'cpu',
    },
    createdAt: 0,
    state: { status },
    epochs: [],
    start: undefined,
    isTrained: status === 'done',
    validation: undefined,
    modelId: undefined,
  };
}

test('every case of the splits has to be segmented', () => {
  const runs = [0, 1, 2].map((fold) => runOf(fold, 'done'));
  const all = new Set(['a', 'b', 'c', 'd']);
  expect(previousStageGap({ splits: SPLITS, segmented: all, runs })).toBeUndefined();
  expect(previousStageGap({ splits: SPLITS, segmented: new Set(), runs: [] })).toEqual({
    missing: 4,
    total: 4,
    foldsToTrain: ['0', '1', '2'],
    runsToValidate: [],
    foldsUnderWay: [],
  });
});

test('what is missing is told by the fold that leaves it out', () => {
  const done = runOf(2, 'done');
  const gap = previousStageGap({
    splits: SPLITS,
    segmented: new Set(['a', 'c']),
    runs: [done, runOf(1, 'running'), runOf(0, 'done')],
  });
  expect(gap).toEqual({
    missing: 2,
    total: 4,
    foldsToTrain: [],
    runsToValidate: [done],
    foldsUnderWay: ['1'],
  });
});
