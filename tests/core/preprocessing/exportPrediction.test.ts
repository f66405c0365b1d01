import { describe, expect, test } from 'vitest';
import type { LabelSet } from '@/core/interop/labels';
import {
  argmaxLabels,
  logitsToSegmentation,
  regionsToLabels,
  sigmoidInPlace,
  softmaxInPlace,
} from '@/core/preprocessing/exportPrediction';
import { preprocessCase } from '@/core/preprocessing/preprocessCase';
import { resampleLinearPlan } from '@/core/preprocessing/splineAxis';
import { transposeVolume, uncrop } from '@/core/preprocessing/volumes';
import { elementCount, permute } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { testConfiguration, testPlans } from '../../support/plans';

const threeLabels: LabelSet = {
  allLabels: [0, 1, 2],
  hasRegions: false,
  foregroundRegions: [],
  regionsClassOrder: [],
  ignoreLabel: undefined,
  outputChannels: 3,
  names: new Map(),
};

const nestedRegions: LabelSet = {
  ...threeLabels,
  hasRegions: true,
  foregroundRegions: [[1, 2], [2]],
  regionsClassOrder: [1, 2],
  outputChannels: 2,
};

describe('deciding on labels', () => {
  test('the first of equal scores wins', () => {
    const result = new Uint8Array(3);
    argmaxLabels(Float32Array.of(1, 0, 2, 1, 5, 2, 0, 5, 3), 3, result);
    expect([...result]).toEqual([0, 1, 2]);
  });

  test('a region is written above one half only, later regions over earlier ones', () => {
    const result = new Uint8Array(4);
    regionsToLabels(Float32Array.of(0.5, 0.6, 0.9, 0.2, 0.1, 0.5, 0.51, 0.9), [1, 2], result);
    expect([...result]).toEqual([0, 1, 2, 2]);
  });

  test('softmax sums to 1 and survives large logits; sigmoid is per value', () => {
    const logits = Float32Array.of(1000, 0, 999, Math.log(3));
    softmaxInPlace(logits, 2);
    expect(logits[0]).toBeCloseTo(0.731059, 6);
    expect([logits[1], logits[3]].map((p) => p.toFixed(6))).toEqual(['0.250000', '0.750000']);
    const values = Float32Array.of(0, 100, -100);
    sigmoidInPlace(values);
    expect([...values]).toEqual([0.5, 1, Math.fround(1 / (1 + Math.exp(100)))]);
  });
});

describe('putting back', () => {
  test.each([
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ])('transposing by [%i, %i, %i] places every voxel as numpy does', (...order) => {
    const shape = [3, 37, 41] as const;
    const volume = Int32Array.from({ length: elementCount(shape) }, (_, i) => i);
    const result = transposeVolume(volume, shape, order);
    const size = permute(shape, order);
    for (const at of [
      [0, 0, 0],
      [1, 2, 1],
      [size[0] - 1, size[1] - 1, size[2] - 1],
      [2, size[1] - 2, size[2] - 1],
    ]) {
      const index = [0, 0, 0];
      for (const [axis, from] of order.entries()) index[from] = at[axis];
      const expected = (index[0] * shape[1] + index[1]) * shape[2] + index[2];
      expect(result[(at[0] * size[1] + at[1]) * size[2] + at[2]]).toBe(expected);
    }
  });

  test('uncrop fills what lies outside the box', () => {
    const box = [
      [0, 1],
      [1, 2],
      [1, 3],
    ] as const;
    expect([...uncrop(Uint8Array.of(7, 8), box, [1, 3, 4], 1)]).toEqual([1, 1, 1, 1, 1, 7, 8, 1, 1, 1, 1, 1]);
  });

  test('linear tables clamp at the ends and may reach past neither', () => {
    expect(resampleLinearPlan(2, 4)).toEqual({
      lower: Uint32Array.of(0, 0, 0, 1),
      upper: Uint32Array.of(1, 1, 1, 1),
      upperWeight: Float64Array.of(0, 0.25, 0.75, 0),
    });
    expect(resampleLinearPlan(1, 2).upper).toEqual(Uint32Array.of(0, 0));
  });
});

describe('logitsToSegmentation', () => {
  const image = {
    data: randomNormal(9 * 14 * 11, 1),
    channels: 1,
    shape: [9, 14, 11],
    spacing: [2, 1, 1.5],
    geometry: { format: 'nifti', header: new Uint8Array(348) },
    warnings: [],
  } as const;
  image.data.fill(0, 0, 2 * 14 * 11); // two empty slices in front
  const plans = testPlans({ transposeForward: [2, 0, 1], transposeBackward: [1, 2, 0] });

  test.each([
    ['3d', [1, 1, 1]],
    ['2d', [0.8, 2]],
  ])('undoing a %s preprocessing restores the image’s own shape', async (_, spacing) => {
    const configuration = testConfiguration({ spacing });
    const { shape, properties } = await preprocessCase({ image, plans, configuration });
    const grid = [shape[1], shape[2], shape[3]] as const;
    const logits = randomNormal(3 * elementCount(grid), 2);
    const before = logits.slice();
    const job = { logits, shape: grid, properties, plans, configuration, labels: threeLabels };
    const plain = logitsToSegmentation({ ...job, shouldReturnProbabilities: false });
    expect(plain.segmentation).toHaveLength(image.data.length);
    expect(plain.segmentation).toBeInstanceOf(Uint8Array);
    expect(plain.segmentation.subarray(0, 2 * 14 * 11).every((label) => label === 0)).toBe(true);
    expect(new Set(plain.segmentation)).toEqual(new Set([0, 1, 2]));
    expect(plain.probabilities).toBeUndefined();

    const full = logitsToSegmentation({ ...job, shouldReturnProbabilities: true });
    expect(full.segmentation).toEqual(plain.segmentation);
    const probabilities = full.probabilities ?? new Float32Array();
    const n = image.data.length;
    expect(probabilities).toHaveLength(3 * n);
    expect([probabilities[0], probabilities[n], probabilities[2 * n]]).toEqual([1, 0, 0]);
    for (const i of [2 * 14 * 11, n - 1]) {
      expect(probabilities[i] + probabilities[n + i] + probabilities[2 * n + i]).toBeCloseTo(1, 6);
    }
    expect(logits).toEqual(before);
  });

  test('regions: sigmoid, thresholds in order, nothing outside the crop', async () => {
    const configuration = testConfiguration({ spacing: [2, 1.5, 1] });
    const { shape, properties } = await preprocessCase({ image, plans, configuration });
    const grid = [shape[1], shape[2], shape[3]] as const;
    const n = elementCount(grid);
    const logits = new Float32Array(2 * n).fill(2, 0, n).fill(-1, n);
    const { segmentation, probabilities } = logitsToSegmentation({
      logits,
      shape: grid,
      properties,
      plans,
      configuration,
      labels: nestedRegions,
      shouldReturnProbabilities: true,
    });
    expect(segmentation.subarray(0, 2 * 14 * 11).every((label) => label === 0)).toBe(true);
    expect(segmentation.subarray(2 * 14 * 11).every((label) => label === 1)).toBe(true);
    expect(probabilities?.[0]).toBe(0);
    expect(probabilities?.[n]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
  });

  test('255 foreground labels need 16 bits', async () => {
    const configuration = testConfiguration({ spacing: [3, 3, 3] });
    const { shape, properties } = await preprocessCase({ image, plans, configuration });
    const grid = [shape[1], shape[2], shape[3]] as const;
    const labels = {
      ...threeLabels,
      allLabels: Array.from({ length: 256 }, (_, i) => i),
      outputChannels: 256,
    };
    const { segmentation } = logitsToSegmentation({
      logits: randomNormal(256 * elementCount(grid), 3),
      shape: grid,
      properties,
      plans,
      configuration,
      labels,
      shouldReturnProbabilities: false,
    });
    expect(segmentation).toBeInstanceOf(Uint16Array);
  });
});
