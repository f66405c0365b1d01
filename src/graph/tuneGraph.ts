// Kernels for a graph by measurement, where their ranking is not known beforehand.

import type { Gpu } from '@/gpu/device';
import type { TuningStore } from '@/gpu/tuner';
import type { Conv3dShape } from '@/kernels/conv3dShape';
import { tuneConv3d, tuneWeightGradient } from '@/kernels/conv3dTuning';
import { planGraph } from './plan';
import type { PlanOptions } from './planBuilder';
import { planTrainingStep, type TrainingSetup } from './trainingProgram';
import type { Graph } from './value';

/**
 * Measures the kernels that could run the graph's convolutions, for at most about `timeLimitMs`, and gives the winners
 * as options for {@link planGraph}. What `store` remembers of this adapter is not measured again.
 */
export async function tuneGraph(
  gpu: Gpu,
  graph: Graph,
  store: TuningStore,
  timeLimitMs: number,
): Promise<PlanOptions> {
  const shapes: Conv3dShape[] = [];
  planGraph(graph, gpu, {
    tunedConv3d: (shape) => {
      shapes.push(shape);
      return undefined;
    },
  });
  return { tunedConv3d: await tuneConv3d(gpu, shapes, store, timeLimitMs) };
}

/** The same for a training step: convolutions of both directions, and gradients of weights. */
export async function tuneTraining(
  gpu: Gpu,
  setup: TrainingSetup,
  store: TuningStore,
  timeLimitMs: number,
): Promise<PlanOptions> {
  const shapes: Conv3dShape[] = [];
  const weightGradients: Conv3dShape[] = [];
  planTrainingStep(setup, gpu, {
    tunedConv3d: (shape) => {
      shapes.push(shape);
      return undefined;
    },
    tunedWeightGradient: (shape) => {
      weightGradients.push(shape);
      return undefined;
    },
  });
  const deadline = performance.now() + timeLimitMs;
  const tunedConv3d = await tuneConv3d(gpu, shapes, store, timeLimitMs);
  const remainingMs = deadline - performance.now();
  return {
    tunedConv3d,
    tunedWeightGradient: await tuneWeightGradient(gpu, weightGradients, store, remainingMs),
  };
}
