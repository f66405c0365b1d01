// The names of nnU-Net's files, in its folders nnUNet_raw, nnUNet_preprocessed and nnUNet_results.

export const NNUNET_FILES = {
  /** Labels, channels and file ending of a dataset. */
  dataset: 'dataset.json',
  /** What planning knows of the images. */
  fingerprint: 'dataset_fingerprint.json',
  /** Training and validation cases of each fold. */
  splits: 'splits_final.json',
  /** The plans beside a model's folds; among preprocessed data they are called by their own name. */
  plans: 'plans.json',
  /** Metrics of a folder of predictions. */
  summary: 'summary.json',
  /** Settings of a training. */
  debug: 'debug.json',
  /** The lists of a training's logger. */
  progress: 'progress.json',
  progressPicture: 'progress.png',
  networkPicture: 'network_architecture.pdf',
  /** Seconds per epoch, of trainers that only measure. */
  benchmarkResult: 'benchmark_result.json',
  /** The steps of postprocessing, as nnU-Net reads them. */
  postprocessing: 'postprocessing.pkl',
  /** Metrics before and after postprocessing, for people. */
  postprocessingRecord: 'postprocessing.json',
  /** What find_best_configuration came to. */
  inferenceInformation: 'inference_information.json',
  inferenceInstructions: 'inference_instructions.txt',
  /** How a folder was predicted. */
  predictionArguments: 'predict_from_raw_data_args.json',
} as const;

/** A fold's checkpoints. */
export const CHECKPOINTS = {
  latest: 'checkpoint_latest.pth',
  best: 'checkpoint_best.pth',
  final: 'checkpoint_final.pth',
} as const;
