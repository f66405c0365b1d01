import { expect, test } from 'vitest';
import { comparePlans } from '@/core/planning/comparePlans';
import { movePlans } from '@/core/planning/movePlans';
import { assertPatchFits, nextFittingPatch, patchDivisor } from '@/core/planning/patchCheck';

const strides = [
  [1, 1, 1],
  [1, 2, 2],
  [2, 2, 2],
];

test('a patch must be a multiple of what the strides make of each axis', () => {
  expect(patchDivisor(strides)).toEqual([2, 4, 4]);
  expect(nextFittingPatch([7, 64, 1], strides)).toEqual([8, 64, 4]);
  expect(() => assertPatchFits([8, 64, 4], strides, '3d_fullres')).not.toThrow();
  expect(() => assertPatchFits([8, 66, 4], strides, '3d_fullres')).toThrow(
    /3d_fullres: the patch 8 × 66 × 4 is not a multiple of 2 × 4 × 4.*The next size that fits is 8 × 68 × 4/,
  );
  expect(() => assertPatchFits([64, 64], strides, '3d_fullres')).toThrow(/has 2 axes, the network 3/);
});

test('differences between plans are found by path, in both directions', () => {
  const a = {
    name: 'a',
    configurations: { '2d': { patch_size: [8, 8], batch_size: 2 }, '3d': { batch_size: 2 } },
  };
  const b = { name: 'a', configurations: { '2d': { patch_size: [8, 16], batch_size: 2 } }, extra: 1 };
  expect(comparePlans(a, b)).toEqual([
    { path: 'configurations.2d.patch_size', a: [8, 8], b: [8, 16] },
    { path: 'configurations.3d', a: { batch_size: 2 }, b: undefined },
    { path: 'extra', a: undefined, b: 1 },
  ]);
  expect(comparePlans(a, a)).toEqual([]);
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
