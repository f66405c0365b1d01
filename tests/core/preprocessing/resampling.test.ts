import { describe, expect, test } from 'vitest';
import { computeNewShape, separateZAxis } from '@/core/preprocessing/gridShape';
import {
  planResample,
  type ResampleRequest,
  resampleData,
  resampleSegmentation,
} from '@/core/preprocessing/resampling';
import { resizeVolume } from '@/core/preprocessing/resizeVolume';
import type { Zyx } from '@/shared/geometry';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { defaultResampling } from '../../support/plans';
import { labelsOf, volumeOf } from './volumeOf';

const isotropicCase = { newShape: [6, 7, 5], spacing: [1, 1, 1], newSpacing: [0.66, 0.7, 1.2] } as const;
const separateCase = { newShape: [7, 7, 5], spacing: [5, 1, 1], newSpacing: [2.8, 0.7, 1.2] } as const;

function request(changes: Partial<ResampleRequest>): ResampleRequest {
  return {
    shape: [4, 5, 6],
    newShape: [4, 5, 6],
    spacing: [1, 1, 1],
    newSpacing: [1, 1, 1],
    resampling: defaultResampling(3),
    ...changes,
  };
}

function expectValues(actual: ArrayLike<number>, expected: readonly number[], digits = 5) {
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, digits);
}

const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

function countLabels(seg: Int16Array): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const label of seg) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

describe('resampling, against nnU-Net’s numbers', () => {
  test('a slice by cubic splines', () => {
    const a = Float32Array.from({ length: 30 }, (_, i) => 10 * Math.sin(0.9 * i) + i);
    const resized = resampleData(a, 1, request({ shape: [1, 5, 6], newShape: [1, 8, 4] }));
    expectValues(resized, [1.89723, 11.61593, 4.46874, -4.7753], 4);
    expectValues(resized.subarray(28), [27.36753, 16.88502, 21.30618, 35.93139], 4);
  });

  test('a volume by one 3D spline', () => {
    const resized = resampleData(volumeOf(), 1, request(isotropicCase));
    expectValues(resized, [0.12044, 5.42323, 9.27415, 11.52708, 11.38923], 4);
    expect(mean(resized)).toBeCloseTo(2.978148, 5);
    expect(resized[resized.length - 1]).toBeCloseTo(6.38426, 4);
  });

  test('a volume of thick slices: in-plane splines, nearest slices', () => {
    const resized = resampleData(volumeOf(), 1, request(separateCase));
    expectValues(resized, [-0.71801, 4.43431, 8.36882, 10.8777, 11.01476], 4);
    expect(mean(resized)).toBeCloseTo(2.970657, 5);
    expect(resized[resized.length - 1]).toBeCloseTo(7.19594, 4);
    const slice = (z: number) => resized.slice(z * 35, (z + 1) * 35);
    for (const z of [0, 3, 5]) expect(slice(z)).toEqual(slice(z + 1));
  });

  test('labels, with and without separation', () => {
    const resampling = defaultResampling(1, true);
    const together = resampleSegmentation(labelsOf(), request({ ...isotropicCase, resampling }));
    expect(countLabels(together)).toEqual({ 0: 72, 1: 90, 2: 48 });
    expect([...together.slice(0, 20)]).toEqual([0, 1, 2, 1, 0, 1, 2, 0, 0, 1, 1, 2, 1, 0, 1, 2, 0, 1, 1, 2]);
    const separate = resampleSegmentation(labelsOf(), request({ ...separateCase, resampling }));
    expect(countLabels(separate)).toEqual({ 0: 84, 1: 105, 2: 56 });
  });

  test('the larger of two tied labels wins; where none reaches a half the voxel is 0', () => {
    const resampling = defaultResampling(1, true);
    const pair = request({ shape: [1, 1, 2], newShape: [1, 1, 3], resampling });
    expect([...resampleSegmentation(Int16Array.of(1, 2), pair)]).toEqual([1, 2, 2]);
    const square = request({ shape: [1, 2, 2], newShape: [1, 3, 3], resampling });
    expect([...resampleSegmentation(Int16Array.of(1, 2, 3, 0), square)]).toEqual([1, 2, 2, 3, 0, 2, 3, 3, 0]);
  });

  test('new shapes round halves to even', () => {
    expect(computeNewShape([100, 3, 5], [1, 1, 1], [2, 2, 2])).toEqual([50, 2, 2]);
  });

  test.each([
    { spacing: [3, 1, 1], axis: undefined },
    { spacing: [3.01, 1, 1], axis: 0 },
    { spacing: [1, 3.5, 3.5], axis: undefined },
    { spacing: [1, 1, 4], axis: 2 },
  ] as const)('separate z for spacing $spacing: $axis', ({ spacing, axis }) => {
    expect(separateZAxis(defaultResampling(3), spacing, [1, 1, 1])).toBe(axis);
    expect(separateZAxis(defaultResampling(3), [1, 1, 1], spacing)).toBe(axis);
    expect(separateZAxis({ ...defaultResampling(3), forceSeparateZ: false }, spacing, spacing)).toBe(
      undefined,
    );
  });
});

describe('resampling, properties', () => {
  test('an unchanged shape gives the same array back', () => {
    const v = volumeOf();
    expect(resampleData(v, 1, request({ newSpacing: [1.001, 1, 1] }))).toBe(v);
    const hack = { ...defaultResampling(3), functionName: 'no_resampling_hack' } as const;
    expect(resampleData(v, 1, request({ newShape: [8, 8, 8], resampling: hack }))).toBe(v);
    const seg = labelsOf();
    expect(resampleSegmentation(seg, request({}))).toBe(seg);
  });

  test('splines are clipped to the range of their input', () => {
    const step = Float32Array.from({ length: 64 }, (_, i) => (i % 4 < 2 ? 0 : 1));
    const resized = resampleData(step, 1, request({ shape: [4, 4, 4], newShape: [9, 9, 9] }));
    expect(Math.min(...resized)).toBe(0);
    expect(Math.max(...resized)).toBe(1);
  });

  test.each([
    { shape: [1, 1, 1], newShape: [3, 2, 4] },
    { shape: [7, 1, 9], newShape: [2, 5, 20] },
    { shape: [5, 6, 7], newShape: [5, 6, 30] },
  ] as const)('a constant stays constant, $shape to $newShape', ({ shape, newShape }) => {
    const constant = new Float32Array(elementCount(shape)).fill(2.5);
    for (const order of [0, 1, 3]) {
      const resampling = defaultResampling(order);
      const resized = resampleData(constant, 1, request({ shape, newShape, resampling }));
      expect(resized).toHaveLength(elementCount(newShape));
      expect(resized.every((value) => Math.abs(value - 2.5) < 1e-6)).toBe(true);
    }
  });

  test.each([
    { shape: [6, 300, 5], newShape: [9, 170, 7] },
    { shape: [6, 90, 5], newShape: [4, 401, 3] },
  ] as const)('bands of rows join without a seam, $shape to $newShape', ({ shape, newShape }) => {
    const source = randomNormal(elementCount(shape), 3);
    const method = { orderInPlane: 3, orderZ: 3, clip: 'volume' } as const;
    const whole = new Float32Array(elementCount(newShape));
    const banded = new Float32Array(elementCount(newShape));
    resizeVolume(source, shape, whole, newShape, method);
    resizeVolume(source, shape, banded, newShape, method, 1);
    expect(banded).toEqual(whole);
  });

  test('a separate axis may be any axis, and gives what it gives in front', () => {
    const shape: Zyx = [4, 5, 6];
    const plans = [0, 1, 2].map((axis) => {
      const spacing = [1, 1, 1].map((size, a) => (a === axis ? 5 : size)) as unknown as Zyx;
      return planResample(request({ shape, newShape: [7, 7, 7], spacing }));
    });
    expect(plans.map((plan) => plan?.order)).toEqual([
      [0, 1, 2],
      [1, 0, 2],
      [2, 0, 1],
    ]);
    expect(plans.every((plan) => plan?.isSeparate)).toBe(true);
  });

  test('torch resampling: linear, labels by the highest share', () => {
    const torch = { ...defaultResampling(1), functionName: 'resample_torch_fornnunet' } as const;
    const line = request({ shape: [1, 1, 2], newShape: [1, 1, 4], resampling: torch });
    expectValues(resampleData(Float32Array.of(0, 1), 1, line), [0, 0.25, 0.75, 1], 7);
    const square = request({ shape: [1, 2, 2], newShape: [1, 3, 3], resampling: torch });
    // The centre has a quarter of each label: the smallest wins. On edges two tie: again the smaller.
    expect([...resampleSegmentation(Int16Array.of(1, 2, 3, 0), square)]).toEqual([1, 1, 2, 1, 0, 0, 3, 0, 0]);
    const thick = request({ shape: [3, 1, 1], newShape: [5, 1, 1], spacing: [5, 1, 1], resampling: torch });
    expect([...resampleData(Float32Array.of(1, 2, 3), 1, thick)]).toEqual([1, 1, 2, 3, 3]);
  });

  test('an unknown spline order is refused by name', () => {
    const resampling = defaultResampling(2);
    expect(() => resampleData(volumeOf(), 1, request({ newShape: [8, 8, 8], resampling }))).toThrow(
      /order 2/,
    );
  });
});
