// How a training goes on under nnU-Net itself: the class it goes on as, the commands, and what to know before.
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import type { CaseFormat } from './caseFormats';
import { isSameSchedule } from './scheduleChange';
import { partsOfTrainerName, stockTrainerName, trainerNamed, trainerNameOf } from './trainers';

/** A training on its way to a cluster. */
export interface ClusterTraining {
  /** `DatasetXXX_Name`. */
  readonly datasetName: string;
  readonly plansName: string;
  readonly configurationName: string;
  readonly fold: number | 'all';
  /** Ours: `_Xepochs` after any of nnU-Net's. */
  readonly trainerName: string;
  readonly schedule: TrainingSchedule;
  /** Of the plans, samples. */
  readonly batchSize: number;
  readonly gpus: number;
  /** Whether there is a checkpoint to go on from. */
  readonly hasCheckpoint: boolean;
  /** Of the preprocessed cases' arrays. */
  readonly caseEnding: CaseFormat['ending'];
  /** What a person should know of the split. */
  readonly splitNotices: readonly string[];
}

/** Folder of a trainer's class in the archive. */
export const TRAINER_FOLDER = 'trainer';

/** The class that nnU-Net trains with; `source` is there where nnU-Net does not have it. */
export interface ClusterTrainer {
  readonly name: string;
  readonly source: string | undefined;
}

/**
 * nnU-Net's own class where it has one of that name and schedule. Else a small class of the same name, or where the name means
 * another schedule, one with the schedule in its name: `train --c` knows by it how to go on with what comes back.
 */
export function clusterTrainer({
  trainerName,
  schedule,
}: Pick<ClusterTraining, 'trainerName' | 'schedule'>): ClusterTrainer {
  const isNamed = isSameSchedule(trainerNamed(trainerName).schedule, schedule);
  if (isNamed && stockTrainerName(trainerName) === trainerName)
    return { name: trainerName, source: undefined };
  const name = isNamed ? trainerName : trainerNameOf(trainerName, schedule);
  const { base = trainerName, isWithoutMirroring = false } = partsOfTrainerName(trainerName) ?? {};
  return { name, source: trainerSource(name, base, schedule, isWithoutMirroring) };
}

/** A subclass as nnU-Net's own variants are: found by its name among the files of its trainer folder. */
function trainerSource(
  name: string,
  base: string,
  { epochs, iterationsPerEpoch, validationIterationsPerEpoch }: TrainingSchedule,
  withoutMirroring: boolean,
): string {
  const mirroring = `
    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):
        rotation, dummy_2d, patch_size, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        self.inference_allowed_mirroring_axes = None
        return rotation, dummy_2d, patch_size, None
`;
  return `from os.path import join

import nnunetv2
import torch
from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

Base = recursive_find_python_class(
    join(nnunetv2.__path__[0], "training", "nnUNetTrainer"), "${base}", "nnunetv2.training.nnUNetTrainer"
)


class ${name}(Base):
    def __init__(self, plans: dict, configuration: str, fold: int, dataset_json: dict,
                 device: torch.device = torch.device("cuda")):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = ${epochs}
        self.num_iterations_per_epoch = ${iterationsPerEpoch}
        self.num_val_iterations_per_epoch = ${validationIterationsPerEpoch}
${withoutMirroring ? mirroring : ''}`;
}

/** The line that goes on with it. */
function trainCommand(training: ClusterTraining): string {
  const { datasetName, configurationName, fold, plansName, gpus, hasCheckpoint } = training;
  const { name } = clusterTrainer(training);
  const options = [
    ...(name === 'nnUNetTrainer' ? [] : ['-tr', name]),
    ...(plansName === 'nnUNetPlans' ? [] : ['-p', plansName]),
    ...['-num_gpus', String(gpus)],
    ...(hasCheckpoint ? ['--c'] : []),
  ];
  return ['nnUNetv2_train', datasetName, configurationName, String(fold), ...options].join(' ');
}

/** All commands, from the folder that the archive was unpacked into. */
export function clusterCommands(training: ClusterTraining): readonly string[] {
  const { source } = clusterTrainer(training);
  return [
    'export nnUNet_raw="$PWD/nnUNet_raw"',
    'export nnUNet_preprocessed="$PWD/nnUNet_preprocessed"',
    'export nnUNet_results="$PWD/nnUNet_results"',
    ...(source
      ? [`export nnUNet_extTrainer="$PWD/${TRAINER_FOLDER}\${nnUNet_extTrainer:+:$nnUNet_extTrainer}"`]
      : []),
    trainCommand(training),
  ];
}

/** What to know before, a sentence or two each. */
export function clusterNotes(training: ClusterTraining): readonly string[] {
  const { hasCheckpoint, schedule, splitNotices, caseEnding } = training;
  const { name, source } = clusterTrainer(training);
  const { epochs, iterationsPerEpoch, validationIterationsPerEpoch } = schedule;
  return [
    ...(source
      ? [
          `nnU-Net has no ${name}. The file ${TRAINER_FOLDER}/${name}.py is that class, ${epochs} epochs of ${iterationsPerEpoch} iterations and ${validationIterationsPerEpoch} to validate; nnUNet_extTrainer tells nnU-Net where it is.`,
          `Where nnU-Net finds no such trainer all the same, it is too old for nnUNet_extTrainer: copy the file into nnunetv2/training/nnUNetTrainer where nnU-Net is installed.`,
        ]
      : []),
    ...(hasCheckpoint
      ? []
      : ['There is no checkpoint yet, so nnU-Net begins anew: the command is without --c.']),
    ...splitNotices,
    ...(caseEnding === '.npz'
      ? [
          'Data are .npz files, which nnU-Net reads by their ending. Its own preprocessing (nnUNetv2_preprocess) would write .b2nd.',
        ]
      : []),
    'nnU-Net draws its own random numbers: it goes on with the same weights, optimiser and schedule, not with the same patches.',
  ];
}

/** The text file that goes with it. */
export function clusterText(training: ClusterTraining): string {
  const { datasetName, configurationName, fold } = training;
  const { name } = clusterTrainer(training);
  const folder = `nnUNet_results/${datasetName}/${name}__${training.plansName}__${configurationName}`;
  return [
    `${datasetName}, ${configurationName}, fold ${fold}: to go on with under nnU-Net v2 (PyTorch, all GPUs of one machine).`,
    '',
    'In the folder that this file is in, with nnU-Net installed (pip install nnunetv2):',
    '',
    ...clusterCommands(training).map((line) => `    ${line}`),
    '',
    ...clusterNotes(training).flatMap((note) => [`- ${note}`]),
    '',
    `When it is done, drop ${folder}`,
    'on nnStudio (or a zip of it): it comes in as any model does. On the command line:',
    '',
    `    nnstudio predict -m ${folder} -i IMAGES -o PREDICTIONS`,
    `    nnstudio train ${datasetName} ${configurationName} ${fold} -tr ${name} -p ${training.plansName} --c`,
    `    nnstudio export_model -m ${folder} -o MODEL.zip`,
    '',
  ].join('\n');
}
