// The whole of nnU-Net's run_training: trains a fold, validates it with its own weights, and completes its log. The
// command and the train worker both call it, so that they leave the same files.

import type { EvaluationSummary } from '@/core/evaluation/summary';
import type { StateDict } from '@/core/interop/model';
import { CHECKPOINTS } from '@/core/interop/nnunetFiles';
import { readCheckpointWeights } from '@/core/training/readCheckpoint';
import { StudioError } from '@/shared/errors';
import type { CheckpointStore } from '@/storage/checkpointStore';
import type { TrainFoldLog } from './foldLog';
import { networkOfFold, type TrainFoldOutcome, type TrainFoldRequest, trainFold } from './trainFold';
import { validatedCheckpointLine } from './validatedCheckpoint';
import { type ValidateFoldRequest, validateFold } from './validateFold';

export interface ValidateTrainedFoldRequest extends Omit<ValidateFoldRequest, 'mirrorAxes' | 'loadWeights'> {
  readonly checkpoints: CheckpointStore;
  readonly log: TrainFoldLog;
  /** Validates checkpoint_best.pth in place of checkpoint_final.pth: `--val_best`. */
  readonly validatesBest?: boolean;
  /** Called with a line that says which checkpoint is validated. */
  readonly onCheckpoint?: (line: string) => void;
}

export interface TrainAndValidateRequest extends TrainFoldRequest, ValidateTrainedFoldRequest {
  /** Ends with the last epoch. A benchmark trainer does so anyway. */
  readonly skipsValidation?: boolean;
  /** Called once the last epoch is done, before validation. */
  readonly onTrained?: (outcome: TrainFoldOutcome) => void;
}

export interface TrainAndValidateOutcome extends TrainFoldOutcome {
  /** Metrics of the validation cases; absent where the training was stopped or nothing was validated. */
  readonly summary?: EvaluationSummary;
}

/**
 * Trains until the last epoch, then validates. Resolves to `stopped` where the signal fires during training, and rejects
 * with an `AbortError` where it fires during validation. Throws what {@link trainFold} and {@link validateFold} throw.
 */
export async function trainAndValidate(job: TrainAndValidateRequest): Promise<TrainAndValidateOutcome> {
  const outcome = await trainFold(job);
  if (outcome.status === 'stopped') return outcome;
  job.onTrained?.(outcome);
  if (job.trainer.isBenchmark || job.skipsValidation) return outcome;
  const loadWeights = job.validatesBest ? undefined : async () => outcome.state.weights;
  return { ...outcome, summary: await validateAndLog(job, loadWeights) };
}

/** Validates a fold that is trained already: `--val`. Throws `NoCheckpoint` and what {@link validateFold} throws. */
export function validateTrainedFold(job: ValidateTrainedFoldRequest): Promise<EvaluationSummary> {
  return validateAndLog(job);
}

/** Follows the end of nnU-Net's `perform_actual_validation`. */
async function validateAndLog(
  job: ValidateTrainedFoldRequest,
  loadWeights: () => Promise<StateDict> = () => keptWeights(job),
): Promise<EvaluationSummary> {
  const { mirrorAxes } = networkOfFold(job.setup, job.trainer).augmentation.training;
  const summary = await validateFold({ ...job, mirrorAxes, loadWeights });
  await job.log.addLine('Validation complete');
  await job.log.addLine(`Mean Validation Dice:  ${summary.foregroundMean.Dice}`);
  return summary;
}

async function keptWeights(job: ValidateTrainedFoldRequest): Promise<StateDict> {
  const { setup, trainer, checkpoints } = job;
  const name = job.validatesBest ? CHECKPOINTS.best : CHECKPOINTS.final;
  const file = await checkpoints.read(name);
  if (!file) {
    throw new StudioError(
      'NoCheckpoint',
      `There is no ${name} in ${job.nameOf('results', `fold_${setup.question.fold}`)}.`,
      'Train this fold first, or finish its training.',
    );
  }
  const line = await validatedCheckpointLine(checkpoints, name, file);
  await job.log.addLine(line);
  job.onCheckpoint?.(line);
  return readCheckpointWeights(file, {
    architecture: setup.configuration.architecture,
    inputChannels: networkOfFold(setup, trainer).inputChannels,
    outputChannels: setup.dataset.labels.outputChannels,
  });
}
