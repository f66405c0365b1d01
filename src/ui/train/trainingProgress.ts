import type { LiveTraining, TrainingRun } from '@/app/trainRuns';
import { epochsDone, recentEpochSeconds } from './trainFormats';

export interface TrainingProgress {
  readonly doing: string;
  /** Of the training or of the validation, 0…1. */
  readonly share: number;
  /** Of the training. */
  readonly secondsLeft: number | undefined;
}

/** What a run that is worked on is at. */
export function trainingProgress(run: TrainingRun, live: LiveTraining): TrainingProgress {
  const { step, validating } = live;
  const { epochs } = run.order.schedule;
  if (run.isTrained) {
    return {
      doing: validating
        ? `Validating: case ${Math.min(validating.total, validating.done + 1)} of ${validating.total}, ${validating.caseId}`
        : run.validation
          ? 'Putting the model into the library'
          : 'Getting ready to validate',
      share: validating?.share ?? (run.validation ? 1 : 0),
      secondsLeft: undefined,
    };
  }
  const done = epochsDone(run, step);
  const perEpoch = recentEpochSeconds(run.epochs) ?? epochSeconds(run, live);
  return {
    doing: doingText(run, live),
    share: done / epochs,
    secondsLeft: perEpoch === undefined ? undefined : (epochs - done) * perEpoch,
  };
}

function doingText(run: TrainingRun, { step, isPaused, isStopping }: LiveTraining): string {
  const { epochs } = run.order.schedule;
  if (isStopping) return 'Stopping: keeping a checkpoint';
  if (!step) return 'Getting ready: the GPU compiles the network';
  const isBetween = step.epoch < run.epochs.length;
  const at = `Epoch ${Math.min(epochs, isBetween ? run.epochs.length + 1 : step.epoch + 1)} of ${epochs}`;
  if (isPaused) return `${at}, paused`;
  if (isBetween) return at;
  const stage = step.stage === 'training' ? 'iteration' : 'validation batch';
  return `${at}, ${stage} ${step.done} of ${step.total}`;
}

/** From the steps, before an epoch is done. */
function epochSeconds({ order }: TrainingRun, { step }: LiveTraining): number | undefined {
  const { iterationsPerEpoch } = order.schedule;
  return step?.secondsPerIteration && step.secondsPerIteration * iterationsPerEpoch * VALIDATION_SHARE;
}

/** What validation adds to an epoch's time, about. */
const VALIDATION_SHARE = 1.08;
