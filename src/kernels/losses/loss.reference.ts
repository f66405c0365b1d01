// The losses in f64, with whole arrays of probabilities.

import { type LossOptions, type LossShape, rankedVoxels } from './lossOptions';

export interface LossReference {
  readonly loss: number;
  readonly diceLoss: number;
  readonly crossEntropy: number;
  /** `[n, k, voxels]` */
  readonly gradient: Float64Array;
}

/** `target`: labels `[n, voxels]`, or regions `[n, k (+ ignore), voxels]`, zero or one. */
export function lossReference(
  options: LossOptions,
  shape: LossShape,
  logits: Float64Array,
  target: ArrayLike<number>,
): LossReference {
  const truth = truthOf(options, shape, target);
  const isLabels = options.target.kind === 'labels';
  const logProbabilities = isLabels ? logSoftmax(shape, logits) : undefined;
  const probabilities = logProbabilities?.map(Math.exp) ?? logits.map(sigmoid);
  const dice = softDice(options, shape, probabilities, truth);
  const entropy = logProbabilities
    ? crossEntropy(options, shape, logProbabilities, truth)
    : binaryCrossEntropy(options, shape, logits, truth);
  const throughNonlinearity = isLabels
    ? softmaxGradient(shape, probabilities, dice.gradient)
    : dice.gradient.map((d, i) => d * probabilities[i] * (1 - probabilities[i]));
  const { diceWeight, crossEntropyWeight } = options;
  return {
    loss: diceWeight * dice.loss + crossEntropyWeight * entropy.loss,
    diceLoss: dice.loss,
    crossEntropy: entropy.loss,
    gradient: throughNonlinearity.map((d, i) => diceWeight * d + crossEntropyWeight * entropy.gradient[i]),
  };
}

/** Hard counts `[3, k]`: true positives, false positives, false negatives. */
export function hardCountsReference(
  options: LossOptions,
  shape: LossShape,
  logits: Float64Array,
  target: ArrayLike<number>,
): Float64Array {
  const { batch, classes, voxels } = shape;
  const { oneHot, isValid } = truthOf(options, shape, target);
  const counts = new Float64Array(3 * classes);
  for (let n = 0; n < batch; n++) {
    for (let v = 0; v < voxels; v++) {
      if (!isValid[n * voxels + v]) continue;
      const own = Array.from({ length: classes }, (_, c) => logits[(n * classes + c) * voxels + v]);
      const largest = own.indexOf(Math.max(...own));
      for (let c = 0; c < classes; c++) {
        const isPredicted = options.target.kind === 'labels' ? c === largest : own[c] > 0;
        const isTrue = oneHot[(n * classes + c) * voxels + v] === 1;
        if (isPredicted && isTrue) counts[c]++;
        if (isPredicted && !isTrue) counts[classes + c]++;
        if (!isPredicted && isTrue) counts[2 * classes + c]++;
      }
    }
  }
  return counts;
}

interface Truth {
  /** `[n, k, voxels]` */
  readonly oneHot: Float64Array;
  /** `[n, voxels]`, 0 or 1 */
  readonly isValid: Float64Array;
}

function truthOf(options: LossOptions, shape: LossShape, target: ArrayLike<number>): Truth {
  const { batch, classes, voxels } = shape;
  const oneHot = new Float64Array(batch * classes * voxels);
  const isValid = new Float64Array(batch * voxels).fill(1);
  const channels = options.target.kind === 'regions' && options.target.hasIgnore ? classes + 1 : classes;
  for (let n = 0; n < batch; n++) {
    for (let v = 0; v < voxels; v++) {
      if (options.target.kind === 'labels') {
        const label = target[n * voxels + v];
        if (label === options.target.ignoreLabel) isValid[n * voxels + v] = 0;
        else oneHot[(n * classes + label) * voxels + v] = 1;
        continue;
      }
      for (let c = 0; c < classes; c++) {
        oneHot[(n * classes + c) * voxels + v] = target[(n * channels + c) * voxels + v];
      }
      if (channels > classes) isValid[n * voxels + v] = 1 - target[(n * channels + classes) * voxels + v];
    }
  }
  return { oneHot, isValid };
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function logSoftmax({ batch, classes, voxels }: LossShape, logits: Float64Array): Float64Array {
  const result = new Float64Array(logits.length);
  for (let n = 0; n < batch; n++) {
    for (let v = 0; v < voxels; v++) {
      const at = (c: number) => (n * classes + c) * voxels + v;
      let largest = Number.NEGATIVE_INFINITY;
      for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[at(c)]);
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += Math.exp(logits[at(c)] - largest);
      for (let c = 0; c < classes; c++) result[at(c)] = logits[at(c)] - largest - Math.log(sum);
    }
  }
  return result;
}

/** From the derivative by probabilities to that by logits. */
function softmaxGradient(
  { batch, classes, voxels }: LossShape,
  probabilities: Float64Array,
  gradient: Float64Array,
): Float64Array {
  const result = new Float64Array(gradient.length);
  for (let n = 0; n < batch; n++) {
    for (let v = 0; v < voxels; v++) {
      const at = (c: number) => (n * classes + c) * voxels + v;
      let mean = 0;
      for (let c = 0; c < classes; c++) mean += gradient[at(c)] * probabilities[at(c)];
      for (let c = 0; c < classes; c++) result[at(c)] = probabilities[at(c)] * (gradient[at(c)] - mean);
    }
  }
  return result;
}

interface Term {
  readonly loss: number;
  readonly gradient: Float64Array;
}

/** Minus the mean Dice, and its derivative by the probabilities. */
function softDice(
  { batchDice, doBackground, smooth }: LossOptions,
  { batch, classes, voxels }: LossShape,
  probabilities: Float64Array,
  { oneHot, isValid }: Truth,
): Term {
  const gradient = new Float64Array(probabilities.length);
  const groups = batchDice
    ? [Array.from({ length: batch }, (_, n) => n)]
    : Array.from({ length: batch }, (_, n) => [n]);
  const firstClass = doBackground ? 0 : 1;
  const rows = groups.length * (classes - firstClass);
  let loss = 0;
  for (const samples of groups) {
    for (let c = firstClass; c < classes; c++) {
      const indices = samples.flatMap((n) =>
        Array.from({ length: voxels }, (_, v) => [(n * classes + c) * voxels + v, n * voxels + v] as const),
      );
      let intersection = 0;
      let sum = 0;
      for (const [i, voxel] of indices) {
        intersection += isValid[voxel] * probabilities[i] * oneHot[i];
        sum += isValid[voxel] * (probabilities[i] + oneHot[i]);
      }
      const numerator = 2 * intersection + smooth;
      const denominator = Math.max(sum + smooth, 1e-8);
      const isClipped = sum + smooth < 1e-8;
      loss -= numerator / denominator / rows;
      for (const [i, voxel] of indices) {
        const bySum = isClipped ? 0 : numerator / denominator ** 2;
        gradient[i] = (-isValid[voxel] * ((2 * oneHot[i]) / denominator - bySum)) / rows;
      }
    }
  }
  return { loss, gradient };
}

/** Mean over valid voxels, or over the largest losses of all; its derivative by the logits. */
function crossEntropy(
  { topKPercent, labelSmoothing }: LossOptions,
  { batch, classes, voxels }: LossShape,
  logProbabilities: Float64Array,
  { oneHot, isValid }: Truth,
): Term {
  const smoothed = oneHot.map((value) => (1 - labelSmoothing) * value + labelSmoothing / classes);
  const losses = new Float64Array(batch * voxels);
  for (let i = 0; i < logProbabilities.length; i++) {
    const voxel = Math.floor(i / (classes * voxels)) * voxels + (i % voxels);
    losses[voxel] -= isValid[voxel] * smoothed[i] * logProbabilities[i];
  }
  const counted = topKPercent === undefined ? isValid : largest(losses, topKPercent);
  const count = counted.reduce((sum, share) => sum + share, 0);
  const hasValid = isValid.some((value) => value > 0);
  const gradient = new Float64Array(logProbabilities.length);
  if (!hasValid) return { loss: 0, gradient };
  for (let i = 0; i < logProbabilities.length; i++) {
    const voxel = Math.floor(i / (classes * voxels)) * voxels + (i % voxels);
    gradient[i] = (isValid[voxel] * counted[voxel] * (Math.exp(logProbabilities[i]) - smoothed[i])) / count;
  }
  return { loss: losses.reduce((sum, loss, i) => sum + counted[i] * loss, 0) / count, gradient };
}

/** How much each voxel counts among the largest losses: 1 or 0, and equals of the smallest that counts share. */
function largest(losses: Float64Array, topKPercent: number): Float64Array {
  const count = rankedVoxels(losses.length, topKPercent);
  const threshold = losses.toSorted()[losses.length - count];
  const above = losses.filter((loss) => loss > threshold).length;
  const equal = losses.filter((loss) => loss === threshold).length;
  return losses.map((loss) => (loss > threshold ? 1 : loss === threshold ? (count - above) / equal : 0));
}

/** Mean over voxels and regions, or with an ignore bit the sum over regions of the mean over valid voxels. */
function binaryCrossEntropy(
  { target }: LossOptions,
  { classes, voxels }: LossShape,
  logits: Float64Array,
  { oneHot, isValid }: Truth,
): Term {
  const valid = isValid.reduce((sum, value) => sum + value, 0);
  const isMean = target.kind === 'regions' && !target.hasIgnore;
  const scale = valid === 0 ? 0 : 1 / (isMean ? valid * classes : valid);
  let loss = 0;
  const gradient = logits.map((x, i) => {
    const voxel = Math.floor(i / (classes * voxels)) * voxels + (i % voxels);
    loss += scale * isValid[voxel] * (Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0) - x * oneHot[i]);
    return scale * isValid[voxel] * (sigmoid(x) - oneHot[i]);
  });
  return { loss, gradient };
}
