// A checkpoint for weights that came without one: out of a bundle, or of a library that kept the weights alone.
import { networkInputChannels } from '@/core/interop/labels';
import type { NnunetModel, StateDict } from '@/core/interop/model';
import { writeTorchCheckpoint } from '@/core/interop/torchWriter';
import { OWN_KEY } from './checkpoint';
import { knownTrainer, stockTrainerName, trainerNamed } from './trainers';
import { EMPTY_LOG, type TrainingLog } from './trainingLog';
import { NO_PARTIAL_EPOCH } from './trainingState';
import { checkpointEntries } from './writeCheckpoint';

export interface ModelCheckpoint {
  readonly model: NnunetModel;
  readonly fold: string;
  readonly weights: StateDict;
  /** Of its training, where it is known. */
  readonly log?: TrainingLog | undefined;
  /** What plans.json and dataset.json hold. */
  readonly plansDocument: unknown;
  readonly datasetDocument: unknown;
}

/**
 * The bytes of a `checkpoint_final.pth` with all of nnU-Net's keys: a training that is done, with an optimiser that has
 * seen nothing.
 */
export function writeModelCheckpoint(checkpoint: ModelCheckpoint): Uint8Array {
  const { model, fold, weights, log = EMPTY_LOG, plansDocument, datasetDocument } = checkpoint;
  const { configuration, labels, channelNames, trainerName, mirrorAxes } = model;
  // nnU-Net's default stands in for a trainer that is not known here: its optimiser is SGD unless told otherwise.
  const trainer = knownTrainer(trainerName) ?? trainerNamed('nnUNetTrainer');
  const entries = checkpointEntries(
    {
      weights,
      optimiser: undefined,
      log,
      bestEma: log.emaFgDice.length > 0 ? Math.max(...log.emaFgDice) : undefined,
      epoch: log.trainLosses.length || trainer.schedule.epochs,
      microBatch: undefined,
      partial: NO_PARTIAL_EPOCH,
    },
    {
      trainer,
      architecture: configuration.architecture,
      inputChannels: networkInputChannels(channelNames.length, labels, configuration),
      outputChannels: labels.outputChannels,
      seed: 0,
      mirrorAxes,
      hasLossScaling: false,
      plansDocument,
      datasetDocument,
      configurationName: configuration.name,
      fold: fold === 'all' ? fold : Number(fold),
    },
  );
  entries.set('trainer_name', stockTrainerName(trainerName));
  // It was not trained here as far as this file can tell.
  entries.delete(OWN_KEY);
  return writeTorchCheckpoint(entries);
}
