import { describe, expect, test } from 'vitest';
import type { FingerprintDocument } from '@/core/planning/plansDocument';
import { readPlans } from '@/core/planning/readPlans';
import { type TrainingDevice, trainingCost } from '@/core/planning/trainingCost';
import { NNUNET_SCHEDULE } from '@/core/planning/trainingSchedule';
import { planForWebgpu, type WebgpuPlanRequest } from '@/core/planning/webgpuPlanner';

const MINUTES = 60_000;

function deviceOf(memoryGb: number, gflops: number): TrainingDevice {
  return {
    device: {
      limits: {
        maxBufferSize: 4 * 2 ** 30,
        maxStorageBufferBindingSize: 2 ** 31,
        maxComputeWorkgroupsPerDimension: 65535,
        maxComputeWorkgroupStorageSize: 32768,
        maxComputeInvocationsPerWorkgroup: 1024,
        maxComputeWorkgroupSizeX: 1024,
        maxComputeWorkgroupSizeY: 1024,
        maxComputeWorkgroupSizeZ: 64,
      } as unknown as TrainingDevice['device']['limits'],
      facts: {
        vendor: 'test',
        architecture: '',
        description: '',
        isSoftware: false,
        hasF16: true,
        hasSubgroups: true,
        subgroupSize: undefined,
        hasTimestamps: true,
      },
    },
    memoryBytes: memoryGb * 1e9,
    flopsPerSecond: gflops * 1e9,
  };
}

const intensities = { max: 1, mean: 0, median: 0, min: -1, percentile_00_5: -1, percentile_99_5: 1, std: 1 };
const fingerprint: FingerprintDocument = {
  foreground_intensity_properties_per_channel: { 0: intensities },
  median_relative_size_after_cropping: 1,
  shapes_after_crop: Array.from({ length: 40 }, (_, i) => [90 + i, 180 + i, 160 + i]),
  spacings: Array.from({ length: 40 }, () => [2, 1, 1]),
};
const job: Omit<WebgpuPlanRequest, 'device' | 'hours'> = {
  fingerprint,
  dataset: {
    name: 'Dataset001_Test',
    channelNames: ['CT'],
    labelEntries: 3,
    numTraining: 40,
    imageReaderWriter: 'SimpleITKIO',
  },
  outputChannels: 3,
};

const voxels = (size: readonly number[]) => size.reduce((product, length) => product * length, 1);

describe('the WebGPU planner', { timeout: 2 * MINUTES }, () => {
  test('stays within memory and time, and its plans can be read', () => {
    const device = deviceOf(6, 2000);
    const { plans, configurations } = planForWebgpu({ ...job, device, hours: 24 });
    expect(configurations.map(({ name }) => name)).toContain('3d_fullres');
    for (const { cost, exceeds, name } of configurations) {
      if (name === '3d_lowres') continue;
      expect(exceeds).toEqual([]);
      expect(cost.trainingBytes).toBeLessThanOrEqual(device.memoryBytes);
      expect(cost.secondsInTotal).toBeLessThanOrEqual(24 * 3600);
    }
    const read = readPlans(JSON.stringify(plans), 'plans.json');
    expect(Object.keys(read.configurations)).toEqual(Object.keys(plans.configurations));
  });

  test('more hours never give a smaller patch', () => {
    const patchFor = (hours: number) => {
      const { configurations } = planForWebgpu({ ...job, device: deviceOf(100, 1000), hours });
      const found = configurations.find(({ name }) => name === '3d_fullres');
      return voxels(found?.configuration.patchSize ?? []) * (found?.configuration.batchSize ?? 0);
    };
    const [few, many] = [patchFor(6), patchFor(60)];
    expect(many).toBeGreaterThan(few);
  });

  test('says what even the smallest plan exceeds', () => {
    const { configurations } = planForWebgpu({ ...job, device: deviceOf(100, 0.1), hours: 0.1 });
    expect(configurations.every(({ exceeds }) => exceeds.includes('time'))).toBe(true);
  });
});

test('an epoch is 250 training and 50 validation batches', () => {
  const { configurations } = planForWebgpu({ ...job, device: deviceOf(6, 2000), hours: 24 });
  const [{ configuration }] = configurations;
  const cost = trainingCost(configuration, { input: 1, output: 3 }, deviceOf(6, 1000));
  expect(cost.flopsPerIteration / 1e12).toBeCloseTo(cost.secondsPerIteration, 6);
  const { iterationsPerEpoch, validationIterationsPerEpoch } = NNUNET_SCHEDULE;
  const validation = cost.secondsPerEpoch - iterationsPerEpoch * cost.secondsPerIteration;
  const forwardPasses = validation / validationIterationsPerEpoch / cost.secondsPerIteration;
  // Backward is the gradients of input and weights, each as much work; the image gets none, upsampling is done twice.
  expect(forwardPasses).toBeGreaterThan(1 / 3.1);
  expect(forwardPasses).toBeLessThan(1 / 2.8);
});
