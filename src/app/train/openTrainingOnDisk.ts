import path from 'node:path';
import type { Trainer } from '@/core/training/trainers';
import { nodeCheckpoints, nodeDatasetFolder } from '@/storage/nodeFiles';
import { TrainFoldLog } from './foldLog';
import { type Fold, openFold } from './foldSetup';
import { nodeProgressPicture } from './nodeProgressPicture';
import type { TrainAndValidateRequest } from './trainAndValidate';

/** A fold to train, and the dataset's own folders. */
export interface TrainingOnDisk {
  /** `nnUNet_preprocessed/DatasetXXX_Name`. */
  readonly preprocessedFolder: string;
  /** `nnUNet_results/DatasetXXX_Name`. */
  readonly resultsFolder: string;
  readonly plansName: string;
  readonly configurationName: string;
  readonly fold: Fold;
  readonly trainer: Trainer;
  /** Called once where progress.png cannot be drawn. */
  readonly onNoPicture: (reason: string) => void;
}

/** The parts of a training's job that lie on the disk. */
export interface OpenedTraining
  extends Pick<TrainAndValidateRequest, 'setup' | 'trainer' | 'results' | 'checkpoints' | 'log' | 'nameOf'> {
  readonly modelFolder: string;
}

/** Looks everything up where nnU-Net has it. Throws as {@link openFold}. */
export async function openTrainingOnDisk({
  preprocessedFolder,
  resultsFolder,
  plansName,
  configurationName,
  fold,
  trainer,
  onNoPicture,
}: TrainingOnDisk): Promise<OpenedTraining> {
  const modelFolderOf = (configuration: string) =>
    path.join(resultsFolder, `${trainer.name}__${plansName}__${configuration}`);
  const setup = await openFold(
    {
      preprocessed: nodeDatasetFolder(preprocessedFolder),
      plansName,
      configurationName,
      fold,
      previousStage: (stage) =>
        nodeDatasetFolder(path.join(modelFolderOf(stage), 'predicted_next_stage', configurationName)),
    },
    trainer,
  );
  const modelFolder = modelFolderOf(configurationName);
  const results = nodeDatasetFolder(modelFolder);
  return {
    setup,
    trainer,
    results,
    checkpoints: nodeCheckpoints(path.join(modelFolder, `fold_${fold}`)),
    log: new TrainFoldLog(results, setup, nodeProgressPicture(onNoPicture)),
    nameOf: (where, name) => path.resolve(where === 'results' ? modelFolder : preprocessedFolder, name),
    modelFolder,
  };
}
