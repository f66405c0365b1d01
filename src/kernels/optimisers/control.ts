/** Elements (f32) of the array that steers the steps: the optimiser's control, of which element 0 is the loss scale. */
export const OPTIMISER_CONTROL_SIZE = 16;

/** Where in it, in bytes, the CPU writes the learning rate (f32). */
export const LEARNING_RATE_BYTES = 12;

/** Where in it, in bytes, the CPU says (f32, 1) that forward passes go as in inference. */
export const IS_EVALUATING_BYTES = 48;

/** What the control array says. */
export interface OptimiserControl {
  /** Factor of the next step's gradients; 1 without loss scaling. */
  readonly lossScale: number;
  /** Steps without overflow since the loss scale last changed. */
  readonly goodSteps: number;
  /** Updates so far; skipped ones are none. */
  readonly step: number;
  readonly learningRate: number;
  /** Of the last step: of all gradients, unscaled, before clipping. */
  readonly gradientNorm: number;
  /** Whether the last step changed nothing, as its gradient norm was not finite. */
  readonly isSkipped: boolean;
  readonly skippedSteps: number;
}

/** The control array to begin, or to go on, with. */
export function writeControl(
  control: Pick<OptimiserControl, 'lossScale' | 'learningRate'> & Partial<OptimiserControl>,
): Float32Array {
  const { lossScale, goodSteps = 0, step = 0, learningRate, gradientNorm = 0, skippedSteps = 0 } = control;
  const array = new Float32Array(OPTIMISER_CONTROL_SIZE);
  array.set([
    lossScale,
    goodSteps,
    step,
    learningRate,
    gradientNorm,
    0,
    Number(control.isSkipped),
    skippedSteps,
  ]);
  return array;
}

/** Reads a control array that came back from the GPU. */
export function readControl(array: Float32Array): OptimiserControl {
  const [lossScale, goodSteps, step, learningRate, gradientNorm, , isSkipped, skippedSteps] = array;
  return { lossScale, goodSteps, step, learningRate, gradientNorm, isSkipped: isSkipped !== 0, skippedSteps };
}
