import { describe, expect, test } from 'vitest';
import { normalizationNamed } from '@/core/preprocessing/normalization/schemes';
import { volumeOf } from './volumeOf';

const intensity = {
  mean: 6,
  std: 2,
  min: 0,
  max: 9,
  median: 6,
  percentile005: 5.5,
  percentile995: 8,
};

describe('normalisation, against nnU-Net’s numbers', () => {
  test('z-score of a volume', () => {
    const v = volumeOf();
    normalizationNamed('ZScoreNormalization').normalize(v, {});
    expect(v[0]).toBeCloseTo(-0.421469, 6);
    expect(v[1]).toBeCloseTo(0.097525, 6);
    expect(v[2]).toBeCloseTo(0.547233, 6);
  });

  test('z-score within a mask leaves the rest as it is', () => {
    const v = Float32Array.of(0, 0, 5, 6, 7, 9);
    normalizationNamed('ZScoreNormalization').normalize(v, { mask: Uint8Array.of(0, 0, 1, 1, 1, 1) });
    const expected = [0, 0, -1.183216, -0.507093, 0.169031, 1.521278];
    for (const [i, value] of expected.entries()) expect(v[i]).toBeCloseTo(value, 6);
  });

  test('CT clips to the percentiles, then uses the training mean and deviation', () => {
    const v = Float32Array.of(0, 0, 5, 6, 7, 9);
    normalizationNamed('CTNormalization').normalize(v, { intensity });
    expect([...v]).toEqual([-0.25, -0.25, -0.25, 0, 0.5, 1]);
  });

  test('a constant channel becomes zero, not NaN', () => {
    for (const scheme of ['ZScoreNormalization', 'RescaleTo01Normalization'] as const) {
      const v = new Float32Array(8).fill(7);
      normalizationNamed(scheme).normalize(v, {});
      expect([...v]).toEqual(new Array(8).fill(0));
    }
  });

  test('rescaling reaches 0 and 1; colours are divided by 255; none is none', () => {
    const rescaled = Float32Array.of(-3, 1, 5);
    normalizationNamed('RescaleTo01Normalization').normalize(rescaled, {});
    expect([...rescaled]).toEqual([0, 0.5, 1]);
    const colours = Float32Array.of(0, 51, 255);
    normalizationNamed('RGBTo01Normalization').normalize(colours, {});
    expect([...colours]).toEqual([0, Math.fround(0.2), 1]);
    const plain = Float32Array.of(1, 2);
    normalizationNamed('NoNormalization').normalize(plain, {});
    expect([...plain]).toEqual([1, 2]);
  });

  test('values outside 0…255 are not colours', () => {
    expect(() => normalizationNamed('RGBTo01Normalization').normalize(Float32Array.of(0, 256), {})).toThrow(
      /from 0 to 256/,
    );
    expect(() => normalizationNamed('RGBTo01Normalization').normalize(Float32Array.of(-1, 2), {})).toThrow(
      /from -1 to 2/,
    );
  });
});

test.each([
  { mean: Number.NaN },
  { std: Number.NaN },
  { percentile005: Number.NaN },
  { mean: Number.POSITIVE_INFINITY },
])('statistics of nothing never make voxels NaN: %j', (wrong) => {
  const voxels = Float32Array.of(1, 2, 3);
  const normalize = () =>
    normalizationNamed('CTNormalization').normalize(voxels, { intensity: { ...intensity, ...wrong } });
  expect(normalize).toThrow(/foreground.*extract_fingerprint --clean/);
  expect(voxels).toEqual(Float32Array.of(1, 2, 3));
});
