import { expect, test } from 'vitest';
import { evaluateCase } from '@/app/evaluate/evaluateCase';
import type { MedicalImage } from '@/core/io/medicalImage';
import { newGeometry } from '@/core/io/niftiWriter';
import type { Affine } from '@/core/io/orientation';
import type { Spacing, Zyx } from '@/shared/geometry';

const SHAPE: Zyx = [2, 3, 4];

function labelMap(spacing: Spacing, affine: Affine): MedicalImage {
  const geometry = newGeometry(SHAPE, spacing, affine);
  return { data: new Float32Array(24).fill(1), channels: 1, shape: SHAPE, spacing, geometry, warnings: [] };
}

const at = (x: number): Affine => [
  [1, 0, 0, x],
  [0, 1, 0, 0],
  [0, 0, 3, 0],
];

function warningOf(prediction: MedicalImage, reference: MedicalImage): string | undefined {
  const question = { labels: [{ values: [1], name: 'a' }], ignoreLabel: undefined, toleranceMm: 1 };
  const evaluating = evaluateCase('a', { prediction, reference }, question);
  for (;;) {
    const step = evaluating.next();
    if (step.done) return 'warning' in step.value ? step.value.warning : step.value.error;
  }
}

test('nothing is said where prediction and reference lie in one place', () => {
  expect(warningOf(labelMap([3, 1, 1], at(5)), labelMap([3, 1, 1], at(5)))).toBeUndefined();
});

test('another place and voxel size are told with both values', () => {
  const warning = warningOf(labelMap([3, 1, 1], at(5)), labelMap([3, 1, 2], at(-2)));
  expect(warning).toMatch(/voxel size: 1 × 1 × 3 mm and 2 × 1 × 3 mm/);
  expect(warning).toMatch(/the prediction is at \(5, 0, 0\) mm, that of the reference at \(-2, 0, 0\) mm/);
});

test('a voxel size counts as another one from 1e-5 on, as in nnU-Net and by the command', () => {
  expect(warningOf(labelMap([3, 1, 1], at(5)), labelMap([3, 1, 1.000_005], at(5)))).toBeUndefined();
  expect(warningOf(labelMap([3, 1, 1], at(5)), labelMap([3, 1, 1.000_1], at(5)))).toMatch(
    /voxel size: 1 × 1 × 3 mm and 1\.0001 × 1 × 3 mm/,
  );
});
