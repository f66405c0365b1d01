// The batch of a benchmark that loads nothing: the same random voxels and labels in every step.
import type { Sample } from '@/core/augmentation/applyAugmentation';
import { drawAugmentation } from '@/core/augmentation/drawAugmentation';
import type { LabelSet } from '@/core/interop/labels';
import { elementCount } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import { cpuBatchFeed, type OpenBatchFeed, type ReadyBatch } from './batchFeed';
import type { BatchRecipe } from './batchLoader';
import { cropPatch } from './cropPatch';

export interface RandomBatchOptions {
  readonly recipe: Pick<BatchRecipe, 'seed' | 'batchSize' | 'augmentation'>;
  /** Of the images. */
  readonly channels: number;
  readonly labels: Pick<LabelSet, 'allLabels'>;
  readonly hasPreviousStage: boolean;
}

/**
 * Feeds one batch again and again, with nothing read or augmented in between: uniform image values in [0, 1), and labels from
 * 0 to the highest.
 *
 * Follows nnU-Net's `nnUNetTrainerBenchmark_5epochs_noDataLoading`.
 */
export function randomBatchFeed(options: RandomBatchOptions): OpenBatchFeed {
  const { batchSize, augmentation, seed } = options.recipe;
  const settings = augmentation.validation;
  const random = seededRandom(seed);
  const drawn = {
    kind: 'validation' as const,
    samples: Array.from({ length: batchSize }, () => ({
      patch: randomSample(options, () => random.uniform()),
      parameters: drawAugmentation(random, settings),
    })),
  };
  const openFeed = cpuBatchFeed({ draw: async () => drawn }, { augmentation });
  return async (gpu, program) => {
    const feed = await openFeed(gpu, program);
    let batch: Promise<ReadyBatch> | undefined;
    return {
      ...feed,
      prepare: () => {
        batch ??= feed.prepare({ kind: 'validation', index: 0 });
        return batch;
      },
    };
  };
}

function randomSample(
  { recipe, channels, labels, hasPreviousStage }: RandomBatchOptions,
  uniform: () => number,
): Sample {
  const size = recipe.augmentation.validation.initialPatchSize;
  const voxels = elementCount(size);
  const highest = Math.max(...labels.allLabels);
  const segs = Array.from({ length: hasPreviousStage ? 2 : 1 }, () =>
    Int16Array.from({ length: voxels }, () => Math.round(uniform() * highest)),
  );
  const image = Float32Array.from({ length: channels * voxels }, uniform);
  return cropPatch({ channels, shape: size, image, segs }, [0, 0, 0], size);
}
