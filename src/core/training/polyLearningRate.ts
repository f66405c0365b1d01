/** nnU-Net's exponent. */
const EXPONENT = 0.9;

/**
 * Learning rate of an epoch (0 … `epochs` − 1): `initial · (1 − epoch / epochs)^0.9`.
 *
 * Follows nnU-Net's `PolyLRScheduler`, which the trainer steps when an epoch begins.
 */
export function polyLearningRate(initial: number, epoch: number, epochs: number): number {
  return initial * (1 - epoch / epochs) ** EXPONENT;
}
