// Every command of `nnstudio`, in the order of its help.
import type { Command } from './command';
import { applyPostprocessingCommand } from './commands/choose/applyPostprocessing';
import { determinePostprocessingCommand } from './commands/choose/determinePostprocessing';
import { ensembleCommand } from './commands/choose/ensemble';
import { findBestConfigurationCommand } from './commands/choose/findBestConfiguration';
import { convertMsdCommand } from './commands/data/convertMsd';
import { convertOldDatasetCommand } from './commands/data/convertOldDataset';
import { extractFingerprintCommand } from './commands/data/extractFingerprint';
import { planAndPreprocessCommand } from './commands/data/planAndPreprocess';
import { plotOverlayCommand } from './commands/data/plotOverlay';
import { preprocessCommand } from './commands/data/preprocess';
import { accumulateCrossvalCommand } from './commands/evaluate/accumulateCrossval';
import { evaluateFolderCommand } from './commands/evaluate/evaluateFolder';
import { evaluateSimpleCommand } from './commands/evaluate/evaluateSimple';
import { inspectCommand } from './commands/files/inspect';
import { exportBundleCommand } from './commands/models/exportBundle';
import { exportModelCommand } from './commands/models/exportModel';
import { exportOnnxCommand } from './commands/models/exportOnnx';
import { importModelCommand } from './commands/models/importModel';
import { modelsCommand } from './commands/models/models';
import { movePlansCommand } from './commands/plan/movePlans';
import { planExperimentCommand } from './commands/plan/planExperiment';
import { predictCommand } from './commands/segment/predict';
import { benchCommand } from './commands/system/bench';
import { studioCommand } from './commands/system/studio';
import { exportForClusterCommand } from './commands/train/exportForCluster';
import { trainCommand } from './commands/train/train';

export const COMMANDS: readonly Command[] = [
  planAndPreprocessCommand,
  extractFingerprintCommand,
  planExperimentCommand,
  preprocessCommand,
  convertMsdCommand,
  convertOldDatasetCommand,
  plotOverlayCommand,
  movePlansCommand,
  trainCommand,
  findBestConfigurationCommand,
  predictCommand,
  ensembleCommand,
  applyPostprocessingCommand,
  evaluateFolderCommand,
  evaluateSimpleCommand,
  accumulateCrossvalCommand,
  determinePostprocessingCommand,
  inspectCommand,
  modelsCommand,
  exportModelCommand,
  exportBundleCommand,
  exportForClusterCommand,
  importModelCommand,
  exportOnnxCommand,
  benchCommand,
  studioCommand,
];

/** The command of that name, of one of nnU-Net's for it, or of nnU-Net's program: `nnUNetv2_predict`. */
export function commandNamed(name: string): Command | undefined {
  const plain = withoutPrefix(name);
  return COMMANDS.find((command) => command.name === plain || command.aliases?.includes(plain));
}

/** Commands of nnU-Net 2.8.1 that are not here: why, and what to do instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  download_pretrained_model_by_url:
    'nnStudio loads nothing from the network. Download the zip with a browser or curl, then: nnstudio import_model FILE.zip',
  train_pretrained:
    'it continues self-supervised checkpoints of nnssl, whose networks (Primus among them) nnStudio does not build. Train there, then bring the model here with nnstudio import_model; to start from another training of nnU-Net use nnstudio train -pretrained_weights FILE.',
  preprocess_like_nnssl:
    'it prepares data for checkpoints of nnssl, whose networks nnStudio does not build. Use nnstudio plan_and_preprocess, or move_plans_between_datasets to plan as another dataset was planned.',
  plan_like_dynamic:
    'it plans for checkpoints of nnssl, whose networks nnStudio does not build. Use nnstudio plan_experiment, or move_plans_between_datasets.',
};

/** Why a command of nnU-Net is not here and what to do; undefined for one that is, or that nnU-Net lacks too. */
export function whyElsewhere(name: string): string | undefined {
  return ELSEWHERE[withoutPrefix(name)];
}

/** Names of nnU-Net's commands that are not here. */
export const ELSEWHERE_NAMES: readonly string[] = Object.keys(ELSEWHERE);

function withoutPrefix(name: string): string {
  return name.replace(/^nnUNetv2_/, '');
}
