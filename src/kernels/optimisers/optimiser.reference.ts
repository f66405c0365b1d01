// The optimisers in f64, as their papers and PyTorch write them.

import type { Optimiser } from './optimiserOptions';

/**
 * Step number `step` (the first is 1), in place. `states`: {@link optimiserStateCount} arrays, zero before the first
 * step. Amsgrad as in PyTorch: the largest of the uncorrected means of squares.
 */
export function optimiserReference(
  optimiser: Optimiser,
  step: number,
  learningRate: number,
  parameters: Float64Array,
  gradients: Float64Array,
  states: readonly Float64Array[],
): void {
  for (let i = 0; i < parameters.length; i++) {
    const own = states.map((state) => state[i]);
    const next = stepOne(optimiser, step, learningRate, parameters[i], gradients[i], own);
    parameters[i] = next.parameter;
    for (let s = 0; s < states.length; s++) states[s][i] = next.states[s];
  }
}

interface Stepped {
  readonly parameter: number;
  readonly states: readonly number[];
}

function stepOne(
  optimiser: Optimiser,
  step: number,
  learningRate: number,
  parameter: number,
  gradient: number,
  states: readonly number[],
): Stepped {
  switch (optimiser.kind) {
    case 'sgd': {
      const { momentum, isNesterov, weightDecay } = optimiser;
      const decayed = gradient + weightDecay * parameter;
      const velocity = step === 1 ? decayed : momentum * states[0] + decayed;
      const direction = isNesterov ? decayed + momentum * velocity : velocity;
      return { parameter: parameter - learningRate * direction, states: [velocity] };
    }
    case 'adam':
    case 'adamW': {
      const { betas, eps, weightDecay, isAmsgrad } = optimiser;
      const isDecoupled = optimiser.kind === 'adamW';
      const decayed = isDecoupled ? gradient : gradient + weightDecay * parameter;
      const kept = isDecoupled ? parameter * (1 - learningRate * weightDecay) : parameter;
      const mean = betas[0] * states[0] + (1 - betas[0]) * decayed;
      const square = betas[1] * states[1] + (1 - betas[1]) * decayed ** 2;
      const largest = isAmsgrad ? Math.max(states[2], square) : square;
      const correctedMean = mean / (1 - betas[0] ** step);
      const denominator = Math.sqrt(largest / (1 - betas[1] ** step)) + eps;
      return {
        parameter: kept - (learningRate * correctedMean) / denominator,
        states: isAmsgrad ? [mean, square, largest] : [mean, square],
      };
    }
    case 'adan': {
      const { betas, eps, weightDecay } = optimiser;
      let [mean, difference, square] = states;
      if (step > 1) {
        const change = gradient - states[3];
        mean = (1 - betas[0]) * mean + betas[0] * gradient;
        difference = (1 - betas[1]) * difference + betas[1] * change;
        square = (1 - betas[2]) * square + betas[2] * (gradient + (1 - betas[1]) * change) ** 2;
      }
      const corrected = (value: number, i: number) => value / (1 - (1 - betas[i]) ** step);
      const direction = corrected(mean, 0) + (1 - betas[1]) * corrected(difference, 1);
      const moved = (learningRate * direction) / (Math.sqrt(corrected(square, 2)) + eps);
      return {
        parameter: (parameter - moved) / (1 + weightDecay * learningRate),
        states: [mean, difference, square, gradient],
      };
    }
    default:
      return optimiser satisfies never;
  }
}
