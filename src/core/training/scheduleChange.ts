// A training that is continued under another schedule than it was begun with: what holds, and what is said of it.
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import type { Trainer } from './trainers';
import { NO_PARTIAL_EPOCH, type TrainingState } from './trainingState';

/** The part of a schedule that a trainer's name does not have to say. */
export type IterationCount = 'iterationsPerEpoch' | 'validationIterationsPerEpoch';

/** Relative difference of two learning rates that are the same but for rounding. */
const SAME_RATE = 1e-7;
/** Lengths that are tried, epochs: nnU-Net's longest is 8000. */
const LONGEST = 10_000;

/** `trainer` with the iterations of the training that is continued where none were asked for. */
export function continuedTrainer(
  trainer: Trainer,
  before: TrainingSchedule | undefined,
  unasked: readonly IterationCount[],
): Trainer {
  if (!before) return trainer;
  const kept = Object.fromEntries(unasked.map((part) => [part, before[part]]));
  return { ...trainer, schedule: { ...trainer.schedule, ...kept } };
}

/** The state under a schedule of other iterations: the epoch under way begins anew, its weights stay as they are. */
export function stateUnder(
  state: TrainingState,
  before: TrainingSchedule | undefined,
  { schedule }: Pick<Trainer, 'schedule'>,
): TrainingState {
  if (state.partial.iterations === 0 || before?.iterationsPerEpoch === schedule.iterationsPerEpoch)
    return state;
  return { ...state, partial: NO_PARTIAL_EPOCH };
}

/** Whether they are the same epochs and iterations. */
export function isSameSchedule(a: TrainingSchedule, b: TrainingSchedule): boolean {
  return (
    a.epochs === b.epochs &&
    a.iterationsPerEpoch === b.iterationsPerEpoch &&
    a.validationIterationsPerEpoch === b.validationIterationsPerEpoch
  );
}

/**
 * What to say of a training that is continued under `trainer`; nothing where its schedule stays. A checkpoint of nnU-Net
 * does not tell its schedule: the length is that of its last learning rate.
 */
export function scheduleNotice(
  trainer: Trainer,
  before: TrainingSchedule | undefined,
  state: Pick<TrainingState, 'epoch' | 'log'>,
): string | undefined {
  const { schedule } = trainer;
  const hasChanged = before ? !isSameSchedule(before, schedule) : !fitsLearningRates(trainer, state);
  if (!hasChanged) return undefined;
  const epochsBefore = before?.epochs ?? epochsOfLearningRates(trainer, state);
  const was = before
    ? `${scheduleWords(before)} before`
    : epochsBefore === undefined
      ? 'another one before, by its learning rates'
      : `${epochsBefore} epochs before, by its learning rates`;
  return `The schedule has changed: ${was}, now ${scheduleWords(schedule)}. ${restWords(trainer, state)}`;
}

function restWords({ schedule, learningRate, initialLearningRate }: Trainer, { epoch }: { epoch: number }) {
  if (epoch >= schedule.epochs) {
    return `${epoch} epochs are done already, so nothing is left to train.`;
  }
  const rate = learningRate(initialLearningRate, epoch, schedule.epochs);
  return `Training continues with epoch ${epoch} at learning rate ${Number(rate.toPrecision(3))}, that of the new schedule.`;
}

/** `5 epochs of 250 + 50 iterations`: of training and of validation. */
function scheduleWords({ epochs, iterationsPerEpoch, validationIterationsPerEpoch }: TrainingSchedule) {
  const count = epochs === 1 ? '1 epoch' : `${epochs} epochs`;
  return `${count} of ${iterationsPerEpoch} + ${validationIterationsPerEpoch} iterations`;
}

type Progress = Pick<TrainingState, 'epoch' | 'log'>;

/** The last epoch's learning rate that depends on the length: every schedule begins with the same one. */
function lastRate({ log: { lrs } }: Progress): { readonly epoch: number; readonly rate: number } | undefined {
  const epoch = lrs.length - 1;
  return epoch >= 1 ? { epoch, rate: lrs[epoch] } : undefined;
}

function fitsLearningRates(trainer: Trainer, state: Progress): boolean {
  const last = lastRate(state);
  return last === undefined || rateFits(trainer, last, trainer.schedule.epochs);
}

function rateFits(
  { learningRate, initialLearningRate }: Trainer,
  { epoch, rate }: { readonly epoch: number; readonly rate: number },
  epochs: number,
): boolean {
  const expected = learningRate(initialLearningRate, epoch, epochs);
  return Math.abs(expected - rate) <= SAME_RATE * expected;
}

/** How many epochs the learning rates in the log are of; `undefined` where no length fits. */
function epochsOfLearningRates(trainer: Trainer, state: Progress): number | undefined {
  const last = lastRate(state);
  if (!last) return undefined;
  for (let epochs = last.epoch + 1; epochs <= LONGEST; epochs++) {
    if (rateFits(trainer, last, epochs)) return epochs;
  }
  return undefined;
}
