// Schedules to choose from: nnU-Net's own, and shorter ones that fit an evening or a night on the GPU at hand.
import type { TrainingCost } from '@/core/planning/trainingCost';
import { NNUNET_SCHEDULE, type TrainingSchedule } from '@/core/planning/trainingSchedule';

/** nnU-Net validates on one batch for five that it trains on. */
const TRAINING_PER_VALIDATION = 5;

/** What one step takes, seconds; `NaN` before this GPU is measured. */
export interface StepSeconds {
  readonly training: number;
  readonly validation: number;
}

export interface SchedulePreset {
  readonly id: 'look' | 'evening' | 'night' | 'full';
  readonly name: string;
  readonly sentence: string;
  readonly schedule: TrainingSchedule;
}

interface Budget extends Omit<SchedulePreset, 'schedule'> {
  readonly seconds: number;
  /** The learning rate needs some epochs to fall over; fewer iterations are in each rather than fewer epochs. */
  readonly leastEpochs: number;
  /** Before this GPU is measured. */
  readonly unmeasured: TrainingSchedule;
}

const BUDGETS: readonly Budget[] = [
  {
    id: 'look',
    name: 'A first look',
    sentence: 'Whether the labels can be learned at all, and that everything works.',
    seconds: 600,
    leastEpochs: 20,
    unmeasured: scheduleOf(20, 25),
  },
  {
    id: 'evening',
    name: 'An evening',
    sentence: 'Often near full accuracy, for small structures and few cases.',
    seconds: 3 * 3600,
    leastEpochs: 100,
    unmeasured: scheduleOf(100, 100),
  },
  {
    id: 'night',
    name: 'Overnight',
    sentence: 'Close to the full result on many datasets.',
    seconds: 10 * 3600,
    leastEpochs: 100,
    unmeasured: scheduleOf(250, 250),
  },
];

const FULL: SchedulePreset = {
  id: 'full',
  name: 'Full nnU-Net',
  sentence: "nnU-Net's own 1000 epochs of 250 iterations: what published results are trained with.",
  schedule: NNUNET_SCHEDULE,
};

/** Epochs of so many iterations, validated as nnU-Net does. */
export function scheduleOf(epochs: number, iterationsPerEpoch: number): TrainingSchedule {
  const validationIterationsPerEpoch = Math.max(1, Math.round(iterationsPerEpoch / TRAINING_PER_VALIDATION));
  return { epochs, iterationsPerEpoch, validationIterationsPerEpoch };
}

/** From short to long; none is longer than nnU-Net's own. */
export function schedulePresets(step: StepSeconds): readonly SchedulePreset[] {
  const fitted = BUDGETS.map(({ seconds, leastEpochs, unmeasured, ...preset }) => ({
    ...preset,
    schedule: step.training > 0 ? fittedSchedule(seconds, leastEpochs, step) : unmeasured,
  }));
  return [...fitted, FULL];
}

function fittedSchedule(seconds: number, leastEpochs: number, step: StepSeconds): TrainingSchedule {
  const full = NNUNET_SCHEDULE.iterationsPerEpoch;
  const epochs = Math.floor(seconds / scheduleSeconds(scheduleOf(1, full), step));
  if (epochs >= NNUNET_SCHEDULE.epochs) return NNUNET_SCHEDULE;
  if (epochs >= leastEpochs) return scheduleOf(rounded(epochs), full);
  const perIteration = step.training + step.validation / TRAINING_PER_VALIDATION;
  const iterations = Math.floor(seconds / (leastEpochs * perIteration));
  return scheduleOf(leastEpochs, rounded(Math.max(1, iterations)));
}

/** Down to a number that people would choose. */
function rounded(count: number): number {
  const unit = count < 20 ? 1 : count < 100 ? 5 : count < 400 ? 10 : 50;
  return Math.floor(count / unit) * unit;
}

export function scheduleSeconds(schedule: TrainingSchedule, step: StepSeconds): number {
  const { epochs, iterationsPerEpoch, validationIterationsPerEpoch } = schedule;
  return epochs * (iterationsPerEpoch * step.training + validationIterationsPerEpoch * step.validation);
}

/** What one step takes by a cost of nnU-Net's own schedule. */
export function stepSecondsOf(cost: TrainingCost): StepSeconds {
  const { iterationsPerEpoch, validationIterationsPerEpoch } = NNUNET_SCHEDULE;
  const training = cost.secondsPerIteration;
  return {
    training,
    validation: (cost.secondsPerEpoch - iterationsPerEpoch * training) / validationIterationsPerEpoch,
  };
}
