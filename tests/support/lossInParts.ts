// The loss of one sample in float64, a slab of voxels at a time: for logits too many to hold twice.
import type { LossOptions } from '@/kernels/losses/lossOptions';

/** Voxels of a part. */
const PART_VOXELS = 8192;

export interface LossInParts {
  readonly loss: number;
  /** Hands out the gradient by the logits, `[k, part's voxels]` each, with the part's first voxel. */
  readonly gradient: (take: (start: number, part: Float64Array) => void) => void;
}

/** Dice and cross entropy of label maps, as the options weigh them. `logits` `[k, voxels]`, `labels` `[voxels]`. */
export function labelLossInParts(
  options: LossOptions,
  { classes, voxels }: { readonly classes: number; readonly voxels: number },
  logits: Float32Array,
  labels: Uint8Array,
): LossInParts {
  const { target, smooth, diceWeight, crossEntropyWeight } = options;
  if (target.kind !== 'labels') throw new Error('labelLossInParts: labels only');
  const isValid = (voxel: number) => labels[voxel] !== target.ignoreLabel;
  const intersection = new Float64Array(classes);
  const predicted = new Float64Array(classes);
  const present = new Float64Array(classes);
  let entropy = 0;
  let valid = 0;
  const probabilities = new Float64Array(classes);
  /** Fills `probabilities`; returns the log of that of the label. */
  const softmax = (voxel: number): number => {
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[c * voxels + voxel]);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      probabilities[c] = Math.exp(logits[c * voxels + voxel] - largest);
      sum += probabilities[c];
    }
    for (let c = 0; c < classes; c++) probabilities[c] /= sum;
    return logits[labels[voxel] * voxels + voxel] - largest - Math.log(sum);
  };
  for (let voxel = 0; voxel < voxels; voxel++) {
    if (!isValid(voxel)) continue;
    entropy -= softmax(voxel);
    valid++;
    for (let c = 0; c < classes; c++) predicted[c] += probabilities[c];
    intersection[labels[voxel]] += probabilities[labels[voxel]];
    present[labels[voxel]]++;
  }
  const firstClass = options.doBackground ? 0 : 1;
  const rows = classes - firstClass;
  const denominators = predicted.map((sum, c) => Math.max(sum + present[c] + smooth, 1e-8));
  const dice = intersection.map((sum, c) => (2 * sum + smooth) / denominators[c]);
  const meanDice = dice.slice(firstClass).reduce((sum, value) => sum + value, 0) / rows;
  const share = crossEntropyWeight / valid;

  /** Of the Dice loss by the probability of a class. */
  const derivative = (c: number, isLabel: boolean): number => {
    if (c < firstClass) return 0;
    return (-diceWeight * ((isLabel ? 2 : 0) - dice[c])) / (rows * denominators[c]);
  };
  return {
    loss: share * entropy - diceWeight * meanDice,
    gradient: (take) => {
      for (let start = 0; start < voxels; start += PART_VOXELS) {
        const length = Math.min(PART_VOXELS, voxels - start);
        const part = new Float64Array(classes * length);
        for (let i = 0; i < length; i++) {
          const voxel = start + i;
          if (!isValid(voxel)) continue;
          softmax(voxel);
          const label = labels[voxel];
          let mean = 0;
          for (let c = 0; c < classes; c++) mean += probabilities[c] * derivative(c, c === label);
          for (let c = 0; c < classes; c++) {
            const isLabel = c === label;
            const fromDice = probabilities[c] * (derivative(c, isLabel) - mean);
            part[c * length + i] = fromDice + share * (probabilities[c] - (isLabel ? 1 : 0));
          }
        }
        take(start, part);
      }
    },
  };
}
