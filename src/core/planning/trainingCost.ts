// What training a configuration costs on a device: memory by the traced program, time by measured throughput.
import { planGraph } from '@/graph/plan';
import type { PlanDevice } from '@/graph/planBuilder';
import { buildUNet, toZyx } from '@/nn/unet';
import { elementCount, type Zyx } from '@/shared/geometry';
import type { Configuration } from './plans';

/** Weights, their gradients, and the momentum of nnU-Net's SGD. */
const PARAMETER_COPIES = 3;
/**
 * A training step does a forward pass, and for each convolution the gradients of its input and of its weights, each as
 * much work as the forward pass.
 */
const TRAINING_PASSES = 3;

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
  /** Exact, of the forward program. */
  readonly forwardBytes: number;
  /** {@link trainingBytes} of it. */
  readonly trainingBytes: number;
  /** Largest single buffer of the forward program. */
  readonly largestBufferBytes: number;
  /** One training step of a whole batch. */
  readonly flopsPerIteration: number;
  readonly secondsPerIteration: number;
  /** Training and validation batches of an epoch. */
  readonly secondsPerEpoch: number;
  readonly secondsInTotal: number;
}

/** What training `configuration` costs. Channels are the dataset's; nothing is allocated. */
export function trainingCost(
  configuration: Pick<Configuration, 'architecture' | 'patchSize' | 'batchSize'>,
  channels: { readonly input: number; readonly output: number },
  { device, flopsPerSecond }: TrainingDevice,
  schedule: TrainingSchedule = NNUNET_SCHEDULE,
): TrainingCost {
  const { architecture, patchSize, batchSize } = configuration;
  const graph = buildUNet(architecture, {
    inputChannels: channels.input,
    outputChannels: channels.output,
    batch: batchSize,
    patchSize,
    deepSupervision: true,
  });
  const plan = planGraph(graph, device);
  const kept = plan.requests.reduce((sum, { bytes }) => sum + bytes, 0);
  const flopsPerIteration = TRAINING_PASSES * plan.flops;
  const secondsPerIteration = flopsPerIteration / flopsPerSecond;
  const secondsPerEpoch =
    schedule.iterationsPerEpoch * secondsPerIteration +
    schedule.validationIterationsPerEpoch * (plan.flops / flopsPerSecond);
  return {
    stages: stageShapes(configuration),
    parameterCount: graph.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    forwardBytes: plan.bytes.peak,
    trainingBytes: trainingBytes(kept, plan.bytes),
    largestBufferBytes: Math.max(0, ...plan.memory.slotBytes, ...plan.parameterBufferBytes),
    flopsPerIteration,
    secondsPerIteration,
    secondsPerEpoch,
    secondsInTotal: schedule.epochs * secondsPerEpoch,
  };
}

/**
 * Bytes of a training step, from the forward program until a training program is traced: every tensor that the forward
 * pass writes is kept for the backward pass (`keptBytes`, once), gradients in flight need what the forward pass needs
 * at its peak (once), and there are {@link PARAMETER_COPIES} sets of parameters.
 */
function trainingBytes(
  keptBytes: number,
  forward: { readonly temporaries: number; readonly parameters: number },
): number {
  return keptBytes + forward.temporaries + PARAMETER_COPIES * forward.parameters;
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
