import { describe, expect } from 'vitest';
import { applyGaussianNoise } from '@/core/augmentation/gaussianNoise';
import { readFloats, uniformBuffer } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type GpuArray, runDispatches } from '@/gpu/dispatch';
import {
  type IntensityEntryPoint,
  type IntensityNumbers,
  intensityKernel,
  intensityUniform,
} from '@/kernels/augmentation/intensity';
import { mixBits } from '@/shared/random';
import { test } from '../../support/gpu';
import { uploadAs } from '../../support/uploadAs';

/** Runs one entry point in place. `statistics`: mean, squared distances, lowest, highest, of before and after. */
async function changed(
  gpu: Gpu,
  entryPoint: IntensityEntryPoint,
  data: Float32Array,
  numbers: Omit<IntensityNumbers, 'voxels'>,
  statistics: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0],
): Promise<Float32Array> {
  const plane = await uploadAs(gpu, 'f32', data);
  const known = await uploadAs(gpu, 'f32', Float32Array.from(statistics));
  const kernelAxes: GpuArray = known;
  const uniform = uniformBuffer(gpu, intensityUniform({ voxels: data.length, ...numbers }), 'numbers');
  runDispatches(gpu, [
    intensityKernel({ limits: gpu.limits, entryPoint, plane, statistics: known, kernelAxes, uniform }),
  ]);
  const result = await readFloats(gpu, plane);
  for (const buffer of [plane.buffer, known.buffer, uniform]) buffer.destroy();
  return result;
}

function worst(actual: Float32Array, expected: (i: number) => number): number {
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected(i))), 0);
}

describe.each([0.01, 0.7, 1, 1.5, 4])('to the power of %d', (gamma) => {
  test('is within a few units of the last place', async ({ gpu }) => {
    const size = 100_000;
    const data = Float32Array.from({ length: size }, (_, i) => (i / (size - 1)) ** 2);
    const factor = Math.fround(gamma);
    const result = await changed(
      gpu,
      'gammaPower',
      data,
      { factor, epsilon: 1e-7 },
      [0, 0, 0, 1, 0, 0, 0, 0],
    );
    expect(result[0]).toBe(0);
    expect(worst(result, (i) => data[i] ** factor)).toBeLessThan(1.5e-7);
  });
});

test('noise is that of the CPU for every element, in the tails too', async ({ gpu }) => {
  const size = 300_000;
  const [seed, firstElement] = [12345, 1000];
  const image = new Float32Array(firstElement + size);
  const shape = [1, 1, image.length] as const;
  applyGaussianNoise({ data: image, channels: 1, shape }, { kind: 'gaussianNoise', sigma: 1, seed });
  const numbers = { factor: 1, key: mixBits(seed), firstElement };
  const result = await changed(gpu, 'addNoise', new Float32Array(size), numbers);
  expect(result.reduce((most, value) => Math.max(most, value))).toBeGreaterThan(4);
  expect(worst(result, (i) => image[firstElement + i])).toBeLessThan(3e-6);
});
