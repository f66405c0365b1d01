// The tiny dataset, preprocessed for tiny networks: a training of some epochs takes seconds.
import { preprocessDataset } from '@/app/data/preprocessDataset';
import { TrainFoldLog } from '@/app/train/foldLog';
import { type Fold, openFold } from '@/app/train/foldSetup';
import { type TrainFoldRequest, trainFold } from '@/app/train/trainFold';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { readPlans } from '@/core/planning/readPlans';
import { type Trainer, trainerNamed } from '@/core/training/trainers';
import type { Gpu } from '@/gpu/device';
import type { CheckpointStore } from '@/storage/checkpointStore';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { memoryFolder } from './memoryFolder';
import { type DatasetContents, filesOf, TINY_DATASET, tinyDataset } from './tinyDataset';

const RESAMPLING = 'resample_data_or_seg_to_shape';
const kwargs = (order: number, isSeg: boolean) => ({
  is_seg: isSeg,
  order,
  order_z: 0,
  force_separate_z: null,
});

function architecture(dimensions: 2 | 3, features: readonly number[] = [4, 6, 8]) {
  const size = (value: number) => new Array(dimensions).fill(value);
  const stages = features.map((_, stage) => stage);
  return {
    network_class_name: 'dynamic_network_architectures.architectures.unet.PlainConvUNet',
    arch_kwargs: {
      n_stages: features.length,
      features_per_stage: features,
      conv_op: `torch.nn.modules.conv.Conv${dimensions}d`,
      kernel_sizes: stages.map(() => size(3)),
      strides: stages.map((stage) => size(stage === 0 ? 1 : 2)),
      n_conv_per_stage: stages.map(() => 1),
      n_conv_per_stage_decoder: stages.slice(1).map(() => 1),
      conv_bias: true,
      norm_op: `torch.nn.modules.instancenorm.InstanceNorm${dimensions}d`,
      norm_op_kwargs: { eps: 1e-5, affine: true },
      dropout_op: null,
      dropout_op_kwargs: null,
      nonlin: 'torch.nn.LeakyReLU',
      nonlin_kwargs: { inplace: true },
    },
    _kw_requires_import: ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
  };
}

function configuration(name: string, patchSize: readonly number[], spacing: readonly number[]) {
  return {
    data_identifier: `nnUNetPlans_${name}`,
    preprocessor_name: 'DefaultPreprocessor',
    batch_size: 2,
    patch_size: patchSize,
    median_image_size_in_voxels: patchSize,
    spacing,
    normalization_schemes: ['ZScoreNormalization', 'ZScoreNormalization'],
    use_mask_for_norm: [false, false],
    resampling_fn_data: RESAMPLING,
    resampling_fn_seg: RESAMPLING,
    resampling_fn_data_kwargs: kwargs(3, false),
    resampling_fn_seg_kwargs: kwargs(1, true),
    resampling_fn_probabilities: RESAMPLING,
    resampling_fn_probabilities_kwargs: kwargs(1, false),
    architecture: architecture(patchSize.length === 2 ? 2 : 3),
    batch_dice: patchSize.length === 2,
  };
}

/** Plans for 2d, 3d_fullres, and a cascade from 3d_lowres. */
export const TINY_PLANS = {
  dataset_name: TINY_DATASET,
  plans_name: 'nnUNetPlans',
  original_median_spacing_after_transp: [2, 1, 1],
  original_median_shape_after_transp: [8, 10, 12],
  image_reader_writer: 'SimpleITKIO',
  transpose_forward: [0, 1, 2],
  transpose_backward: [0, 1, 2],
  configurations: {
    '2d': configuration('2d', [8, 12], [1, 1]),
    '3d_fullres': configuration('3d_fullres', [8, 8, 8], [2, 1, 1]),
    '3d_lowres': { ...configuration('3d_lowres', [4, 4, 4], [4, 2, 2]), next_stage: '3d_cascade_fullres' },
    '3d_cascade_fullres': { inherits_from: '3d_fullres', previous_stage: '3d_lowres' },
  },
  experiment_planner_used: 'ExperimentPlanner',
  label_manager: 'LabelManager',
  foreground_intensity_properties_per_channel: {},
};

/** Plans of one channel and one configuration, 3d_fullres. */
export function plainPlans(patchSize: readonly number[], features: readonly number[]) {
  const fullres = {
    ...configuration('3d_fullres', patchSize, [2, 1, 1]),
    normalization_schemes: ['ZScoreNormalization'],
    use_mask_for_norm: [false],
    architecture: architecture(3, features),
  };
  return { ...TINY_PLANS, configurations: { '3d_fullres': fullres } };
}

/** `nnUNet_preprocessed` of the dataset. */
export async function tinyPreprocessed(
  contents: DatasetContents = tinyDataset(),
  folder: DatasetFolder = memoryFolder(),
  plansDocument: object = TINY_PLANS,
): Promise<DatasetFolder> {
  const dataset = await openRawDataset(filesOf(contents));
  const text = JSON.stringify(plansDocument);
  await folder.write('nnUNetPlans.json', text);
  await folder.write('dataset.json', await dataset.jsonFile.bytes());
  const plans = readPlans(text, 'nnUNetPlans.json');
  await preprocessDataset({ dataset, plans, configurations: ['2d', '3d_fullres', '3d_lowres'], folder });
  return folder;
}

/** Checkpoints in memory. */
export function memoryCheckpoints(): CheckpointStore & { readonly names: () => readonly string[] } {
  const folder = memoryFolder();
  return {
    write: folder.write,
    read: folder.open,
    remove: folder.remove,
    names: () => [...folder.contents.keys()].sort(),
  };
}

/** A trainer of few and short epochs. */
export function tinyTrainer(name = 'nnUNetTrainer', epochs = 4): Trainer {
  const trainer = trainerNamed(name);
  return { ...trainer, schedule: { epochs, iterationsPerEpoch: 3, validationIterationsPerEpoch: 2 } };
}

/** What of a training differs from test to test. */
export interface TinyTraining extends Partial<TrainFoldRequest> {
  readonly preprocessed: DatasetFolder;
  readonly configurationName?: string;
  readonly fold?: Fold;
  readonly previousStage?: (stage: string) => DatasetFolder;
}

/** A job as `nnstudio train` would make it, all in memory, on a device that stays open. */
export async function tinyJob(gpu: Gpu, training: TinyTraining): Promise<TrainFoldRequest> {
  const { preprocessed, configurationName = '3d_fullres', fold = 0, previousStage, ...changes } = training;
  const trainer = changes.trainer ?? tinyTrainer();
  const question = {
    preprocessed,
    plansName: 'nnUNetPlans',
    configurationName,
    fold,
    ...(previousStage && { previousStage }),
  };
  const setup = await openFold(question, trainer);
  const results = changes.results ?? memoryFolder();
  return {
    setup,
    trainer,
    seed: 1,
    results,
    checkpoints: memoryCheckpoints(),
    shouldContinue: false,
    hasCheckpoints: true,
    openGpu: async () => ({ ...gpu, close: () => undefined }),
    log: new TrainFoldLog(results, setup),
    ...changes,
  };
}

/** Trains it. */
export async function trainTiny(gpu: Gpu, training: TinyTraining) {
  return trainFold(await tinyJob(gpu, training));
}
