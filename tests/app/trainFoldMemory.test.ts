import { describe, expect } from 'vitest';
import { networkOfFold, trainFold } from '@/app/trainFold';
import type { EpochReport } from '@/core/training/trainingRun';
import type { Gpu } from '@/gpu/device';
import { planTrainingStep } from '@/graph/trainingProgram';
import { test } from '../support/gpu';
import { TINY_PLANS, tinyJob, tinyPreprocessed, tinyTrainer } from '../support/tinyTraining';

/** The same device with a bound on single buffers. */
function withLargestBuffer(gpu: Gpu, maxBufferSize: number): Gpu {
  const { maxComputeWorkgroupsPerDimension, maxStorageBufferBindingSize } = gpu.limits;
  const limits = { maxBufferSize, maxComputeWorkgroupsPerDimension, maxStorageBufferBindingSize };
  return { ...gpu, limits: limits as GPUSupportedLimits };
}

// Patches so large that feature maps, rather than sums of gradients, are what needs the room.
const { '2d': slices, '3d_fullres': fullres, ...others } = TINY_PLANS.configurations;
const PLANS = {
  ...TINY_PLANS,
  configurations: {
    ...others,
    '2d': { ...slices, patch_size: [64, 48] },
    '3d_fullres': { ...fullres, patch_size: [16, 16, 16] },
  },
};

describe.each([
  ['3d_fullres', 'each sample its Dice'],
  ['2d', 'Dice of the batch'],
])('training %s, %s', (configurationName) => {
  test('where one sample has room and two have none learns the same', async ({ gpu }) => {
    const preprocessed = await tinyPreprocessed(undefined, undefined, PLANS);
    const trainer = tinyTrainer('nnUNetTrainer', 2);
    const epochsOn = async (device: Gpu) => {
      const epochs: EpochReport[] = [];
      const job = await tinyJob(device, {
        preprocessed,
        configurationName,
        trainer,
        onEpoch: (report) => epochs.push(report),
      });
      const { state } = await trainFold(job);
      return { epochs, weights: state.weights };
    };
    const { setup } = networkOfFold((await tinyJob(gpu, { preprocessed, configurationName })).setup, trainer);
    const largest = (microBatch: number) =>
      Math.max(...planTrainingStep(setup, gpu, { microBatch }).plan.memory.slotBytes);
    expect(largest(1)).toBeLessThan(largest(2));

    const whole = await epochsOn(gpu);
    const parts = await epochsOn(withLargestBuffer(gpu, largest(2) - 1));
    expect(parts.epochs).toHaveLength(2);
    for (const [i, { trainLoss, valLoss }] of parts.epochs.entries()) {
      expect(Math.abs(trainLoss - whole.epochs[i].trainLoss)).toBeLessThan(1e-4);
      expect(Math.abs(valLoss - whole.epochs[i].valLoss)).toBeLessThan(1e-4);
    }
    // Other roundings: it did go in micro-batches.
    const bitsOf = ({ weights }: typeof whole) => [...weights.values()].flatMap(({ data }) => [...data]);
    expect(bitsOf(parts)).not.toEqual(bitsOf(whole));
  });
});
