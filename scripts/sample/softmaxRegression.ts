// Multinomial logistic regression by Newton's method: few features, all samples in memory.
import { solveByCholesky } from './ridge';

const ITERATIONS = 25;
/** Keeps separable data from running away. */
const PENALTY = 1e-3;

/** Weights `[features, classes]`; rows of `samples` are `[features]`, `classOf` gives each sample's class. */
export function softmaxRegression(
  samples: readonly Float64Array[],
  classOf: readonly number[],
  classes: number,
): Float64Array {
  const features = samples[0].length;
  const size = features * classes;
  const weights = new Float64Array(size);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const gradient = weights.map((weight) => PENALTY * weight);
    const hessian = new Float64Array(size * size);
    for (let i = 0; i < size; i++) hessian[i * size + i] = PENALTY;
    for (const [n, row] of samples.entries()) {
      addSample(row, classOf[n], softmax(row, weights, classes), gradient, hessian);
    }
    const step = solveByCholesky(hessian, gradient, size, 1);
    for (let i = 0; i < size; i++) weights[i] -= step[i];
    if (step.every((value) => Math.abs(value) < 1e-6)) break;
  }
  return weights;
}

function softmax(row: Float64Array, weights: Float64Array, classes: number): Float64Array {
  const scores = new Float64Array(classes);
  for (let i = 0; i < row.length; i++) {
    for (let k = 0; k < classes; k++) scores[k] += row[i] * weights[i * classes + k];
  }
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Adds one sample's share of the gradient and of the Hessian's upper triangle. */
function addSample(
  row: Float64Array,
  label: number,
  probabilities: Float64Array,
  gradient: Float64Array,
  hessian: Float64Array,
): void {
  const classes = probabilities.length;
  const size = row.length * classes;
  for (let i = 0; i < row.length; i++) {
    for (let k = 0; k < classes; k++) {
      gradient[i * classes + k] += row[i] * (probabilities[k] - (k === label ? 1 : 0));
      for (let j = i; j < row.length; j++) {
        const product = row[i] * row[j] * probabilities[k];
        for (let l = 0; l < classes; l++) {
          hessian[(i * classes + k) * size + j * classes + l] +=
            product * ((k === l ? 1 : 0) - probabilities[l]);
        }
      }
    }
  }
}
