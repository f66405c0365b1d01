import { describe, expect, test } from 'vitest';
import { initialPatchSize, rotationRule } from '@/core/augmentation/initialPatchSize';
import { deepSupervisionScales, validationSettings } from '@/core/augmentation/settings';
import { smallSettings } from './samples';

describe('initial patch size', () => {
  // Figures of nnU-Net's own get_patch_size.
  test.each([
    [
      [128, 128, 128],
      [205, 205, 205],
    ],
    [
      [40, 56, 40],
      [73, 80, 64],
    ],
    [
      [160, 224, 192],
      [294, 341, 289],
    ],
    [
      [96, 160, 160],
      [191, 257, 219],
    ],
    [
      [20, 320, 256],
      [20, 376, 376],
    ],
    [
      [512, 512],
      [602, 602],
    ],
    [
      [320, 192],
      [422, 225],
    ],
  ])('of %s is %s', (patchSize, expected) => {
    expect(initialPatchSize(patchSize, rotationRule(patchSize))).toEqual(expected);
  });

  test('of the stronger augmentation is larger', () => {
    const patchSize = [128, 128, 128];
    expect(initialPatchSize(patchSize, rotationRule(patchSize), 0.7)).toEqual([249, 249, 249]);
  });
});

test('rotation depends on dimension and shape', () => {
  expect(rotationRule([64, 64, 64])).toEqual({ maxAngle: Math.PI / 6, isDummy2d: false });
  expect(rotationRule([16, 64, 64])).toEqual({ maxAngle: Math.PI, isDummy2d: true });
  expect(rotationRule([16, 64, 64], false)).toEqual({ maxAngle: Math.PI / 6, isDummy2d: false });
  expect(rotationRule([64, 64]).maxAngle).toBeCloseTo(Math.PI, 12);
  expect(rotationRule([64, 32]).maxAngle).toBeCloseTo(Math.PI / 12, 12);
});

test('trainer variants', () => {
  const patchSize = [12, 64, 64];
  const none = smallSettings(patchSize, { options: { recipe: 'none' } });
  expect(none).toMatchObject({ recipe: [], mirrorAxes: [], initialPatchSize: patchSize, isDummy2d: false });
  const noMirroring = smallSettings(patchSize, { options: { mirroring: 'none' } });
  expect(noMirroring.mirrorAxes).toEqual([]);
  expect(noMirroring.recipe.flat().map(({ rule }) => rule.kind)).not.toContain('mirror');
  expect(smallSettings(patchSize, { options: { mirroring: 'firstAxes' } }).mirrorAxes).toEqual([0, 1]);
  expect(smallSettings([64, 64], { options: { mirroring: 'firstAxes' } }).mirrorAxes).toEqual([0]);
  expect(smallSettings(patchSize).isDummy2d).toBe(true);
  expect(smallSettings(patchSize, { options: { canBeDummy2d: false } }).isDummy2d).toBe(false);
  expect(smallSettings(patchSize, { options: { labelSampling: 'nearest' } }).labelSampling).toBe('nearest');
});

test('heads: a target per stage but the deepest; one without deep supervision', () => {
  const strides = [
    [1, 1, 1],
    [1, 2, 2],
    [2, 2, 2],
    [1, 2, 2],
  ];
  expect(deepSupervisionScales(strides, 3)).toEqual([
    [1, 1, 1],
    [1, 0.5, 0.5],
    [0.5, 0.25, 0.25],
  ]);
  expect(smallSettings([8, 16, 16], { strides }).targetShapes).toEqual([
    [8, 16, 16],
    [8, 8, 8],
    [4, 4, 4],
  ]);
  expect(smallSettings([16, 12], { strides: undefined }).targetShapes).toEqual([[1, 16, 12]]);
});

test('validation keeps targets and previous stage, and draws nothing', () => {
  const settings = smallSettings([12, 16, 14], { hasPreviousStage: true });
  const validation = validationSettings(settings);
  expect(validation.targetShapes).toEqual(settings.targetShapes);
  expect(validation.previousStageLabels).toEqual([1, 2, 3]);
  expect(validation.initialPatchSize).toEqual([12, 16, 14]);
  expect(validation.recipe).toEqual([]);
  expect(validation.maskedChannels).toEqual([]);
});

test('settings cross threads', () => {
  const settings = smallSettings([12, 16, 14], { hasRegions: true });
  expect(structuredClone(settings)).toEqual(settings);
});
