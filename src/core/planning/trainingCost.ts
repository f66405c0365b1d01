// What training a configuration costs on a device: memory and arithmetic by the planned program, which is exact; time by
// measured throughput.

import { countFlops } from '@/graph/flops';
import type { PlanDevice } from '@/graph/planBuilder';
import { planTrainingStep } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { buildUNet, countParameters, toZyx } from '@/nn/unet';
import type { Zyx } from '@/shared/geometry';
import { deepSupervisionWeights } from '../training/deepSupervision';
import type { Configuration } from './plans';

/** How long a training is: nnU-Net's default is 1000 epochs of 250 iterations, each with 50 validation batches. */
export interface TrainingSchedule {
  readonly epochs: number;
  readonly iterationsPerEpoch: number;
  readonly validationIterationsPerEpoch: number;
}

export const NNUNET_SCHEDULE: TrainingSchedule = {
  epochs: 1000,
  iterationsPerEpoch: 250,
  validationIterationsPerEpoch: 50,
};

/** A device as planning sees it. */
export interface TrainingDevice {
  /** Limits and facts, as a `Gpu` has them. */
  readonly device: PlanDevice;
  /** Bytes that a training may take. WebGPU does not tell; it is what a person allows or a trial found. */
  readonly memoryBytes: number;
  /** Measured rate of convolutions, floating-point operations a second. */
  readonly flopsPerSecond: number;
}

/** One stage of the U, finest first. */
export interface StageShape {
  readonly features: number;
  /** Of its feature maps, `[z, y, x]`; 2D networks have depth 1. */
  readonly shape: Zyx;
  /** From the stage above. */
  readonly stride: Zyx;
  readonly kernelSize: Zyx;
}

export interface TrainingCost {
  readonly stages: readonly StageShape[];
  readonly parameterCount: number;
  /** Exact: all that a training step with nnU-Net's loss and SGD allocates. */
  readonly trainingBytes: number;
  /** Largest single buffer of it. */
  readonly largestBufferBytes: number;
  /** One training step of a whole batch, forward and backward: exact, in convolutions. */
  readonly flopsPerIteration: number;
  /** Backward passes are taken to run at the rate of forward passes. */
  readonly secondsPerIteration: number;
  /** Training and validation batches of an epoch. */
  readonly secondsPerEpoch: number;
  readonly secondsInTotal: number;
}

type Trained = Pick<Configuration, 'architecture' | 'patchSize' | 'batchSize'>;

/** Of the network. */
interface Channels {
  readonly input: number;
  readonly output: number;
}

/** What training `configuration` costs. Channels are the dataset's; nothing is allocated. */
export function trainingCost(
  configuration: Trained,
  channels: Channels,
  { device, flopsPerSecond }: TrainingDevice,
  schedule: TrainingSchedule = NNUNET_SCHEDULE,
): TrainingCost {
  const { forwardFlops, ...counts } = countTraining(configuration, channels, device);
  const secondsPerIteration = counts.flopsPerIteration / flopsPerSecond;
  const secondsPerEpoch =
    schedule.iterationsPerEpoch * secondsPerIteration +
    schedule.validationIterationsPerEpoch * (forwardFlops / flopsPerSecond);
  return {
    ...counts,
    stages: stageShapes(configuration),
    secondsPerIteration,
    secondsPerEpoch,
    secondsInTotal: schedule.epochs * secondsPerEpoch,
  };
}

interface TrainingCounts
  extends Pick<
    TrainingCost,
    'parameterCount' | 'trainingBytes' | 'largestBufferBytes' | 'flopsPerIteration'
  > {
  readonly forwardFlops: number;
}

/** Planning takes up to some tenths of a second, and the same configurations are asked for again and again. */
const counted = new Map<string, TrainingCounts>();
const MOST_COUNTED = 64;

function countTraining(configuration: Trained, channels: Channels, device: PlanDevice): TrainingCounts {
  const key = keyOf(configuration, channels, device);
  const known = counted.get(key);
  if (known) return known;
  const counts = planCounts(configuration, channels, device);
  const [oldest] = counted.keys();
  if (counted.size === MOST_COUNTED) counted.delete(oldest);
  counted.set(key, counts);
  return counts;
}

/** All that planning looks at. */
function keyOf(
  { architecture, patchSize, batchSize }: Trained,
  { input, output }: Channels,
  { limits, facts }: PlanDevice,
): string {
  // A device's limits list none of their names.
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = limits;
  const asked = [maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension];
  return JSON.stringify([architecture, patchSize, batchSize, input, output, asked, facts]);
}

function planCounts(
  { architecture, patchSize, batchSize }: Trained,
  channels: Channels,
  device: PlanDevice,
): TrainingCounts {
  const graph = buildUNet(architecture, {
    inputChannels: channels.input,
    outputChannels: channels.output,
    batch: batchSize,
    patchSize,
    deepSupervision: true,
  });
  const setup = {
    graph,
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
    headWeights: deepSupervisionWeights(graph.outputs.length),
    optimiser: NNUNET_SGD,
    clipNorm: NNUNET_CLIP_NORM,
    lossScaling: undefined,
  };
  const { plan, bytes } = planTrainingStep(setup, device);
  return {
    parameterCount: countParameters(graph),
    trainingBytes: bytes.peak,
    largestBufferBytes: Math.max(0, ...plan.memory.slotBytes, ...plan.parameterBufferBytes),
    flopsPerIteration: plan.flops,
    forwardFlops: countFlops(graph),
  };
}

function stageShapes({
  architecture,
  patchSize,
}: Pick<Configuration, 'architecture' | 'patchSize'>): readonly StageShape[] {
  let shape = toZyx(patchSize);
  return architecture.strides.map((stageStride, i) => {
    const stride = toZyx(stageStride);
    shape = [
      Math.floor(shape[0] / stride[0]),
      Math.floor(shape[1] / stride[1]),
      Math.floor(shape[2] / stride[2]),
    ];
    const features = architecture.featuresPerStage[i];
    return { features, shape, stride, kernelSize: toZyx(architecture.kernelSizes[i]) };
  });
}
