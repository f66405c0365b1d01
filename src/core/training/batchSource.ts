// The seam between loading and training: a batch that is ready knows how to get onto the device.

import type { Gpu } from '@/gpu/device';
import type { TrainingProgram } from '@/graph/trainingProgram';
import { augmentBatch, type BatchKey, type BatchLoader, type BatchRecipe } from './batchLoader';

/** A batch that needs no more waiting. */
export interface ReadyBatch {
  /** Fills the program's inputs and targets, in the order of the device's queue. */
  feed(program: TrainingProgram): void;
}

/** Makes batches ready, any number at once. */
export type BatchSource = (key: BatchKey) => Promise<ReadyBatch>;

/** Batches that are augmented on this thread and written to the device. */
export function cpuBatches(
  gpu: Gpu,
  loader: Pick<BatchLoader, 'draw'>,
  { augmentation }: Pick<BatchRecipe, 'augmentation'>,
): BatchSource {
  const { queue } = gpu.device;
  return async (key) => {
    const { image, targets } = augmentBatch(await loader.draw(key), augmentation[key.kind]);
    return {
      feed(program) {
        const [x] = program.inputs.values();
        queue.writeBuffer(x.buffer, x.offset, image as GPUAllowSharedBufferSource);
        for (const [head, target] of program.targets.entries()) {
          const words = targets[head];
          if (target) queue.writeBuffer(target.buffer, target.offset, words as GPUAllowSharedBufferSource);
        }
      },
    };
  };
}
