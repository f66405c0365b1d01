// The library: what `import … from 'nnstudio'` gives in Node. Everything else of the package may change at any time.
// biome-ignore-all lint/performance/noBarrelFile: the one entry of the package
export { StudioError } from '@/shared/errors';
export {
  type DatasetFolders,
  PLANNER_NAMES,
  type PlanDatasetOptions,
  type PlannedDataset,
  type PreprocessDatasetOptions,
  type PreprocessedDataset,
  planDataset,
  preprocessDataset,
} from './datasets';
export { type Device, openDevice, type PlatformGpuDevice } from './devices';
export { type ImportModelOptions, importModel, importModels, type Model } from './models';
export {
  type CallOptions,
  type CaseResult,
  type ImageArray,
  openPredictor,
  type PredictFolderOptions,
  type PredictOptions,
  type Predictor,
  predict,
  predictFolder,
  type Segmentation,
} from './predict';
export type {
  EpochReport,
  FingerprintProgress,
  PreprocessedCase,
  Progress,
  StepReport,
} from './reports';
export { TRAINER_NAMES, type TrainedFold, type TrainFoldOptions, trainFold } from './training';
