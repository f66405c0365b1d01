import { polyLearningRate } from './polyLearningRate';

/** Learning rate of an epoch (0 … `epochs` − 1), given the highest. */
export type LearningRateSchedule = (initial: number, epoch: number, epochs: number) => number;

/** Half a cosine from `initial` to 0: PyTorch's `CosineAnnealingLR`, as `nnUNetTrainerCosAnneal` steps it. */
export function cosineLearningRate(initial: number, epoch: number, epochs: number): number {
  return (initial * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
}

/**
 * Rises in equal steps over the first epochs, then falls as {@link polyLearningRate} over the rest.
 *
 * Follows nnU-Net's `Lin_incr_LRScheduler` and `PolyLRScheduler_offset`.
 */
export function warmupLearningRate(warmupEpochs: number): LearningRateSchedule {
  return (initial, epoch, epochs) =>
    epoch < warmupEpochs
      ? (initial * (epoch + 1)) / warmupEpochs
      : polyLearningRate(initial, epoch - warmupEpochs, epochs - warmupEpochs);
}
