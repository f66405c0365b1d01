import { describe, expect, test } from 'vitest';
import { batchFit, trainingCost } from '@/core/planning/trainingCost';
import { NNUNET_SCHEDULE } from '@/core/planning/trainingSchedule';
import { planTrainingStep, type TrainingPlanOptions } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { DYNAMIC_LOSS_SCALING, NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { buildUNet } from '@/nn/unet';
import { RESIDUAL_3_STAGES } from '../../nn/architectures';
import { plannedDevice } from '../../support/plannedDevice';

const CONFIGURATION = { architecture: RESIDUAL_3_STAGES, patchSize: [8, 32, 32], batchSize: 2 };
const CHANNELS = { input: 1, output: 3 };
const DEVICE = { device: plannedDevice(), memoryBytes: 1e9, flopsPerSecond: 1e12 };

function planned(options: TrainingPlanOptions = {}) {
  const graph = buildUNet(RESIDUAL_3_STAGES, {
    inputChannels: 1,
    outputChannels: 3,
    batch: 2,
    patchSize: [8, 32, 32],
    deepSupervision: true,
  });
  return planTrainingStep(
    {
      graph,
      loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
      headWeights: [2 / 3, 0],
      optimiser: NNUNET_SGD,
      clipNorm: NNUNET_CLIP_NORM,
      lossScaling: options.storage === 'f16' ? DYNAMIC_LOSS_SCALING : undefined,
    },
    DEVICE.device,
    options,
  );
}

describe('trainingCost', () => {
  test('counts what the planned training step allocates and computes', () => {
    const { bytes, plan } = planned();
    const cost = trainingCost(CONFIGURATION, CHANNELS, DEVICE);
    expect(cost.trainingBytes).toBe(bytes.peak);
    expect(cost.flopsPerIteration).toBe(plan.flops);
    expect(cost.secondsPerIteration).toBeCloseTo(plan.flops / 1e12, 9);
  });

  test('tells configurations, channels and speeds apart that it was asked about before', () => {
    const first = trainingCost(CONFIGURATION, CHANNELS, DEVICE);
    const batch = trainingCost({ ...CONFIGURATION, batchSize: 3 }, CHANNELS, DEVICE);
    const classes = trainingCost(CONFIGURATION, { input: 1, output: 30 }, DEVICE);
    const faster = trainingCost(CONFIGURATION, CHANNELS, { ...DEVICE, flopsPerSecond: 2e12 });
    expect(batch.trainingBytes).toBeGreaterThan(first.trainingBytes);
    expect(classes.trainingBytes).toBeGreaterThan(first.trainingBytes);
    expect(faster.secondsInTotal).toBeCloseTo(first.secondsInTotal / 2, 6);
    expect(trainingCost(CONFIGURATION, CHANNELS, DEVICE)).toEqual(first);
  });

  test('of half precision is that of its own plan', () => {
    const cost = trainingCost(CONFIGURATION, CHANNELS, DEVICE, NNUNET_SCHEDULE, 'f16');
    expect(cost.trainingBytes).toBe(planned({ storage: 'f16' }).bytes.peak);
    expect(cost.trainingBytes).toBeLessThan(planned().bytes.peak);
  });
});

describe('batchFit', () => {
  const whole = planned().bytes.peak;
  const least = planned({ microBatch: 1 }).bytes.peak;
  const fitIn = (memoryBytes: number) => batchFit(CONFIGURATION, CHANNELS, { ...DEVICE, memoryBytes });

  test('is the whole batch, a part of it or nothing, by the memory there is', () => {
    expect(fitIn(whole)).toEqual({ batchSize: 2, samples: 2, leastBytes: least });
    expect(fitIn(whole - 1).samples).toBe(1);
    expect(fitIn(least).samples).toBe(1);
    expect(fitIn(least - 1).samples).toBeUndefined();
  });

  test('without a known memory the buffers decide', () => {
    expect(fitIn(Number.NaN).samples).toBe(2);
    const withBuffersOf = (maxBufferSize: number) => {
      const limits = { ...DEVICE.device.limits, maxBufferSize };
      const small = { device: { ...DEVICE.device, limits }, memoryBytes: Number.NaN };
      return batchFit({ ...CONFIGURATION, patchSize: [16, 128, 128] }, CHANNELS, small).samples;
    };
    // Of a patch so large that nothing takes more: partial sums of weight gradients do in small ones.
    const featureMap = 2 * 4 * RESIDUAL_3_STAGES.featuresPerStage[0] * 16 * 128 * 128;
    expect(withBuffersOf(DEVICE.device.limits.maxBufferSize)).toBe(2);
    expect(withBuffersOf(featureMap)).toBe(2);
    expect(withBuffersOf(featureMap - 1)).toBe(1);
    expect(withBuffersOf(featureMap / 2)).toBe(1);
    expect(withBuffersOf(featureMap / 2 - 1)).toBeUndefined();
  });
});
