// The largest micro-batch that there is memory for.

import type { Gpu } from '@/gpu/device';
import { microBatchSizes } from './microBatches';
import type { PlanDevice, PlanOptions } from './planBuilder';
import {
  compileTraining,
  planTrainingStep,
  type TrainingProgram,
  type TrainingSetup,
} from './trainingProgram';

/**
 * Samples of the largest micro-batch with which a training step takes at most `memoryBytes`, the whole batch where that
 * fits; `undefined` where nothing does. Plans one step for each that is tried.
 */
export function fittingMicroBatch(
  setup: TrainingSetup,
  device: PlanDevice,
  memoryBytes: number,
  options: PlanOptions = {},
): number | undefined {
  return microBatchSizes(setup).find(
    (microBatch) => planTrainingStep(setup, device, { ...options, microBatch }).bytes.peak <= memoryBytes,
  );
}

/**
 * The training program of the largest micro-batch that the device has room for. WebGPU does not tell how much there is,
 * so it is tried. Throws `GpuOutOfMemory` where the smallest has none; nothing stays allocated then.
 */
export function compileFittingTraining(
  gpu: Gpu,
  setup: TrainingSetup,
  options: PlanOptions = {},
): Promise<TrainingProgram> {
  const compileFirst = async ([microBatch, ...smaller]: readonly number[]): Promise<TrainingProgram> => {
    try {
      return await compileTraining(gpu, planTrainingStep(setup, gpu, { ...options, microBatch }));
    } catch (error) {
      const isTooLarge = error instanceof Error && error.name === 'GpuOutOfMemory';
      if (!isTooLarge || smaller.length === 0) throw error;
    }
    return compileFirst(smaller);
  };
  return compileFirst(microBatchSizes(setup));
}
