import { describe, expect } from 'vitest';
import { networkOfFold, type StartReport, trainFold } from '@/app/train/trainFold';
import type { TrainingEpochReport } from '@/core/training/trainingRun';
import type { Gpu } from '@/gpu/device';
import { planTrainingStep } from '@/graph/trainingProgram';
import { test } from '../../support/gpu';
import { memoryFolder } from '../../support/memoryFolder';
import {
  memoryCheckpoints,
  TINY_PLANS,
  tinyJob,
  tinyPreprocessed,
  tinyTrainer,
  trainTiny,
} from '../../support/tinyTraining';

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
      const epochs: TrainingEpochReport[] = [];
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

  test('goes on with the parts it began with, or says that it cannot', async ({ gpu }) => {
    const preprocessed = await tinyPreprocessed(undefined, undefined, PLANS);
    const trainer = tinyTrainer('nnUNetTrainer', 1);
    const { setup } = networkOfFold((await tinyJob(gpu, { preprocessed, configurationName })).setup, trainer);
    const { slotBytes } = planTrainingStep(setup, gpu, { microBatch: 2 }).plan.memory;
    const small = withLargestBuffer(gpu, Math.max(...slotBytes) - 1);

    /** Stopped after two of three steps on the first device, gone on with on the second. */
    const trainedOn = async (first: Gpu, second: Gpu) => {
      const results = memoryFolder();
      const checkpoints = memoryCheckpoints();
      const starts: StartReport[] = [];
      const common = { preprocessed, configurationName, trainer, results, checkpoints };
      const controller = new AbortController();
      await trainTiny(first, {
        ...common,
        signal: controller.signal,
        onStep: ({ done }) => done === 2 && controller.abort(),
        onStart: (report) => starts.push(report),
      });
      const onStart = (report: StartReport) => void starts.push(report);
      const { state } = await trainTiny(second, { ...common, shouldContinue: true, onStart });
      const logs = [...results.contents].filter(([name]) => name.includes('training_log'));
      return {
        starts: starts.map(({ microBatch, hasOtherRoundings }) => ({ microBatch, hasOtherRoundings })),
        bits: [...state.weights.values()].map(({ data }) => [...data]),
        log: logs.map(([, content]) => new TextDecoder().decode(content)).join(''),
      };
    };
    const undisturbed = await trainedOn(small, small);
    const withMoreRoom = await trainedOn(small, gpu);
    const same = { microBatch: 1, hasOtherRoundings: false };
    expect(withMoreRoom.starts).toEqual([same, same]);
    expect(withMoreRoom.bits).toEqual(undisturbed.bits);
    expect(withMoreRoom.log).not.toContain('roundings');

    const withLessRoom = await trainedOn(gpu, small);
    expect(withLessRoom.starts).toEqual([
      { microBatch: 2, hasOtherRoundings: false },
      { microBatch: 1, hasOtherRoundings: true },
    ]);
    expect(withLessRoom.log).toContain('in parts of 1, for want of room no more of 2');
    expect(withLessRoom.bits).not.toEqual(undisturbed.bits);
  });
});
