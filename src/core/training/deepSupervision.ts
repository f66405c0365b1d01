/**
 * What the loss of each head counts in the sum, finest first: half of the one before, the coarsest nothing; together 1.
 * A head alone counts whole, where nnU-Net divides by zero.
 *
 * Follows nnU-Net's `nnUNetTrainer._build_loss`.
 */
export function deepSupervisionWeights(headCount: number): number[] {
  if (headCount === 1) return [1];
  const halves = Array.from({ length: headCount }, (_, head) => (head === headCount - 1 ? 0 : 0.5 ** head));
  const total = halves.reduce((sum, weight) => sum + weight, 0);
  return halves.map((weight) => weight / total);
}
