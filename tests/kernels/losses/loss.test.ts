import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { lossCombination } from '@/kernels/losses/loss';
import { lossReference } from '@/kernels/losses/loss.reference';
import {
  crossEntropyLoss,
  diceAndBinaryCrossEntropyLoss,
  diceAndCrossEntropyLoss,
  diceAndTopKLoss,
  diceLoss,
  type LossOptions,
  type LossShape,
  topKLoss,
} from '@/kernels/losses/lossOptions';
import { type LossArgs, lossGradient, lossStatistics } from '@/kernels/losses/lossPasses';
import { lossScratchSize } from '@/kernels/losses/lossSizes';
import { fromFloat16Bits, toFloat16Bits } from '@/shared/numeric';
import { test } from '../../support/gpu';
import { type LossProblem, type LossSettings, runLoss } from '../../support/losses';
import { relativeError } from '../device';
import { randomProblem } from './problems';

/** Absolute, of losses above one relative. */
const LOSS_TOLERANCE = 2e-6;
/** Of the largest gradient. */
const GRADIENT_TOLERANCE = 5e-6;

const labelLosses = (ignoreLabel: number | undefined): Record<string, LossOptions> => ({
  'Dice and cross entropy': diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel }),
  'each sample its Dice': diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel }),
  Dice: diceLoss({ batchDice: false, target: { kind: 'labels', ignoreLabel } }),
  'cross entropy': crossEntropyLoss({ ignoreLabel }),
  'top k, smoothed labels': topKLoss({ ignoreLabel, labelSmoothing: 0.1 }),
  'Dice and top k': diceAndTopKLoss({ batchDice: true, ignoreLabel }),
});

const regionLosses = (hasIgnore: boolean): Record<string, LossOptions> => ({
  regions: diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore }),
  'regions, each sample its Dice': diceAndBinaryCrossEntropyLoss({ batchDice: false, hasIgnore }),
  'Dice of regions': diceLoss({ batchDice: true, target: { kind: 'regions', hasIgnore } }),
});

const SHAPES: Record<string, LossShape> = {
  'one voxel': { batch: 1, classes: 2, voxels: 1 },
  'fewer voxels than lanes': { batch: 3, classes: 2, voxels: 37 },
  'one chunk exactly': { batch: 1, classes: 3, voxels: 1024 },
  'several chunks, odd': { batch: 2, classes: 4, voxels: 3 * 1024 + 7 },
  'many classes': { batch: 2, classes: 19, voxels: 1301 },
};

/** Statistics of one sample after another, then their gradients, each call seeing logits and gradient of its sample alone. */
function sampleBySample(args: LossArgs): Dispatch[] {
  const elements = args.classes * args.voxels;
  const part = (array: GpuArray, sample: number, size: number): GpuArray => ({
    ...array,
    offset: array.offset + sample * size * 4,
    size,
  });
  const samples = Array.from({ length: args.batch }, (_, n) => ({
    range: { start: n, count: 1 },
    args: {
      ...args,
      logits: part(args.logits, n, elements),
      gradient: part(args.gradient, n, elements),
    },
  }));
  return [
    ...samples.flatMap((sample) => lossStatistics(sample.args, sample.range)),
    ...lossCombination(args),
    ...samples.flatMap((sample) => lossGradient(sample.args, sample.range)),
  ];
}

async function errorsOf(gpu: Gpu, problem: LossProblem, settings: LossSettings = {}) {
  const { options, shape, logits, target } = problem;
  const { sums, gradient } = await runLoss(gpu, problem, settings);
  const expected = lossReference(options, shape, Float64Array.from(logits), target);
  const factor = (settings.weight ?? 1) * (settings.lossScale ?? 1);
  const values = [expected.loss, options.diceWeight * expected.diceLoss, expected.crossEntropy];
  const actual = [sums[0], options.diceWeight * sums[1], sums[2]];
  return {
    loss: Math.max(...values.map((value, i) => Math.abs(actual[i] - value) / Math.max(1, Math.abs(value)))),
    gradient: relativeError(
      gradient,
      expected.gradient.map((x) => x * factor),
    ),
  };
}

async function expectMatch(gpu: Gpu, problem: LossProblem, settings: LossSettings = {}) {
  const errors = await errorsOf(gpu, problem, settings);
  expect(errors.loss).toBeLessThan(LOSS_TOLERANCE);
  expect(errors.gradient).toBeLessThan(GRADIENT_TOLERANCE);
}

describe('loss', () => {
  for (const [shapeName, shape] of Object.entries(SHAPES)) {
    for (const ignores of [false, true]) {
      const all = { ...labelLosses(ignores ? shape.classes : undefined), ...regionLosses(ignores) };
      test(`matches its reference: ${shapeName}${ignores ? ', ignored voxels' : ''}`, async ({ gpu }) => {
        for (const [name, options] of Object.entries(all)) {
          const errors = await errorsOf(gpu, randomProblem(options, shape));
          expect({ name, isClose: errors.loss < LOSS_TOLERANCE }).toEqual({ name, isClose: true });
          expect({ name, isClose: errors.gradient < GRADIENT_TOLERANCE }).toEqual({ name, isClose: true });
        }
      });
    }
  }

  for (const [name, options] of Object.entries({ ...labelLosses(3), ...regionLosses(true) })) {
    test(`halves: ${name}`, async ({ gpu }) => {
      const shape = { batch: 3, classes: 3, voxels: 1024 + 333 };
      const problem = randomProblem(options, shape);
      const logits = problem.logits.map((x) => fromFloat16Bits(toFloat16Bits(x)));
      const expected = lossReference(options, shape, Float64Array.from(logits), problem.target);
      const limitsOf = (maxStorageBufferBindingSize: number) => ({
        maxStorageBufferBindingSize,
        maxComputeWorkgroupsPerDimension: 65_535,
      });
      // all at once, sample by sample, two of the classes at a time
      const limits = limitsOf(2 * shape.classes * shape.voxels + 1024);
      const classLimits = limitsOf(4 * Math.max(2 * shape.voxels, 4 * 1024) + 512);
      for (const settings of [{}, { limits }, { limits: classLimits }]) {
        const halves = { ...problem, logits };
        const { sums, gradient } = await runLoss(gpu, halves, {
          ...settings,
          storage: 'f16',
          lossScale: 4096,
        });
        expect(Math.abs(sums[0] - expected.loss)).toBeLessThan(LOSS_TOLERANCE);
        // half a unit in the last place of f16, or of its smallest numbers, and the error of f32
        const largest = expected.gradient.reduce((most, x) => Math.max(most, Math.abs(4096 * x)), 0);
        for (const [i, x] of expected.gradient.entries()) {
          const allowed = Math.max(4096 * Math.abs(x) * 2 ** -11, 2 ** -25) + GRADIENT_TOLERANCE * largest;
          expect(Math.abs(gradient[i] - 4096 * x)).toBeLessThanOrEqual(allowed);
        }
      }
    });
  }

  test('255 classes and their ignore label', async ({ gpu }) => {
    const options = diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: 255 });
    await expectMatch(gpu, randomProblem(options, { batch: 2, classes: 255, voxels: 1100 }));
  });

  test('40 regions and their ignore bit', async ({ gpu }) => {
    const options = diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: true });
    await expectMatch(gpu, randomProblem(options, { batch: 2, classes: 40, voxels: 517 }));
  });

  test('logits of thousands stay exact', async ({ gpu }) => {
    const shape = { batch: 1, classes: 3, voxels: 500 };
    for (const options of [
      diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined }),
      diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: false }),
    ]) {
      const problem = randomProblem(options, shape, { spread: 3000 });
      const { sums, gradient } = await runLoss(gpu, problem);
      const expected = lossReference(options, shape, Float64Array.from(problem.logits), problem.target);
      expect(sums[0] / expected.loss).toBeCloseTo(1, 6);
      expect(relativeError(gradient, expected.gradient)).toBeLessThan(GRADIENT_TOLERANCE);
    }
  });

  test('confident and right: the loss vanishes without losing its sign', async ({ gpu }) => {
    const options = crossEntropyLoss({ ignoreLabel: undefined });
    const shape = { batch: 1, classes: 2, voxels: 256 };
    const logits = Float32Array.from({ length: 512 }, (_, i) => (i < 256 ? 40 : -40));
    const problem = { options, shape, logits, target: new Float64Array(256) };
    const { sums, gradient } = await runLoss(gpu, problem);
    expect(sums[0]).toBeGreaterThanOrEqual(0);
    expect(sums[0]).toBeLessThan(1e-7);
    expect(gradient.every((x) => Math.abs(x) < 1e-9)).toBe(true);
  });

  for (const [name, options] of Object.entries({ ...labelLosses(2), ...regionLosses(true) })) {
    test(`without a valid voxel there is no cross entropy and no gradient: ${name}`, async ({ gpu }) => {
      const shape = { batch: 2, classes: 2, voxels: 300 };
      const problem = randomProblem(options, shape, { ignoredShare: 1 });
      const { sums, gradient } = await runLoss(gpu, problem);
      expect(sums[0]).toBe(options.diceWeight === 0 ? 0 : -1);
      expect(sums[2]).toBe(0);
      expect(sums[3]).toBe(0);
      expect(gradient.every((x) => x === 0)).toBe(true);
    });
  }

  test('no smoothing and no valid voxel: the Dice is 0, not missing', async ({ gpu }) => {
    const options = { ...diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: 2 }), smooth: 0 };
    const problem = randomProblem(options, { batch: 1, classes: 2, voxels: 90 }, { ignoredShare: 1 });
    const { sums, gradient } = await runLoss(gpu, problem);
    expect(sums[0]).toBeCloseTo(0, 20);
    expect(gradient.every((x) => x === 0)).toBe(true);
  });

  test('a logit that is not finite shows in loss and gradient', async ({ gpu }) => {
    for (const options of [...Object.values(labelLosses(undefined)), ...Object.values(regionLosses(false))]) {
      for (const broken of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const problem = randomProblem(options, { batch: 2, classes: 3, voxels: 200 });
        problem.logits[700] = broken;
        const { sums, gradient } = await runLoss(gpu, problem);
        expect(sums[0]).toBeNaN();
        expect(gradient[700]).toBeNaN();
      }
    }
  });

  test('weight and loss scale multiply the gradient, not the loss', async ({ gpu }) => {
    const options = diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined });
    const problem = randomProblem(options, { batch: 2, classes: 3, voxels: 700 });
    await expectMatch(gpu, problem, { weight: 0.25, lossScale: 65_536 });
  });

  test('equal losses share the places among the top k', async ({ gpu }) => {
    const options = topKLoss({ ignoreLabel: undefined });
    const shape = { batch: 1, classes: 2, voxels: 2000 };
    // 150 voxels of a large loss, then 1000 equal ones of which 50 count
    const logits = new Float32Array(4000);
    for (let v = 0; v < 2000; v++) logits[v] = v < 150 ? -2 - v / 100 : v < 1150 ? 1 : 5;
    await expectMatch(gpu, { options, shape, logits, target: new Float64Array(2000) });
  });

  for (const [name, options] of Object.entries({
    labels: diceAndTopKLoss({ batchDice: false, ignoreLabel: 3 }),
    regions: diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: true }),
  })) {
    test(`pieces of bindings and folded grids change no bit: ${name}`, async ({ gpu }) => {
      const shape = { batch: 5, classes: 3, voxels: 2 * 1024 + 333 };
      const problem = randomProblem(options, shape);
      const limits = {
        // two samples a piece, of which the second begins between bytes, words and aligned offsets
        maxStorageBufferBindingSize: 2 * 4 * shape.classes * shape.voxels + 1024,
        maxComputeWorkgroupsPerDimension: 5,
      };
      const whole = await runLoss(gpu, problem);
      const inPieces = await runLoss(gpu, problem, { limits });
      expect(inPieces).toEqual(whole);
      await expectMatch(gpu, problem, { limits });
    });
  }

  describe('logits of one sample beyond the binding limit', () => {
    // three classes a binding, and two chunks of voxels
    const limits = { maxStorageBufferBindingSize: 40_960, maxComputeWorkgroupsPerDimension: 65_535 };
    const shape = { batch: 2, classes: 7, voxels: 3 * 1024 + 7 };
    for (const ignores of [false, true]) {
      const all = { ...labelLosses(ignores ? shape.classes : undefined), ...regionLosses(ignores) };
      for (const [name, options] of Object.entries(all)) {
        test(`${name}${ignores ? ', ignored voxels' : ''}: as where they fit`, async ({ gpu }) => {
          const problem = randomProblem(options, shape);
          const whole = await runLoss(gpu, problem);
          for (const settings of [
            { limits },
            { limits: { ...limits, maxComputeWorkgroupsPerDimension: 3 } },
          ]) {
            await expectMatch(gpu, problem, settings);
            const inParts = await runLoss(gpu, problem, settings);
            if (options.target.kind === 'labels') expect(inParts).toEqual(whole);
          }
        });
      }
    }

    test('samples evaluated in turn give the bits of all at once', async ({ gpu }) => {
      const options = diceAndTopKLoss({ batchDice: true, ignoreLabel: 7 });
      const problem = randomProblem(options, { ...shape, voxels: 3 * 1024 });
      const whole = await runLoss(gpu, problem, { limits });
      expect(await runLoss(gpu, problem, { limits }, sampleBySample)).toEqual(whole);
    });

    test('a logit that is not finite shows in loss and gradient', async ({ gpu }) => {
      for (const options of [...Object.values(labelLosses(7)), ...Object.values(regionLosses(true))]) {
        for (const class_ of [0, 2, 6]) {
          const problem = randomProblem(options, shape, { ignoredShare: 0 });
          problem.logits[class_ * shape.voxels + 2500] = Number.NEGATIVE_INFINITY;
          const { sums, gradient } = await runLoss(gpu, problem, { limits });
          expect(sums[0]).toBeNaN();
          expect(gradient[class_ * shape.voxels + 2500]).toBeNaN();
        }
      }
    });

    test('118 classes, as of whole-body labels', async ({ gpu }) => {
      for (const [name, options] of Object.entries({ ...labelLosses(118), ...regionLosses(true) })) {
        const problem = randomProblem(options, { batch: 1, classes: 118, voxels: 2055 });
        const { loss, gradient } = await errorsOf(gpu, problem, { limits });
        expect({ name, isClose: loss < LOSS_TOLERANCE }).toEqual({ name, isClose: true });
        expect({ name, isClose: gradient < GRADIENT_TOLERANCE }).toEqual({ name, isClose: true });
      }
    });

    test('one class of one sample is refused', async ({ gpu }) => {
      const options = crossEntropyLoss({ ignoreLabel: undefined });
      const problem = randomProblem(options, { batch: 1, classes: 2, voxels: 12_000 });
      await expect(runLoss(gpu, problem, { limits })).rejects.toThrow(
        'and one channel of 12000 voxels is more',
      );
    });
  });

  for (const settings of [{ batchDice: true }, { batchDice: false }]) {
    test(`micro-batches give the bits of the whole batch, batchDice ${settings.batchDice}`, async ({
      gpu,
    }) => {
      const options = diceAndCrossEntropyLoss({ ...settings, ignoreLabel: 64 });
      const problem = randomProblem(options, { batch: 3, classes: 64, voxels: 1027 });
      const whole = await runLoss(gpu, problem);
      const inTurn = await runLoss(gpu, problem, {}, sampleBySample);
      expect(inTurn).toEqual(whole);
    });
  }

  test('equal inputs give equal bits', async ({ gpu }) => {
    const options = diceAndTopKLoss({ batchDice: true, ignoreLabel: 4 });
    const problem = randomProblem(options, { batch: 2, classes: 4, voxels: 20_000 });
    const first = await runLoss(gpu, problem);
    for (let i = 0; i < 3; i++) expect(await runLoss(gpu, problem)).toEqual(first);
  });

  test('several hundred chunks', async ({ gpu }) => {
    const shape = { batch: 2, classes: 3, voxels: 64 * 64 * 64 };
    await expectMatch(
      gpu,
      randomProblem(diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: 3 }), shape),
    );
    await expectMatch(gpu, randomProblem(diceAndTopKLoss({ batchDice: true, ignoreLabel: 3 }), shape));
  });

  test('scratch is a small share of the logits', () => {
    const options = diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined });
    const shape = { batch: 2, classes: 3, voxels: 128 ** 3 };
    const limits = { maxStorageBufferBindingSize: 2 ** 27 };
    const size = lossScratchSize({ ...shape, options, limits, logits: { dtype: 'f32' } });
    expect(size).toBeLessThan(0.004 * 2 * 3 * 128 ** 3);
  });
});
