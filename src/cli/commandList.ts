// Every command of `nnstudio`, in the order of its help.
import type { Command } from './command';
import { accumulateCrossvalCommand } from './commands/accumulateCrossval';
import { applyPostprocessingCommand } from './commands/applyPostprocessing';
import { benchCommand } from './commands/bench';
import { convertMsdCommand } from './commands/convertMsd';
import { determinePostprocessingCommand } from './commands/determinePostprocessing';
import { ensembleCommand } from './commands/ensemble';
import { evaluateFolderCommand } from './commands/evaluateFolder';
import { evaluateSimpleCommand } from './commands/evaluateSimple';
import { exportBundleCommand } from './commands/exportBundle';
import { exportForClusterCommand } from './commands/exportForCluster';
import { exportModelCommand } from './commands/exportModel';
import { exportOnnxCommand } from './commands/exportOnnx';
import { extractFingerprintCommand } from './commands/extractFingerprint';
import { findBestConfigurationCommand } from './commands/findBestConfiguration';
import { importModelCommand, installPretrainedModelCommand } from './commands/importModel';
import { inspectCommand } from './commands/inspect';
import { modelsCommand } from './commands/models';
import { movePlansCommand } from './commands/movePlans';
import { planAndPreprocessCommand } from './commands/planAndPreprocess';
import { planExperimentCommand } from './commands/planExperiment';
import { predictCommand } from './commands/predict';
import { preprocessCommand } from './commands/preprocess';
import { trainCommand } from './commands/train';

export const COMMANDS: readonly Command[] = [
  planAndPreprocessCommand,
  extractFingerprintCommand,
  planExperimentCommand,
  preprocessCommand,
  convertMsdCommand,
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
  installPretrainedModelCommand,
  exportOnnxCommand,
  benchCommand,
];
