// What the configurations of plans cost on this computer.

import { checkEdit, editOf } from '@/core/planning/editPlans';
import type { Configuration } from '@/core/planning/plans';
import type { ConfigurationOverview, PlansOverview } from '@/core/planning/plansOverview';
import {
  type BatchFit,
  batchFit,
  type TrainingCost,
  type TrainingDevice,
  trainingCost,
} from '@/core/planning/trainingCost';
import { NNUNET_SCHEDULE } from '@/core/planning/trainingSchedule';
import type { FeatureDtype } from '@/kernels/storage';
import { messageOf } from '@/shared/errors';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { GpuReport } from '@/workers/segment/api';

/** Channels of a network. Plans do not hold labels, so without their dataset the outputs are assumed. */
export interface NetworkChannels {
  readonly input: number;
  readonly output: number;
  readonly areAssumed: boolean;
}

export type ConfigurationCost =
  | {
      readonly status: 'known';
      readonly cost: TrainingCost;
      readonly fit: BatchFit;
      readonly channels: NetworkChannels;
    }
  | { readonly status: 'unknown'; readonly reason: string };

/** Background and one label. */
const ASSUMED_OUTPUTS = 2;

/** Heads of a network for a dataset's labels, as nnU-Net's `LabelManager` counts them. */
export function outputChannelsOf({ labels }: Pick<DatasetRecord, 'labels'>): number {
  const used = labels.filter(({ name }) => name !== 'ignore');
  const hasRegions = used.some(({ values }) => values.length > 1);
  if (hasRegions) return used.filter(({ values }) => values.some((value) => value !== 0)).length;
  return new Set(used.flatMap(({ values }) => values)).size;
}

/** A cascade's second stage also sees the first's segmentation, one channel for each foreground label. */
export function networkChannels(
  configuration: Pick<Configuration, 'normalizationSchemes' | 'previousStage'>,
  dataset: DatasetRecord | undefined,
): NetworkChannels {
  const output = dataset ? outputChannelsOf(dataset) : ASSUMED_OUTPUTS;
  const values = dataset?.labels.filter(({ name }) => name !== 'ignore').flatMap((label) => label.values);
  const foreground = values ? new Set(values.filter((value) => value !== 0)).size : ASSUMED_OUTPUTS - 1;
  const images = dataset?.channelNames.length ?? configuration.normalizationSchemes.length;
  const input = images + (configuration.previousStage === undefined ? 0 : foreground);
  return { input, output, areAssumed: dataset === undefined };
}

/**
 * Throughput is left to the caller: without one, times come out as `NaN`. `storage` is of feature maps. `transposeBackward`:
 * of the plans, for the sizes in a reason.
 */
export function configurationCost(
  configuration: Configuration,
  dataset: DatasetRecord | undefined,
  gpu: GpuReport | undefined,
  flopsPerSecond: number | undefined,
  storage: FeatureDtype = 'f32',
  transposeBackward?: readonly number[],
): ConfigurationCost {
  const [problem] = checkEdit(editOf(configuration), transposeBackward);
  if (problem) return { status: 'unknown', reason: problem.message };
  const channels = networkChannels(configuration, dataset);
  try {
    const device = trainingDevice(gpu, Number.NaN, flopsPerSecond ?? Number.NaN);
    const cost = trainingCost(configuration, channels, device, NNUNET_SCHEDULE, storage);
    return { status: 'known', cost, fit: batchFit(configuration, channels, device, storage), channels };
  } catch (error) {
    return { status: 'unknown', reason: messageOf(error) };
  }
}

/** Costs of all configurations, by name. */
export function plansCosts(
  { configurations, transposeBackward }: Pick<PlansOverview, 'configurations' | 'transposeBackward'>,
  ...context: readonly [DatasetRecord | undefined, GpuReport | undefined, number | undefined]
): ReadonlyMap<string, ConfigurationCost> {
  const costOf = ({ configuration, problem }: ConfigurationOverview): ConfigurationCost =>
    configuration
      ? configurationCost(configuration, ...context, 'f32', transposeBackward)
      : { status: 'unknown', reason: problem ?? 'It cannot be used here.' };
  return new Map(configurations.map((one) => [one.name, costOf(one)]));
}

/** The device at hand as planning sees it; WebGPU's guaranteed limits where there is none. */
export function trainingDevice(
  gpu: GpuReport | undefined,
  memoryBytes: number,
  flopsPerSecond: number,
): TrainingDevice {
  const limit = (name: keyof typeof GUARANTEED_LIMITS) => gpu?.limits[name] ?? GUARANTEED_LIMITS[name];
  const limits = {
    maxBufferSize: limit('maxBufferSize'),
    maxStorageBufferBindingSize: limit('maxStorageBufferBindingSize'),
    maxComputeWorkgroupsPerDimension: limit('maxComputeWorkgroupsPerDimension'),
    maxComputeWorkgroupStorageSize: limit('maxComputeWorkgroupStorageSize'),
    maxComputeInvocationsPerWorkgroup: limit('maxComputeInvocationsPerWorkgroup'),
    maxComputeWorkgroupSizeX: limit('maxComputeWorkgroupSizeX'),
    maxComputeWorkgroupSizeY: limit('maxComputeWorkgroupSizeY'),
    maxComputeWorkgroupSizeZ: limit('maxComputeWorkgroupSizeZ'),
  };
  return { device: { limits, facts: gpu?.facts ?? NO_FACTS }, memoryBytes, flopsPerSecond };
}

/** What every WebGPU device offers at least. */
const GUARANTEED_LIMITS = {
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
} as const;

const NO_FACTS: GpuReport['facts'] = {
  vendor: '',
  architecture: '',
  description: '',
  isSoftware: false,
  hasF16: false,
  hasSubgroups: false,
  subgroupSize: undefined,
  hasTimestamps: false,
};
