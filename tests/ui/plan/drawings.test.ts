import { expect, test } from 'vitest';
import {
  formatFlops,
  formatLongTime,
  formatParameters,
  formatSpacing,
  formatVoxels,
  resamplingText,
} from '@/ui/components/planFormats';
import { networkLayout, stageShapes } from '@/ui/plan/networkLayout';
import { patchCoverage, planeName, projections, scaleBarLength } from '@/ui/plan/patchLayout';
import { parseTuple } from '@/ui/plan/TupleInput';
import { testConfiguration } from '../../support/plans';

/** A plain U-Net of that many stages. */
function architectureOf(stages: number) {
  const each = Array.from({ length: stages }, (_, i) => i);
  return {
    ...testConfiguration().architecture,
    nStages: stages,
    featuresPerStage: each.map((i) => 32 * 2 ** i),
    kernelSizes: each.map(() => [3, 3, 3]),
    strides: each.map((i) => (i === 0 ? [1, 1, 1] : i === 1 ? [1, 2, 2] : [2, 2, 2])),
    nConvPerStage: each.map(() => 2),
    nConvPerStageDecoder: each.slice(1).map((i) => i),
  };
}

test('feature maps shrink by the strides', () => {
  expect(stageShapes(architectureOf(3), [20, 64, 48])).toEqual([
    [20, 64, 48],
    [20, 32, 24],
    [10, 16, 12],
  ]);
});

test.each([2, 3, 6, 9])('no two parts of a U of %i stages overlap, and all lie in the drawing', (stages) => {
  const { boxes, steps, skips, width, height } = networkLayout(architectureOf(stages), [256, 512, 512]);
  expect(boxes).toHaveLength(2 * stages - 1);
  expect(steps).toHaveLength(2 * (stages - 1));
  expect(skips).toHaveLength(stages - 1);
  const size = { width: 236, height: 44 };
  for (const [i, a] of boxes.entries()) {
    expect(a.x).toBeGreaterThanOrEqual(0);
    expect(a.x + size.width).toBeLessThanOrEqual(width);
    expect(a.y + size.height).toBeLessThanOrEqual(height);
    for (const b of boxes.slice(i + 1)) {
      const isApart = Math.abs(a.x - b.x) >= size.width || Math.abs(a.y - b.y) >= size.height;
      expect(isApart, `${a.side} ${a.stage} and ${b.side} ${b.stage}`).toBe(true);
    }
  }
});

test('the decoder is drawn with its own convolutions, which plans list from the bottom', () => {
  const { boxes } = networkLayout(architectureOf(4), [64, 64, 64]);
  const decoder = boxes.filter(({ side }) => side === 'decoder');
  expect(decoder.map(({ stage, work }) => `${stage} ${work}`)).toEqual([
    '0 3 conv 3×3×3',
    '1 2 conv 3×3×3',
    '2 1 conv 3×3×3',
  ]);
});

test('a residual encoder shows its stem and blocks', () => {
  const architecture = { ...architectureOf(2), networkClass: 'ResidualEncoderUNet' as const };
  const { boxes } = networkLayout({ ...architecture, nConvPerStage: [1, 3] }, [64, 64, 64]);
  expect(boxes[0].work).toBe('stem, 1 residual block 3×3×3');
  expect(boxes[2].work).toBe('3 residual blocks 3×3×3');
});

test('projections are those of the image, whatever planning transposed', () => {
  const planes = projections([160, 96, 128], [523, 294, 400], [0.5, 0.3, 0.4], ['y', 'z', 'x']);
  expect(planes.map(planeName)).toEqual(['Axial', 'Coronal', 'Sagittal']);
  expect(planes[0].rows).toEqual({ name: 'y', patchMm: 80, caseMm: 261.5 });
  expect(planes[1].rows.patchMm).toBeCloseTo(28.8);
  expect(planes[2].columns).toEqual(planes[0].rows);
  const slice = projections([32, 48], [60, 50], [1, 2], ['z', 'y']);
  expect(slice).toHaveLength(1);
  expect(planeName(slice[0])).toBe('Sagittal');
});

test('coverage counts what lies within the case', () => {
  expect(patchCoverage([50, 50], [100, 100])).toBe(0.25);
  expect(patchCoverage([64, 64], [50, 128])).toBe(0.5);
});

test('a scale bar has a round length, about a quarter of the width', () => {
  expect(scaleBarLength(400)).toBe(100);
  expect(scaleBarLength(36)).toBe(5);
  expect(scaleBarLength(0.9)).toBeCloseTo(0.2);
});

test('numbers read as people say them', () => {
  expect(formatSpacing([5, 0.976562023162842], [0, 1, 2])).toBe('0.9766 × 5');
  expect(formatVoxels([160, 96.5, 128], [1, 2, 0])).toBe('160 × 128 × 96.5');
  expect(formatParameters(30_787_000)).toBe('30.8 M');
  expect(formatFlops(5.75e12)).toBe('5.75 TFLOP');
  expect(formatLongTime(4.04)).toBe('4.0 s');
  expect(formatLongTime(119.7)).toBe('2 min 0 s');
  expect(formatLongTime(3599.8)).toBe('1 h 0 min');
  expect(formatLongTime(26.99 * 3600)).toBe('26 h 59 min');
  expect(formatLongTime(3 * 86400)).toBe('3.0 days');
  expect(resamplingText('resample_data_or_seg_to_shape', { order: 3, force_separate_z: null })).toBe(
    'splines, order 3, z resampled separately if anisotropic',
  );
});

test('sizes can be typed in any common form; what is no size is no number', () => {
  expect(parseTuple('128 96 96', 3)).toEqual([128, 96, 96]);
  expect(parseTuple('128×96 × 96', 3)).toEqual([128, 96, 96]);
  expect(parseTuple('1.5, 0.8', 2)).toEqual([1.5, 0.8]);
  expect(parseTuple('128 96', 3)).toEqual([128, 96, Number.NaN]);
  expect(parseTuple('1 2 3 4', 3)).toEqual([1, 2, Number.NaN]);
  expect(parseTuple('one 2', 2)).toEqual([Number.NaN, 2]);
});
