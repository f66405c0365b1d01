import { describe, expect } from 'vitest';
import { readback, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { runDispatches } from '@/gpu/dispatch';
import { hardCountsDispatches, hardCountsScratchSize, hardCountsSize } from '@/kernels/losses/hardCounts';
import { hardCountsReference } from '@/kernels/losses/loss.reference';
import {
  diceAndBinaryCrossEntropyLoss,
  diceAndCrossEntropyLoss,
  type LossOptions,
} from '@/kernels/losses/lossOptions';
import type { KernelLimits } from '@/kernels/ranges';
import { fromFloat16Bits, toFloat16Bits } from '@/shared/numeric';
import { test } from '../../support/gpu';
import { type LossProblem, packTarget, zeroCounts } from '../../support/losses';
import { uploadAs } from '../../support/uploadAs';
import { randomProblem } from './problems';

/** Counts after the batch was counted `times` times. */
async function countHard(
  gpu: Gpu,
  problem: LossProblem,
  limits: KernelLimits = gpu.limits,
  times = 1,
  storage: 'f32' | 'f16' = 'f32',
): Promise<Uint32Array> {
  const { options, shape } = problem;
  const logits = await uploadAs(gpu, storage, problem.logits);
  const target = await upload(gpu, packTarget(problem), 'target');
  const counts = await zeroCounts(gpu, hardCountsSize(shape));
  const scratchSize = hardCountsScratchSize({ ...shape, options, limits, logits });
  const scratch = await upload(gpu, new Float32Array(Math.max(1, scratchSize)).fill(Number.NaN), 'scratch');
  const dispatches = hardCountsDispatches({ ...shape, options, limits, logits, target, counts, scratch });
  for (let i = 0; i < times; i++) runDispatches(gpu, dispatches);
  const result = new Uint32Array(await readback(gpu, counts));
  for (const { buffer } of [logits, target, counts, scratch]) buffer.destroy();
  return result;
}

function expectedCounts({ options, shape, logits, target }: LossProblem): number[] {
  return [...hardCountsReference(options, shape, Float64Array.from(logits), target)];
}

describe('hard counts', () => {
  const kinds: Record<string, (classes: number) => LossOptions> = {
    labels: () => diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined }),
    'labels, ignored voxels': (classes) => diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: classes }),
    regions: () => diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: false }),
    'regions, ignored voxels': () => diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: true }),
  };
  for (const [name, optionsOf] of Object.entries(kinds)) {
    test(`are those of the reference: ${name}`, async ({ gpu }) => {
      for (const shape of [
        { batch: 1, classes: 2, voxels: 1 },
        { batch: 3, classes: 2, voxels: 333 },
        { batch: 2, classes: 5, voxels: 2 * 1024 + 5 },
        { batch: 1, classes: 64, voxels: 1024 },
      ]) {
        const problem = randomProblem(optionsOf(shape.classes), shape);
        expect([...(await countHard(gpu, problem))]).toEqual(expectedCounts(problem));
      }
    });
  }

  test('batches add up, in pieces and folded grids too', async ({ gpu }) => {
    const options = diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: 3 });
    const shape = { batch: 5, classes: 3, voxels: 2 * 1024 + 333 };
    const problem = randomProblem(options, shape);
    const limits = {
      maxStorageBufferBindingSize: 2 * 4 * shape.classes * shape.voxels + 1024,
      maxComputeWorkgroupsPerDimension: 4,
    };
    const thrice = expectedCounts(problem).map((count) => 3 * count);
    expect([...(await countHard(gpu, problem, limits, 3))]).toEqual(thrice);
  });

  for (const [name, optionsOf] of Object.entries(kinds)) {
    test(`logits of one sample beyond the binding limit: ${name}`, async ({ gpu }) => {
      const limits = { maxStorageBufferBindingSize: 40_960, maxComputeWorkgroupsPerDimension: 65_535 };
      for (const shape of [
        { batch: 2, classes: 7, voxels: 3 * 1024 + 7 },
        { batch: 1, classes: 118, voxels: 2055 },
      ]) {
        const problem = randomProblem(optionsOf(shape.classes), shape);
        expect([...(await countHard(gpu, problem, limits))]).toEqual(expectedCounts(problem));
        const logits = problem.logits.map((x) => fromFloat16Bits(toFloat16Bits(x)));
        const halves = { ...problem, logits };
        expect([...(await countHard(gpu, halves, limits, 2, 'f16'))]).toEqual(
          expectedCounts(halves).map((count) => 2 * count),
        );
      }
    });
  }

  test('halves', async ({ gpu }) => {
    const options = diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: 3 });
    const problem = randomProblem(options, { batch: 3, classes: 3, voxels: 1301 });
    const logits = problem.logits.map((x) => fromFloat16Bits(toFloat16Bits(x)));
    const limits = { maxStorageBufferBindingSize: 9000, maxComputeWorkgroupsPerDimension: 65_535 };
    const counts = await countHard(gpu, { ...problem, logits }, limits, 1, 'f16');
    expect([...counts]).toEqual(expectedCounts({ ...problem, logits }));
  });

  test('the first of equal logits is predicted', async ({ gpu }) => {
    const options = diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined });
    const shape = { batch: 1, classes: 3, voxels: 8 };
    const problem = {
      options,
      shape,
      logits: new Float32Array(24).fill(-2),
      target: [0, 1, 2, 0, 0, 0, 0, 0],
    };
    // true positives, false positives, false negatives of each class
    expect([...(await countHard(gpu, problem))]).toEqual([6, 0, 0, 2, 0, 0, 0, 1, 1]);
  });
});
