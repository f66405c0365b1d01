import { describe, expect, test } from 'vitest';
import { planExperiment } from '@/core/planning/planExperiment';
import { plannerNamed } from '@/core/planning/planners';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { plansJson } from '@/core/planning/writePlans';

const INTENSITIES = { max: 9, mean: 1, median: 1, min: 0, percentile_00_5: 0, percentile_99_5: 8, std: 2 };

function plan(shape: readonly number[], spacing: readonly number[], intensities: object = INTENSITIES) {
  const fingerprint: FingerprintDocument = {
    foreground_intensity_properties_per_channel: { '0': { ...INTENSITIES, ...intensities } },
    median_relative_size_after_cropping: 1,
    shapes_after_crop: [shape, shape, shape],
    spacings: [spacing, spacing, spacing],
  };
  const dataset = {
    name: 'Dataset001_Slices',
    channelNames: ['CT'],
    labelEntries: 2,
    numTraining: 3,
    imageReaderWriter: 'SimpleITKIO',
  };
  return planExperiment(fingerprint, dataset, plannerNamed('ExperimentPlanner'));
}

describe('single slices', () => {
  test.each([
    [[1504, 1962, 1], 'x'],
    [[3000, 1, 4000], 'y'],
    [[96, 80, 1], 'x'],
    [[80, 1, 96], 'y'],
    [[40, 1, 1], 'y'],
  ] as const)('%j voxels lie along %s: refused, as nnU-Net cannot plan for them', (shape, axis) => {
    expect(() => plan(shape, [1, 1, 1])).toThrow(expect.objectContaining({ name: 'SingleSlice' }));
    expect(() => plan(shape, [1, 1, 1])).toThrow(
      `Dataset001_Slices: the images are single slices along ${axis}: the median case is ${shape.toReversed().join(' × ')} voxels (x × y × z)`,
    );
  });

  test.each([
    [
      [1, 1504, 1962],
      [1, 1, 1],
    ],
    // The coarsest axis becomes the network's first, so that these are 2D as well.
    [
      [160, 190, 1],
      [1, 1, 5],
    ],
  ] as const)('%j voxels of %j mm are 2D', (shape, spacing) => {
    const plans = plan(shape, spacing);
    expect(Object.keys(plans.configurations)).toEqual(['2d']);
    expect(plansJson(plans)).not.toMatch(/NaN|Infinity|e\+\d/);
  });
});

test.each([{ mean: Number.NaN }, { std: Number.POSITIVE_INFINITY }])(
  'intensities that are no numbers never reach the plans: %j',
  (intensities) => {
    expect(() => plan([64, 64, 64], [1, 1, 1], intensities)).toThrow(/No case of the dataset has foreground/);
  },
);
