// How a run's numbers read on the page.
import type { TrainingRecord } from '@/app/train/trainingRecord';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import type { TrainingEpochReport, TrainingStepReport } from '@/core/training/trainingRun';
import { formatCount, plural } from '../formats';

/** `fold 0`, `all cases`. */
export function foldText(fold: number | 'all'): string {
  return fold === 'all' ? 'all cases' : `fold ${fold}`;
}

/** `50 epochs × 100 iterations`. */
export function scheduleText({ epochs, iterationsPerEpoch }: TrainingSchedule): string {
  return `${formatCount(epochs)} epochs × ${formatCount(iterationsPerEpoch)} iterations`;
}

/** Four digits, or a dash where there is no value. */
export function formatDice(dice: number | undefined): string {
  return dice === undefined || Number.isNaN(dice) ? '–' : dice.toFixed(4);
}

/** `812 ms`, `1.24 s`. */
export function formatStepTime(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}

/** `21.3 GFLOP/s`. */
export function formatRate(flopsPerSecond: number): string {
  if (flopsPerSecond >= 1e12) return `${(flopsPerSecond / 1e12).toFixed(2)} TFLOP/s`;
  return `${(flopsPerSecond / 1e9).toFixed(flopsPerSecond < 1e11 ? 1 : 0)} GFLOP/s`;
}

/** Mean of the last epochs, seconds. */
const RECENT_EPOCHS = 5;

export function recentEpochSeconds(epochs: readonly TrainingEpochReport[]): number | undefined {
  const recent = epochs.slice(-RECENT_EPOCHS);
  if (recent.length === 0) return undefined;
  return recent.reduce((sum, { seconds }) => sum + seconds, 0) / recent.length;
}

/** How far a run is, in epochs counted from 1. */
export interface EpochCount {
  /** Whole epochs: as many as are in the curves. */
  readonly done: number;
  /** The one under way. */
  readonly running: number | undefined;
  readonly total: number;
}

/** What the list, the page, the curves and the status bar all say of a run. */
export function epochCount(run: TrainingRecord, step: TrainingStepReport | undefined): EpochCount {
  const { isTrained, epochs, order } = run;
  const done = epochs.length;
  const total = order.schedule.epochs;
  const isUnderWay = !isTrained && step !== undefined && done < total;
  return { done, running: isUnderWay ? done + 1 : undefined, total };
}

/** `3 of 8 epochs`. */
export function epochsText({ done, total }: EpochCount): string {
  return `${formatCount(done)} of ${plural(total, 'epoch')}`;
}

/** Share of all epochs that is done, with what is done of the one under way, 0…1. */
export function trainedShare(run: TrainingRecord, step: TrainingStepReport | undefined): number {
  const { done, running, total } = epochCount(run, step);
  if (run.isTrained) return 1;
  const isOfRunning = running !== undefined && step?.epoch === running - 1;
  return (done + (isOfRunning ? shareOfEpoch(step) : 0)) / total;
}

function shareOfEpoch({ stage, done, total }: TrainingStepReport): number {
  return TRAINING_SHARE * (stage === 'training' ? done / total : 1);
}

/** About what of an epoch's time its training iterations take. */
const TRAINING_SHARE = 0.9;

/** A running mean is best where it is highest. */
export function bestEpoch(epochs: readonly TrainingEpochReport[]): TrainingEpochReport | undefined {
  return epochs.findLast(({ isBest }) => isBest);
}
