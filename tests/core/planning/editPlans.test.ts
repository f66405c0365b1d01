import { expect, test } from 'vitest';
import { movePlans } from '@/core/planning/movePlans';
import { nextFittingPatch, patchDivisor } from '@/core/planning/patchCheck';

const strides = [
  [1, 1, 1],
  [1, 2, 2],
  [2, 2, 2],
];

test('a patch must be a multiple of what the strides make of each axis', () => {
  expect(patchDivisor(strides)).toEqual([2, 4, 4]);
  expect(nextFittingPatch([7, 64, 1], strides)).toEqual([8, 64, 4]);
});

test('moved plans keep everything but names and reader', () => {
  const plans = {
    dataset_name: 'Dataset001_A',
    plans_name: 'nnUNetPlans',
    image_reader_writer: 'SimpleITKIO',
    configurations: {
      '2d': { data_identifier: 'nnUNetPlans_2d', batch_size: 12 },
      own: { data_identifier: 'shared_2d' },
      cascade: { inherits_from: '2d' },
    },
  };
  const target = { datasetName: 'Dataset002_B', plansName: 'fromA', reader: 'NibabelIO' };
  expect(movePlans(plans, target)).toEqual({
    dataset_name: 'Dataset002_B',
    plans_name: 'fromA',
    image_reader_writer: 'NibabelIO',
    configurations: {
      '2d': { data_identifier: 'fromA_2d', batch_size: 12 },
      own: { data_identifier: 'fromA_shared_2d' },
      cascade: { inherits_from: '2d' },
    },
  });
  expect(movePlans(plans, { ...target, plansName: undefined }).configurations).toEqual(plans.configurations);
});
