// One network on one device: a forward pass, or a whole training step.

import { deepSupervisionWeights } from '@/core/training/deepSupervision';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import { planGraph } from '@/graph/plan';
import type { PlanDevice, PlanOptions } from '@/graph/planBuilder';
import { compileProgram } from '@/graph/program';
import {
  compileTraining,
  planTrainingStep,
  type TrainingPlan,
  type TrainingSetup,
} from '@/graph/trainingProgram';
import type { Graph } from '@/graph/value';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { randomNormal } from '@/shared/random';
import type { PassFigures, PassName } from '@/workers/system/api';
import { BENCHMARK_CLASSES, type BenchmarkNetwork } from './benchmarkNetworks';
import { timeRuns } from './benchmarkTiming';

const LEARNING_RATE = 1e-3;
const SEED = 1;

/** A forward pass as prediction runs it: one output, norms fused. Throws `GpuOutOfMemory`; nothing stays allocated. */
export async function measureForward(
  gpu: Gpu,
  network: BenchmarkNetwork,
  options: PlanOptions = {},
  signal?: AbortSignal,
): Promise<PassFigures> {
  const graph = benchmarkGraph(network, 'forward');
  const plan = planGraph(graph, gpu, options);
  const program = await compileProgram(gpu, plan);
  try {
    program.setParameters(initialise(graph.parameters, SEED));
    feed(gpu, program.inputs);
    const timing = await timeRuns(gpu, () => program.run(), signal);
    const { dispatchCount: dispatches, plannedBytes, allocatedBytes, compileMs } = program;
    return { ...timing, flops: plan.flops, dispatches, plannedBytes, allocatedBytes, compileMs };
  } finally {
    program.destroy();
  }
}

/** A step as {@link planBenchmarkStep} plans it. Throws `GpuOutOfMemory`; nothing stays allocated. */
export async function measureTrainingStep(
  gpu: Gpu,
  network: BenchmarkNetwork,
  options: PlanOptions = {},
  signal?: AbortSignal,
): Promise<PassFigures> {
  const planned = planBenchmarkStep(network, gpu, options);
  const program = await compileTraining(gpu, planned);
  try {
    program.setParameters(initialise(planned.setup.graph.parameters, SEED));
    feed(gpu, program.inputs);
    const timing = await timeRuns(gpu, () => program.step(LEARNING_RATE), signal);
    const { dispatchCount: dispatches, allocatedBytes, compileMs } = program;
    return {
      ...timing,
      flops: planned.plan.flops,
      dispatches,
      plannedBytes: planned.bytes.peak,
      allocatedBytes,
      compileMs,
    };
  } finally {
    program.destroy();
  }
}

/** Deep supervision, Dice + cross entropy and SGD with momentum, as nnU-Net trains by default. */
export function benchmarkSetup(network: BenchmarkNetwork): TrainingSetup {
  const graph = benchmarkGraph(network, 'training step');
  return {
    graph,
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
    headWeights: deepSupervisionWeights(graph.outputs.length),
    optimiser: NNUNET_SGD,
    clipNorm: NNUNET_CLIP_NORM,
    lossScaling: undefined,
  };
}

/** A step of {@link benchmarkSetup}, in f32. */
export function planBenchmarkStep(
  network: BenchmarkNetwork,
  device: PlanDevice,
  options: PlanOptions = {},
): TrainingPlan {
  return planTrainingStep(benchmarkSetup(network), device, options);
}

/** The network traced: with all heads where it is trained. */
export function benchmarkGraph({ architecture, patchSize, batch }: BenchmarkNetwork, pass: PassName): Graph {
  return buildUNet(architecture, {
    inputChannels: 1,
    outputChannels: BENCHMARK_CLASSES,
    batch,
    patchSize,
    deepSupervision: pass === 'training step',
  });
}

/** Noise for an image; targets stay what they are, background. */
function feed(gpu: Gpu, inputs: ReadonlyMap<string, GpuArray>): void {
  const [x] = inputs.values();
  const noise = randomNormal(x.size, SEED);
  gpu.device.queue.writeBuffer(x.buffer, x.offset, noise as GPUAllowSharedBufferSource);
}
