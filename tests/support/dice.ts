/**
 * Dice of the classes with the largest logit against `labels`: the mean over the foreground labels that `labels` has.
 * `logits`: `[k, …]`; `labels`: `[…]`.
 */
export function meanDice(logits: Float32Array, labels: Uint8Array, classes: number): number {
  const voxels = labels.length;
  const counts = Array.from({ length: classes }, () => ({ both: 0, sum: 0 }));
  for (let i = 0; i < voxels; i++) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (logits[c * voxels + i] > logits[best * voxels + i]) best = c;
    counts[best].sum++;
    counts[labels[i]].sum++;
    if (best === labels[i]) counts[best].both++;
  }
  const present = counts.slice(1).filter((_, c) => labels.includes(c + 1));
  return present.reduce((sum, { both, sum: all }) => sum + (2 * both) / all, 0) / present.length;
}
