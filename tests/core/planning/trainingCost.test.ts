import { describe, expect, test } from 'vitest';
import { trainingCost } from '@/core/planning/trainingCost';
import { planTrainingStep } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { buildUNet } from '@/nn/unet';
import { RESIDUAL_3_STAGES } from '../../nn/architectures';
import { plannedDevice } from '../../support/plannedDevice';

const CONFIGURATION = { architecture: RESIDUAL_3_STAGES, patchSize: [8, 32, 32], batchSize: 2 };
const CHANNELS = { input: 1, output: 3 };
const DEVICE = { device: plannedDevice(), memoryBytes: 1e9, flopsPerSecond: 1e12 };

describe('trainingCost', () => {
  test('counts what the planned training step allocates and computes', () => {
    const graph = buildUNet(RESIDUAL_3_STAGES, {
      inputChannels: 1,
      outputChannels: 3,
      batch: 2,
      patchSize: [8, 32, 32],
      deepSupervision: true,
    });
    const { bytes, plan } = planTrainingStep(
      {
        graph,
        loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
        headWeights: [2 / 3, 0],
        optimiser: NNUNET_SGD,
        clipNorm: NNUNET_CLIP_NORM,
        lossScaling: undefined,
      },
      DEVICE.device,
    );
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
});
