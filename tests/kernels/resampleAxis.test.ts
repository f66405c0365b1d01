import { describe, expect } from 'vitest';
import { arrayOf, readFloats, uniformBuffer, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { runDispatches } from '@/gpu/dispatch';
import { type AxisTaps, resampleAxis, resampleAxisParams } from '@/kernels/resampleAxis';
import * as reference from '@/kernels/resampleAxis.reference';
import { randomNormal, seededRandom } from '@/shared/random';
import { test } from '../support/gpu';

/** A banded matrix with random weights and random first samples. */
function randomTaps(nIn: number, nOut: number, taps: number): AxisTaps {
  const random = seededRandom(nIn + nOut);
  return {
    nIn,
    nOut,
    taps,
    start: Uint32Array.from({ length: nOut }, () => Math.floor(random.uniform() * (nIn - taps + 1))),
    weights: randomNormal(nOut * taps, 7),
  };
}

async function runOnGpu(
  gpu: Gpu,
  x: Float32Array,
  axis: AxisTaps,
  inner: number,
  ranges: Float32Array,
  outerPerRange: number,
) {
  const view = { inner, outerPerRange };
  const gpuX = await upload(gpu, x, 'x');
  const start = await upload(gpu, axis.start, 'start');
  const weights = await upload(gpu, axis.weights, 'weights');
  const gpuRanges = await upload(gpu, ranges, 'ranges');
  const size = (x.length / axis.nIn) * axis.nOut;
  const y = await upload(gpu, new Float32Array(size), 'y');
  const params = uniformBuffer(gpu, resampleAxisParams(axis, view), 'params');
  const buffers = [gpuX, start, weights, gpuRanges, y].map(({ buffer }) => buffer);
  runDispatches(gpu, [
    resampleAxis(gpu, gpuX, { ...axis, start, weights }, view, gpuRanges, arrayOf(y.buffer, size), params),
  ]);
  const result = await readFloats(gpu, y);
  for (const buffer of [...buffers, params]) buffer.destroy();
  return result;
}

describe('resampleAxis', () => {
  for (const { outer, nIn, nOut, inner, taps } of [
    { outer: 1, nIn: 1, nOut: 1, inner: 1, taps: 1 },
    { outer: 3, nIn: 7, nOut: 11, inner: 1, taps: 2 },
    { outer: 2, nIn: 40, nOut: 13, inner: 5, taps: 30 },
    { outer: 1, nIn: 5, nOut: 3, inner: 129, taps: 5 },
    { outer: 3, nIn: 9, nOut: 14, inner: 8, taps: 4 },
    // More than 65535 workgroups of 64: the grid folds.
    { outer: 1, nIn: 3, nOut: 5, inner: 900_001, taps: 2 },
  ]) {
    test(`[${outer}, ${nIn}, ${inner}] to ${nOut} samples with ${taps} taps matches the reference`, async ({
      gpu,
    }) => {
      const axis = randomTaps(nIn, nOut, taps);
      const x = randomNormal(outer * nIn * inner, 5);
      const y = await runOnGpu(gpu, x, axis, inner, Float32Array.of(-1e30, 1e30), 1);
      const expected = reference.resampleAxis(x, axis, inner);
      let worst = 0;
      for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(y[i] - expected[i]));
      expect(y).toHaveLength(expected.length);
      expect(worst).toBeLessThan(1e-5);
    });
  }

  test('each slice is clamped to its own range', async ({ gpu }) => {
    const axis = randomTaps(6, 4, 3);
    const x = randomNormal(6 * 6 * 2, 9);
    const ranges = Float32Array.of(-0.5, 0.5, 0, 1, -2, -1);
    const y = await runOnGpu(gpu, x, axis, 2, ranges, 2);
    const expected = reference.resampleAxis(x, axis, 2, ranges, 2);
    for (let i = 0; i < y.length; i++) expect(y[i]).toBeCloseTo(expected[i], 5);
    expect(Math.max(...y.subarray(0, 16))).toBeCloseTo(0.5, 6);
  });
});
