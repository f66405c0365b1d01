import type { HardCounts } from '@/kernels/losses/hardCounts';

/**
 * Dice per class over all validation batches of an epoch; NaN for a class that was neither there nor predicted.
 *
 * Follows nnU-Net's `nnUNetTrainer.on_validation_epoch_end`. Without regions class 0, the background, has to be left out
 * before.
 */
export function pseudoDice({ truePositives, falsePositives, falseNegatives }: HardCounts): number[] {
  return truePositives.map((hits, k) => (2 * hits) / (2 * hits + falsePositives[k] + falseNegatives[k]));
}
