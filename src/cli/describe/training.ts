import type { StartReport, TrainFoldRequest } from '@/app/train/trainFold';
import type { TrainingEpochReport, TrainingStepReport } from '@/core/training/trainingRun';
import { formatNetworkXyz } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { formatSeconds } from '../progressLine';

/** How far a run is, and how long it will take. */
export class RunProgress {
  private epochSeconds: number[] = [];
  private schedule: StartReport['schedule'] | undefined;

  begin({ schedule }: StartReport): void {
    this.schedule = schedule;
  }

  endEpoch({ seconds }: TrainingEpochReport): void {
    this.epochSeconds.push(seconds);
  }

  /** By the mean of the last epochs. */
  secondsLeft({ epoch, epochs }: Pick<TrainingEpochReport, 'epoch' | 'epochs'>): number {
    const recent = this.epochSeconds.slice(-10);
    return (epochs - 1 - epoch) * (recent.reduce((sum, each) => sum + each, 0) / recent.length);
  }

  of({ epoch, stage, done, total }: TrainingStepReport): { share: number; secondsLeft?: number } {
    const share = done / total;
    const last = this.epochSeconds.at(-1);
    if (last === undefined || !this.schedule) return { share };
    const rest = stage === 'training' ? 1 - share : 0;
    const epochs = this.schedule.epochs;
    return { share, secondsLeft: this.secondsLeft({ epoch, epochs }) + rest * last };
  }
}

/** What a run begins with, in some lines. */
export function describeStart(
  { setup, trainer }: Pick<TrainFoldRequest, 'setup' | 'trainer'>,
  report: StartReport,
): string {
  const {
    epoch,
    schedule,
    seed,
    batchSize,
    microBatch,
    hasOtherRoundings,
    trainingCases,
    validationCases,
    allocatedBytes,
    adapter,
    restarts,
  } = report;
  const { epochs, iterationsPerEpoch, validationIterationsPerEpoch } = schedule;
  const begin = restarts > 0 ? 'GPU lost and opened again, ' : '';
  const parts = microBatch < batchSize ? ` in parts of ${microBatch}` : '';
  return [
    `${begin}${setup.plans.datasetName} ${setup.configuration.name} fold ${setup.question.fold}, ${trainer.name}, seed ${seed}`,
    `  epochs ${epoch} to ${epochs} of ${iterationsPerEpoch} + ${validationIterationsPerEpoch} iterations, batch ${batchSize}${parts}, patch ${formatNetworkXyz(setup.configuration.patchSize, setup.plans.transposeBackward)}`,
    `  ${trainingCases} cases to train on, ${validationCases} to validate; ${formatBytes(allocatedBytes)} on ${adapter}`,
    ...(hasOtherRoundings ? ['  less room than before: from here on roundings differ'] : []),
  ].join('\n');
}

/** An epoch in one line. */
export function describeEpoch(report: TrainingEpochReport, secondsLeft: number): string {
  const { epoch, learningRate, trainLoss, valLoss, emaFgDice, isBest, seconds, dataWaitShare } = report;
  const dice = report.dicePerClassOrRegion.map((value) => value.toFixed(4)).join(' ');
  return [
    `epoch ${epoch}: lr ${Number(learningRate.toPrecision(3))}`,
    `train_loss ${trainLoss.toFixed(4)}`,
    `val_loss ${valLoss.toFixed(4)}`,
    `pseudo Dice [${dice}]`,
    `EMA ${emaFgDice.toFixed(4)}${isBest ? ' (best)' : ''}`,
    formatSeconds(seconds),
    `waited for data ${(100 * dataWaitShare).toFixed(1)} %`,
    ...(secondsLeft > 0 ? [`${formatSeconds(secondsLeft)} left`] : []),
  ].join(', ');
}
