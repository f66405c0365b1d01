// What training a configuration costs on a device: memory and arithmetic by the planned program, which is exact; time by
// measured throughput.

import { fittingMicroBatch, largestBuffer } from '@/graph/fittingTraining';
import { countFlops } from '@/graph/flops';
import { microBatchSizes } from '@/graph/microBatches';
import type { PlanDevice } from '@/graph/planBuilder';
import { planTrainingStep, type TrainingSetup } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { DYNAMIC_LOSS_SCALING, NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import type { FeatureDtype } from '@/kernels/storage';
import { buildUNet, countParameters, toZyx } from '@/nn/unet';
import type { Zyx } from '@/shared/geometry';
import { deepSupervisionWeights } from '../training/deepSupervision';
import type { Configuration } from './plans';
import { NNUNET_SCHEDULE, type TrainingSchedule } from './trainingSchedule';

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
interface StageShape {
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

/** How much of a batch a device has room for at once. */
export interface BatchFit {
  /** Samples of the whole batch. */
  readonly batchSize: number;
  /** The whole batch, or the largest of its equal parts that fits; `undefined` where none does. */
  readonly samples: number | undefined;
  /** What a training step takes in its smallest parts: least of all. */
  readonly leastBytes: number;
}

export type Trained = Pick<Configuration, 'architecture' | 'patchSize' | 'batchSize'>;

/** Of the network. */
export interface Channels {
  readonly input: number;
  readonly output: number;
}

/** What training `configuration` costs. Channels are the dataset's, `storage` is of feature maps; nothing is allocated. */
export function trainingCost(
  configuration: Trained,
  channels: Channels,
  { device, flopsPerSecond }: TrainingDevice,
  schedule: TrainingSchedule = NNUNET_SCHEDULE,
  storage: FeatureDtype = 'f32',
): TrainingCost {
  const { forwardFlops, ...counts } = countTraining({ configuration, channels, device, storage });
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

/** What of a batch of `configuration` has room on a device; where its memory is not known, by its buffers alone. */
export function batchFit(
  configuration: Trained,
  channels: Channels,
  { device, memoryBytes }: Pick<TrainingDevice, 'device' | 'memoryBytes'>,
  storage: FeatureDtype = 'f32',
): BatchFit {
  const question = { configuration, channels, device, storage };
  const memory = Number.isNaN(memoryBytes) ? Number.POSITIVE_INFINITY : memoryBytes;
  return remembered(fits, `${memory} ${keyOf(question)}`, () => {
    const setup = setupOf(question);
    const smallest = Math.min(...microBatchSizes(setup));
    return {
      batchSize: configuration.batchSize,
      samples: fittingMicroBatch(setup, device, memory, { storage }),
      leastBytes: planTrainingStep(setup, device, { storage, microBatch: smallest }).bytes.peak,
    };
  });
}

/** All that planning looks at. */
interface CostOptions {
  readonly configuration: Trained;
  readonly channels: Channels;
  readonly device: PlanDevice;
  readonly storage: FeatureDtype;
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
const fits = new Map<string, BatchFit>();
const MOST_REMEMBERED = 64;

function countTraining(question: CostOptions): TrainingCounts {
  return remembered(counted, keyOf(question), () => {
    const setup = setupOf(question);
    const planned = planTrainingStep(setup, question.device, { storage: question.storage });
    return {
      parameterCount: countParameters(setup.graph),
      trainingBytes: planned.bytes.peak,
      largestBufferBytes: largestBuffer(planned),
      flopsPerIteration: planned.plan.flops,
      forwardFlops: countFlops(setup.graph),
    };
  });
}

function remembered<Answer>(answers: Map<string, Answer>, key: string, answer: () => Answer): Answer {
  const known = answers.get(key);
  if (known) return known;
  const found = answer();
  const [oldest] = answers.keys();
  if (answers.size === MOST_REMEMBERED) answers.delete(oldest);
  answers.set(key, found);
  return found;
}

function keyOf({ configuration, channels, device, storage }: CostOptions): string {
  const { architecture, patchSize, batchSize } = configuration;
  const { limits, facts } = device;
  // A device's limits list none of their names.
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = limits;
  const asked = [maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension];
  const network = [architecture, patchSize, batchSize, channels.input, channels.output];
  return JSON.stringify([...network, asked, facts, storage]);
}

function setupOf({ configuration, channels, storage }: CostOptions): TrainingSetup {
  const graph = buildUNet(configuration.architecture, {
    inputChannels: channels.input,
    outputChannels: channels.output,
    batch: configuration.batchSize,
    patchSize: configuration.patchSize,
    deepSupervision: true,
  });
  return {
    graph,
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
    headWeights: deepSupervisionWeights(graph.outputs.length),
    optimiser: NNUNET_SGD,
    clipNorm: NNUNET_CLIP_NORM,
    lossScaling: storage === 'f16' ? DYNAMIC_LOSS_SCALING : undefined,
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
