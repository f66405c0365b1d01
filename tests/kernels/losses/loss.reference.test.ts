import { describe, expect, test } from 'vitest';
import { lossReference } from '@/kernels/losses/loss.reference';
import {
  crossEntropyLoss,
  diceAndBinaryCrossEntropyLoss,
  diceAndCrossEntropyLoss,
  diceAndTopKLoss,
  diceLoss,
  type LossOptions,
  rankedVoxels,
  topKLoss,
} from '@/kernels/losses/lossOptions';
import { randomProblem } from './problems';

const OPTIONS: Record<string, LossOptions> = {
  'Dice and cross entropy': diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined }),
  'each sample its Dice': diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
  'ignore label': diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: 3 }),
  'ignore label, batch Dice': diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: 3 }),
  'Dice with background': { ...diceLoss({ batchDice: true, target: labels(3) }), doBackground: true },
  'cross entropy': crossEntropyLoss({ ignoreLabel: 3 }),
  'top k': topKLoss({ ignoreLabel: undefined }),
  'top k, smoothed labels': topKLoss({ ignoreLabel: 3, labelSmoothing: 0.1 }),
  'Dice and top k': diceAndTopKLoss({ batchDice: true, ignoreLabel: 3 }),
  'no smoothing of the Dice': {
    ...diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined }),
    smooth: 0,
  },
  'weights of the terms': {
    ...diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: 3 }),
    diceWeight: 0.3,
    crossEntropyWeight: 2,
  },
  regions: diceAndBinaryCrossEntropyLoss({ batchDice: false, hasIgnore: false }),
  'regions, batch Dice': diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: false }),
  'regions, ignored voxels': diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: true }),
  'Dice of regions': diceLoss({ batchDice: false, target: { kind: 'regions', hasIgnore: true } }),
};

function labels(ignoreLabel: number | undefined) {
  return { kind: 'labels', ignoreLabel } as const;
}

describe('loss reference', () => {
  for (const [name, options] of Object.entries(OPTIONS)) {
    test(`its gradient is that of finite differences: ${name}`, () => {
      const shape = { batch: 2, classes: 3, voxels: 35 };
      const problem = randomProblem(options, shape, { spread: 2 });
      const logits = Float64Array.from(problem.logits);
      const { gradient } = lossReference(options, shape, logits, problem.target);
      const lossAt = (i: number, value: number) =>
        lossReference(options, shape, logits.with(i, value), problem.target).loss;
      const step = 1e-5;
      let largest = 0;
      for (let i = 0; i < logits.length; i++) {
        const slope = (lossAt(i, logits[i] + step) - lossAt(i, logits[i] - step)) / (2 * step);
        largest = Math.max(largest, Math.abs(slope - gradient[i]));
      }
      expect(largest).toBeLessThan(1e-8);
      expect(gradient.some((value) => Math.abs(value) > 1e-4)).toBe(true);
    });
  }

  test('equal logits: cross entropy is the logarithm of the number of classes, Dice follows by hand', () => {
    const options = diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined });
    const shape = { batch: 1, classes: 2, voxels: 4 };
    const { diceLoss: dice, crossEntropy } = lossReference(options, shape, new Float64Array(8), [0, 1, 1, 1]);
    expect(crossEntropy).toBeCloseTo(Math.log(2), 14);
    // Σ p g = 1.5, Σ p = 2, Σ g = 3
    expect(dice).toBeCloseTo(-(3 + 1e-5) / (5 + 1e-5), 14);
  });

  test('top k keeps a tenth of the voxels, one at least', () => {
    expect([1, 9, 10, 19, 20, 1009, 2_097_152].map((voxels) => rankedVoxels(voxels, 10))).toEqual([
      1, 1, 1, 1, 2, 100, 209_715,
    ]);
  });
});
