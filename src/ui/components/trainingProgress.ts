import type { LiveTraining, TrainingRecord } from '@/app/train/trainingRecord';
import { epochCount, recentEpochSeconds, trainedShare } from './trainFormats';

export interface TrainingProgress {
  readonly doing: string;
  /** Of the training or of the validation, 0…1. */
  readonly share: number;
  /** Of the training. */
  readonly secondsLeft: number | undefined;
}

/** What a run that is worked on is at. */
export function trainingProgress(run: TrainingRecord, live: LiveTraining): TrainingProgress {
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
  const share = trainedShare(run, step);
  const perEpoch = recentEpochSeconds(run.epochs) ?? epochSeconds(run, live);
  return {
    doing: doingText(run, live),
    share,
    secondsLeft: perEpoch === undefined ? undefined : (1 - share) * epochs * perEpoch,
  };
}

function doingText(run: TrainingRecord, { step, isPaused, isStopping }: LiveTraining): string {
  if (isStopping) return 'Stopping: keeping a checkpoint';
  if (!step) return 'Getting ready: the GPU compiles the network';
  const { done, running, total } = epochCount(run, step);
  const at = `Epoch ${running ?? done} of ${total}`;
  if (isPaused) return `${at}, paused`;
  if (running === undefined || step.epoch !== running - 1) return at;
  const stage = step.stage === 'training' ? 'iteration' : 'validation batch';
  return `${at}, ${stage} ${step.done} of ${step.total}`;
}

/** From the steps, before an epoch is done. */
function epochSeconds({ order }: TrainingRecord, { step }: LiveTraining): number | undefined {
  const { iterationsPerEpoch } = order.schedule;
  return step?.secondsPerIteration && step.secondsPerIteration * iterationsPerEpoch * VALIDATION_SHARE;
}

/** What validation adds to an epoch's time, about. */
const VALIDATION_SHARE = 1.08;
