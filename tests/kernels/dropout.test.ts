import { describe, expect, test as plainTest } from 'vitest';
import { readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { runDispatches } from '@/gpu/dispatch';
import { type DropoutArgs, dropoutInPlace } from '@/kernels/dropout';
import { type DropoutMask, dropoutReference } from '@/kernels/dropout.reference';
import { IS_EVALUATING_BYTES, writeControl } from '@/kernels/optimisers/control';
import type { FeatureDtype } from '@/kernels/storage';
import { test } from '../support/gpu';
import { uploadAs } from '../support/uploadAs';
import { halfError, normalHalves } from './device';
import { dot, finiteDifferences } from './finiteDifferences';

const MASK: DropoutMask = { probability: 0.3, of: 'elements', seed: 5, layer: 2 };

/** 1 where an element remains. */
function maskOf(size: number, planeLength: number, mask: DropoutMask, step = 0): Float64Array {
  return dropoutReference(new Float64Array(size).fill(1), planeLength, mask, step).map(Math.sign);
}

/** Share of elements in which two masks agree. */
function agreement(a: Float64Array, b: Float64Array): number {
  return a.filter((value, i) => value === b[i]).length / a.length;
}

describe('masks', () => {
  const SIZE = 100_000;

  plainTest.each([0, 0.1, 0.5, 0.9, 1])(
    'drop with probability %d and keep the expectation',
    (probability) => {
      const y = dropoutReference(new Float64Array(SIZE).fill(1), 1000, { ...MASK, probability }, 3);
      const dropped = y.filter((value) => value === 0).length / SIZE;
      const deviation = Math.sqrt((probability * (1 - probability)) / SIZE);
      expect(Math.abs(dropped - probability)).toBeLessThanOrEqual(4 * deviation + 2 ** -24);
      if (probability < 1) expect(new Set(y)).toContain(1 / (1 - probability));
    },
  );

  plainTest('of other steps, layers and seeds have nothing to do with each other', () => {
    const own = maskOf(SIZE, 1, MASK, 7);
    expect(maskOf(SIZE, 1, MASK, 7)).toEqual(own);
    const others = [
      maskOf(SIZE, 1, MASK, 8),
      maskOf(SIZE, 1, { ...MASK, layer: 3 }, 7),
      maskOf(SIZE, 1, { ...MASK, seed: 6 }, 7),
      Float64Array.from({ length: SIZE }, (_, i) => own[(i + 1) % SIZE]),
    ];
    const independent = 0.3 ** 2 + 0.7 ** 2;
    for (const other of others) expect(Math.abs(agreement(own, other) - independent)).toBeLessThan(0.01);
  });

  plainTest('of channels drop all of a channel of a sample', () => {
    const [planes, planeLength] = [1000, 9];
    const mask = maskOf(planes * planeLength, planeLength, { ...MASK, of: 'channels' });
    const first = mask.filter((_, i) => i % planeLength === 0);
    expect(Math.abs(first.filter((kept) => kept === 0).length / planes - 0.3)).toBeLessThan(0.06);
    expect(mask.every((kept, i) => kept === first[Math.floor(i / planeLength)])).toBe(true);
  });

  plainTest.each(['elements', 'channels'] as const)('of %s: the gradient is the op itself', (of) => {
    const [size, planeLength] = [60, 5];
    const mask = { ...MASK, of };
    const [x, gradient] = [normalHalves(size, 1), normalHalves(size, 2)];
    const numeric = finiteDifferences((at) => dot(gradient, dropoutReference(at, planeLength, mask, 4)), x);
    const exact = dropoutReference(gradient, planeLength, mask, 4);
    for (const [i, value] of exact.entries()) expect(Math.abs(numeric[i] - value)).toBeLessThan(1e-8);
  });
});

/** Runs the kernel on an array among others of its buffer. */
async function drop(
  gpu: Gpu,
  storage: FeatureDtype,
  x: Float64Array,
  step: { readonly step: number; readonly skippedSteps: number; readonly isEvaluating?: boolean },
  args: Omit<DropoutArgs, 'values' | 'control'>,
): Promise<Float32Array> {
  const values = await uploadAs(gpu, storage, Float32Array.from(x));
  const numbers = writeControl({ lossScale: 1, learningRate: 0, ...step });
  numbers[IS_EVALUATING_BYTES / 4] = Number(step.isEvaluating ?? false);
  const control = await upload(gpu, numbers, 'control');
  gpu.device.pushErrorScope('validation');
  runDispatches(gpu, dropoutInPlace({ ...args, values, control }));
  const error = await gpu.device.popErrorScope();
  const result = await readFloats(gpu, values);
  for (const { buffer } of [values, control]) buffer.destroy();
  expect(error?.message).toBeUndefined();
  return result;
}

interface Case {
  readonly size: number;
  readonly planeLength: number;
  readonly bindingBytes?: number;
}

const CASES: readonly Case[] = [
  { size: 1, planeLength: 1 },
  { size: 2 * 3 * 35, planeLength: 35 },
  { size: 2 * 5 * 512, planeLength: 512 },
  { size: 3 * 2 * 1001, planeLength: 1001, bindingBytes: 1792 },
  { size: 64 * 65_535 + 1, planeLength: 64 * 65_535 + 1 },
];

describe.each(['f32', 'f16'] as const)('dropout stored as %s', (storage) => {
  for (const { size, planeLength, bindingBytes } of CASES) {
    for (const of of ['elements', 'channels'] as const) {
      test(`of ${of} matches its reference: ${size} elements`, async ({ gpu }) => {
        const limits = {
          maxStorageBufferBindingSize: bindingBytes ?? gpu.limits.maxStorageBufferBindingSize,
          maxComputeWorkgroupsPerDimension: bindingBytes ? 3 : 65_535,
        };
        const x = normalHalves(size, 1);
        const args = { ...MASK, of, planeLength, limits };
        const actual = await drop(gpu, storage, x, { step: 9, skippedSteps: 3 }, args);
        const expected = dropoutReference(x, planeLength, args, 12);
        if (storage === 'f16') expect(halfError(actual, expected)).toBeLessThanOrEqual(1);
        const isRight = (value: number, i: number) => {
          const error = Math.abs(value - expected[i]);
          return expected[i] === 0 ? value === 0 : storage === 'f16' || error <= 2e-7 * Math.abs(expected[i]);
        };
        expect(actual.every(isRight)).toBe(true);
      });
    }
  }

  test('drops nothing in evaluation', async ({ gpu }) => {
    const x = normalHalves(1003, 1);
    const args = { ...MASK, planeLength: 1003, limits: gpu.limits };
    const step = { step: 1, skippedSteps: 0 };
    expect(Float64Array.from(await drop(gpu, storage, x, { ...step, isEvaluating: true }, args))).toEqual(x);
    expect(Float64Array.from(await drop(gpu, storage, x, step, args))).not.toEqual(x);
  });
});
