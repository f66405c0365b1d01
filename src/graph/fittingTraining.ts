// The largest micro-batch that there is memory for.

import type { Gpu } from '@/gpu/device';
import { microBatchSizes } from './microBatches';
import type { PlanDevice, PlanOptions } from './planBuilder';
import {
  compileTraining,
  planTrainingStep,
  type TrainingPlan,
  type TrainingProgram,
  type TrainingSetup,
} from './trainingProgram';

/**
 * Samples of the largest micro-batch with which a training step takes at most `memoryBytes`, in buffers that the device
 * can have; the whole batch where that fits, `undefined` where nothing does. Plans one step for each that is tried.
 */
export function fittingMicroBatch(
  setup: TrainingSetup,
  device: PlanDevice,
  memoryBytes: number,
  options: PlanOptions = {},
): number | undefined {
  return microBatchSizes(setup).find((microBatch) => {
    const planned = planTrainingStep(setup, device, { ...options, microBatch });
    return planned.bytes.peak <= memoryBytes && largestBuffer(planned) <= device.limits.maxBufferSize;
  });
}

/** Bytes of the largest single buffer. */
export function largestBuffer({ plan }: TrainingPlan): number {
  return Math.max(0, ...plan.memory.slotBytes, ...plan.parameterBufferBytes);
}

/**
 * The training program of the largest micro-batch that the device has room for, beginning with one of `most` samples if
 * the batch can be cut so. WebGPU does not tell how much room there is, so it is tried. Throws `GpuOutOfMemory` where the
 * smallest has none; nothing stays allocated then.
 */
export function compileFittingTraining(
  gpu: Gpu,
  setup: TrainingSetup,
  options: PlanOptions = {},
  most?: number,
): Promise<TrainingProgram> {
  const sizes = microBatchSizes(setup);
  const compileFirst = async ([microBatch, ...smaller]: readonly number[]): Promise<TrainingProgram> => {
    try {
      return await compileTraining(gpu, planTrainingStep(setup, gpu, { ...options, microBatch }));
    } catch (error) {
      const isTooLarge = error instanceof Error && error.name === 'GpuOutOfMemory';
      if (!isTooLarge || smaller.length === 0) throw error;
    }
    return compileFirst(smaller);
  };
  return compileFirst(most !== undefined && sizes.includes(most) ? sizes.slice(sizes.indexOf(most)) : sizes);
}
