import { describe, expect, test } from 'vitest';
import type { MedicalImage } from '@/core/io/medicalImage';
import { preprocessCase } from '@/core/preprocessing/preprocessCase';
import type { Spacing, Zyx } from '@/shared/geometry';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { testConfiguration, testPlans } from '../../support/plans';

function imageOf(data: Float32Array, shape: Zyx, spacing: Spacing): MedicalImage {
  return {
    data,
    channels: data.length / elementCount(shape),
    shape,
    spacing,
    geometry: { format: 'nifti', header: new Uint8Array(348) },
    warnings: [],
  };
}

/** The end-to-end case for which nnU-Net's own numbers are known. */
function waveImage(): MedicalImage {
  const shape = [20, 9, 22] as const;
  const data = new Float32Array(elementCount(shape));
  for (let z = 0, i = 0; z < 20; z++) {
    for (let y = 0; y < 9; y++) {
      for (let x = 0; x < 22; x++, i++) {
        const isOutside = z < 2 || z === 19 || x < 3;
        data[i] = isOutside ? 0 : 100 + 50 * Math.sin(0.5 * z) + 30 * Math.cos(0.7 * y + 0.3 * x) + 0.5 * x;
      }
    }
  }
  return imageOf(data, shape, [1.2, 2.5, 0.9]);
}

const wavePlans = testPlans({ transposeForward: [1, 0, 2], transposeBackward: [1, 0, 2] });
const waveConfiguration = testConfiguration({ spacing: [2, 1, 1], useMaskForNorm: [true] });

describe('preprocessCase', () => {
  test('gives nnU-Net’s array and properties: transposed, cropped, normalised, resampled', async () => {
    const image = waveImage();
    const before = image.data.slice();
    const { data, shape, properties, seg } = await preprocessCase({
      image,
      plans: wavePlans,
      configuration: waveConfiguration,
    });
    expect(properties).toEqual({
      spacing: [1.2, 2.5, 0.9],
      spacingTransposed: [2.5, 1.2, 0.9],
      shapeBeforeCropping: [9, 20, 22],
      bboxUsedForCropping: [
        [0, 9],
        [2, 19],
        [3, 22],
      ],
      shapeAfterCroppingAndBeforeResampling: [9, 17, 19],
    });
    expect(shape).toEqual([1, 11, 20, 17]);
    for (const [i, value] of [1.11855, 0.91329, 0.69005, 0.46171, 0.26078].entries()) {
      expect(data[i]).toBeCloseTo(value, 5);
    }
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
    expect(mean).toBeCloseTo(0.000138, 6);
    expect(Math.sqrt(variance)).toBeCloseTo(0.999491, 6);
    expect(data.reduce((sum, value) => sum + Math.abs(value), 0)).toBeCloseTo(3116.444, 2);
    expect(seg).toBeUndefined();
    expect(image.data).toEqual(before);
  });

  test('a 2D configuration leaves the slices of the first axis where they are', async () => {
    const image = imageOf(randomNormal(6 * 10 * 12, 1), [6, 10, 12], [7, 1, 1]);
    const configuration = testConfiguration({ name: '2d', patchSize: [8, 8], spacing: [0.5, 2] });
    const { shape } = await preprocessCase({ image, plans: testPlans(), configuration });
    expect(shape).toEqual([1, 6, 20, 6]);
  });

  test('a label map comes back on the same grid, in int8, or int16 for labels above 127', async () => {
    const shape = [6, 10, 12] as const;
    const data = randomNormal(elementCount(shape), 2);
    data[0] = 0; // a face voxel outside the mask
    const seg = new Uint8Array(data.length);
    seg.fill(3, 300);
    const job = {
      image: imageOf(data, shape, [1, 1, 1] as const),
      plans: testPlans(),
      configuration: testConfiguration(),
    };
    const small = await preprocessCase({ ...job, seg });
    expect(small.seg).toBeInstanceOf(Int8Array);
    expect([small.seg?.[0], small.seg?.[1], small.seg?.[300]]).toEqual([-1, 0, 3]);
    seg[400] = 200;
    const large = await preprocessCase({ ...job, seg });
    expect(large.seg).toBeInstanceOf(Int16Array);
    expect(large.seg?.[400]).toBe(200);
    const mask = await preprocessCase({ ...job, shouldReturnSeg: true });
    expect([mask.seg?.[0], mask.seg?.[300]]).toEqual([-1, 0]);
    await expect(preprocessCase({ ...job, seg: new Uint8Array(5) })).rejects.toThrow(
      /label map has 5 voxels/,
    );
  });

  test('a wrong number of channels is named', async () => {
    const image = imageOf(randomNormal(2 * 27, 3), [3, 3, 3], [1, 1, 1]);
    const run = preprocessCase({ image, plans: testPlans(), configuration: testConfiguration() });
    await expect(run).rejects.toMatchObject({ name: 'ChannelCount' });
    await expect(run).rejects.toThrow(/2 channel\(s\), but the model was trained with 1/);
  });

  test('progress rises to 1 over all channels, and a signal stops the work', async () => {
    const image = imageOf(randomNormal(2 * 8 * 60 * 60, 4), [8, 60, 60], [1, 1, 1]);
    const configuration = testConfiguration({
      spacing: [0.7, 0.7, 0.7],
      normalizationSchemes: ['ZScoreNormalization', 'NoNormalization'],
      useMaskForNorm: [false, false],
    });
    const shares: number[] = [];
    await preprocessCase({
      image,
      plans: testPlans(),
      configuration,
      onProgress: (share) => shares.push(share),
    });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    const signal = AbortSignal.abort();
    await expect(preprocessCase({ image, plans: testPlans(), configuration, signal })).rejects.toThrow(
      /abort/i,
    );
  });
});
