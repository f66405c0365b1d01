// The seam between loading and training: batches are made ready ahead of their step, and each then fills the program's
// inputs and targets.

import { planAugmenter } from '@/core/augmentation/augmenterMemory';
import { createAugmenter } from '@/core/augmentation/gpuAugmenter';
import type { Gpu } from '@/gpu/device';
import type { TrainingProgram } from '@/graph/trainingProgram';
import { augmentBatch, type BatchKey, type BatchLoader, type BatchRecipe } from './batchLoader';

/** A batch that needs no more waiting. */
export interface ReadyBatch {
  /** Fills the program's inputs and targets, in the order of the device's queue. */
  feed(): void;
}

/** Where a program's batches come from. */
export interface BatchFeed {
  /** On the device, bytes. */
  readonly allocatedBytes: number;
  /** Makes a batch ready; any number at once. */
  prepare(key: BatchKey): Promise<ReadyBatch>;
  close(): void;
}

/** Opened once for a program. */
export type OpenBatchFeed = (gpu: Gpu, program: TrainingProgram) => Promise<BatchFeed>;

type Loader = Pick<BatchLoader, 'draw'>;

/** Augments on this thread. */
export function cpuBatchFeed(
  loader: Loader,
  { augmentation }: Pick<BatchRecipe, 'augmentation'>,
): OpenBatchFeed {
  return async (gpu, program) => ({
    allocatedBytes: 0,
    async prepare(key) {
      const { image, targets } = augmentBatch(await loader.draw(key), augmentation[key.kind]);
      return {
        feed() {
          const { queue } = gpu.device;
          const [x] = program.inputs.values();
          queue.writeBuffer(x.buffer, x.offset, image as GPUAllowSharedBufferSource);
          for (const [head, target] of program.targets.entries()) {
            const words = targets[head] as GPUAllowSharedBufferSource;
            if (target) queue.writeBuffer(target.buffer, target.offset, words);
          }
        },
      };
    },
    close: () => undefined,
  });
}

/** Augments training batches on the device that trains. Those of validation, which are only packed, come from here. */
export function gpuBatchFeed(
  loader: Loader,
  { augmentation, batchSize }: Pick<BatchRecipe, 'augmentation' | 'batchSize'>,
): OpenBatchFeed {
  const openCpuFeed = cpuBatchFeed(loader, { augmentation });
  return async (gpu, program) => {
    const validating = await openCpuFeed(gpu, program);
    const [image] = program.inputs.values();
    const plan = planAugmenter(augmentation.training, batchSize, gpu.limits);
    const augmenter = await createAugmenter(gpu, plan, { image, targets: program.targets });
    return {
      allocatedBytes: augmenter.allocatedBytes,
      async prepare(key) {
        if (key.kind === 'validation') return validating.prepare(key);
        const { samples } = await loader.draw(key);
        const [patches, parameters] = [
          samples.map(({ patch }) => patch),
          samples.map((sample) => sample.parameters),
        ];
        return { feed: () => augmenter.augment(patches, parameters) };
      },
      close: () => augmenter.destroy(),
    };
  };
}
