// A training that has diverged stops where its numbers stop being numbers, before anything is kept of it.
import { StudioError } from '@/shared/errors';

/** Where in a run a loss was read. */
export interface LossPlace {
  readonly epoch: number;
  readonly stage: 'training' | 'validation';
  /** From 1. */
  readonly iteration: number;
  readonly total: number;
}

/** Looks at every loss that is read. */
export class LossWatch {
  private inRow = 0;
  private readonly allowed: number;

  /** `allowed`: how many in a row may be no numbers. */
  constructor(allowed: number) {
    this.allowed = allowed;
  }

  /** Whether the loss counts. Throws `TrainingDiverged` where it is no number, and none was allowed any more. */
  isUsable(loss: number, { epoch, stage, iteration, total }: LossPlace): boolean {
    this.inRow = Number.isFinite(loss) ? 0 : this.inRow + 1;
    if (this.inRow > this.allowed) {
      throw diverged(`after iteration ${iteration} of ${total} the ${stage} loss is ${loss},`, epoch);
    }
    return this.inRow === 0;
  }
}

/** Whether a running mean of the pseudo Dice is the best so far. What is no number never is. */
export function isBetter(ema: number, best: number | undefined): boolean {
  return Number.isFinite(ema) && (best === undefined || !Number.isFinite(best) || ema > best);
}

/** `what`: such as `weights of … are`. */
export function diverged(what: string, epoch: number): StudioError {
  return new StudioError(
    'TrainingDiverged',
    `The training has diverged in epoch ${epoch}: ${what} not finite.`,
    'Checkpoints from before are as they were: go on from them (--c), or train anew with a trainer of a smaller learning rate; check the images for extreme intensities, and pretrained weights for NaN.',
  );
}
