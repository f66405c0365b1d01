// A small model folder as nnU-Net lays it out, written by our own code, with weights from a seed.
import type { WeightTensor } from '@/core/interop/model';
import { OrderedDict, PickleTuple } from '@/core/interop/pickleValues';
import { expectedParameters, stateDictKeys, stateTensor } from '@/core/interop/stateDict';
import { TorchDevice } from '@/core/interop/torchCheckpoint';
import { type SavedValue, type TensorToSave, writeTorchCheckpoint } from '@/core/interop/torchWriter';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { type Architecture, withBatchNorm } from '@/nn/architecture';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';

/** Arguments of a tiny 3D network with two stages, as plans have them. */
export const TINY_ARCH_KWARGS = {
  n_stages: 2,
  features_per_stage: [4, 6],
  conv_op: 'torch.nn.modules.conv.Conv3d',
  kernel_sizes: [
    [1, 3, 3],
    [3, 3, 3],
  ],
  strides: [
    [1, 1, 1],
    [1, 2, 2],
  ],
  n_conv_per_stage: [2, 2],
  n_conv_per_stage_decoder: [2],
  conv_bias: true,
  norm_op: 'torch.nn.modules.instancenorm.InstanceNorm3d',
  norm_op_kwargs: { eps: 1e-5, affine: true },
  dropout_op: null,
  dropout_op_kwargs: null,
  nonlin: 'torch.nn.LeakyReLU',
  nonlin_kwargs: { inplace: true },
};

const RESAMPLING = 'resample_data_or_seg_to_shape';

/** A configuration as plans.json has it. */
export const TINY_CONFIGURATION = {
  data_identifier: 'nnUNetPlans_3d_fullres',
  preprocessor_name: 'DefaultPreprocessor',
  batch_size: 2,
  patch_size: [4, 16, 16],
  median_image_size_in_voxels: [8, 30, 30],
  spacing: [3, 1, 1],
  normalization_schemes: ['ZScoreNormalization'],
  use_mask_for_norm: [false],
  resampling_fn_data: RESAMPLING,
  resampling_fn_seg: RESAMPLING,
  resampling_fn_data_kwargs: { is_seg: false, order: 3, order_z: 0, force_separate_z: null },
  resampling_fn_seg_kwargs: { is_seg: true, order: 1, order_z: 0, force_separate_z: null },
  resampling_fn_probabilities: RESAMPLING,
  resampling_fn_probabilities_kwargs: { is_seg: false, order: 1, order_z: 0, force_separate_z: null },
  architecture: {
    network_class_name: 'dynamic_network_architectures.architectures.unet.PlainConvUNet',
    arch_kwargs: TINY_ARCH_KWARGS,
    _kw_requires_import: ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
  },
  batch_dice: false,
};

/** plans.json with the given configurations. */
export function plansJson(
  configurations: Readonly<Record<string, unknown>> = { '3d_fullres': TINY_CONFIGURATION },
) {
  return {
    dataset_name: 'Dataset001_Tiny',
    plans_name: 'nnUNetPlans',
    original_median_spacing_after_transp: [3, 1, 1],
    original_median_shape_after_transp: [8, 30, 30],
    image_reader_writer: 'SimpleITKIO',
    transpose_forward: [0, 1, 2],
    transpose_backward: [0, 1, 2],
    configurations,
    experiment_planner_used: 'ExperimentPlanner',
    label_manager: 'LabelManager',
    foreground_intensity_properties_per_channel: {
      0: { max: 9, mean: 1, median: 1, min: -9, percentile_00_5: -5, percentile_99_5: 5, std: 2 },
    },
  };
}

/** plans.json of a cascade: `3d_lowres` at half the resolution, then `3d_cascade_fullres`. */
export function cascadePlansJson() {
  const lowres = { ...TINY_CONFIGURATION, data_identifier: 'nnUNetPlans_3d_lowres', spacing: [3, 2, 2] };
  return plansJson({
    '3d_fullres': TINY_CONFIGURATION,
    '3d_lowres': { ...lowres, next_stage: '3d_cascade_fullres' },
    '3d_cascade_fullres': { inherits_from: '3d_fullres', previous_stage: '3d_lowres' },
  });
}

/** dataset.json with one channel and two labels. */
export const TINY_DATASET = {
  channel_names: { 0: 'MRI' },
  labels: { background: 0, organ: 1, lesion: 2 },
  numTraining: 4,
  file_ending: '.nii.gz',
};

export interface ModelFolderOptions {
  /** Folder name, with its parents. */
  readonly folder?: string;
  readonly plans?: unknown;
  readonly dataset?: { readonly labels: Readonly<Record<string, unknown>>; readonly channel_names: object };
  readonly configuration?: string;
  /** `nnUNetTrainer` if left out. */
  readonly trainerName?: string;
  readonly folds?: readonly string[];
  readonly checkpointName?: string;
  readonly mirrorAxes?: readonly number[] | null;
  /** In front of every key of the state dict. */
  readonly keyPrefix?: string;
  /** Last change to a checkpoint before it is written. */
  readonly changeCheckpoint?: (
    checkpoint: Map<string, SavedValue>,
    weights: OrderedDict<TensorToSave>,
  ) => void;
}

export const TINY_FOLDER = 'nnUNetTrainer__nnUNetPlans__3d_fullres';

/** The files of a model folder; weights of fold k come from seed k. */
export function modelFolderFiles(options: ModelFolderOptions = {}): SourceFile[] {
  const { folder = TINY_FOLDER, plans = plansJson(), dataset = TINY_DATASET, folds = ['0'] } = options;
  const { checkpointName = 'checkpoint_final.pth' } = options;
  const json = (name: string, value: unknown) =>
    memoryFile(new TextEncoder().encode(JSON.stringify(value, null, 4)), `${folder}/${name}`);
  return [
    json('plans.json', plans),
    json('dataset.json', dataset),
    ...folds.flatMap((fold, i) => [
      memoryFile(checkpointBytes(options, i), `${folder}/fold_${fold}/${checkpointName}`),
      json(`fold_${fold}/validation/summary.json`, { foreground_mean: { Dice: 0.5 + i / 10 } }),
    ]),
  ];
}

/** Weights of the tiny network under plain names. */
export function tinyWeights(
  parameters: ReadonlyMap<string, readonly number[]>,
  seed: number,
): Map<string, WeightTensor> {
  let next = seed * 1000;
  const dataOf = (name: string, shape: readonly number[]) => {
    if (name.endsWith('num_batches_tracked')) return Float32Array.of(250 + seed);
    const noise = randomNormal(elementCount(shape), next++);
    return name.endsWith('running_var') ? noise.map(Math.exp) : noise;
  };
  return new Map([...parameters].map(([name, shape]) => [name, { shape, data: dataOf(name, shape) }]));
}

function configurationIn({ plans = plansJson(), configuration = '3d_fullres' }: ModelFolderOptions) {
  return configurationOf(readPlans(JSON.stringify(plans), 'plans.json'), configuration, 'plans.json');
}

/** The network that the options describe, as its trainer builds it. */
function architectureOf(options: ModelFolderOptions): Architecture {
  const { architecture } = configurationIn(options);
  return options.trainerName === 'nnUNetTrainerBN' ? withBatchNorm(architecture) : architecture;
}

/** Parameters of the network that the options describe, with one channel per label as outputs. */
export function parametersOf(options: ModelFolderOptions = {}): ReadonlyMap<string, readonly number[]> {
  const { dataset = TINY_DATASET } = options;
  const imageChannels = Object.keys(dataset.channel_names).length;
  const outputs = Object.keys(dataset.labels).length;
  const isSecondStage = configurationIn(options).previousStage !== undefined;
  return expectedParameters(
    architectureOf(options),
    imageChannels + (isSecondStage ? outputs - 1 : 0),
    outputs,
  );
}

function checkpointBytes(options: ModelFolderOptions, seed: number): Uint8Array {
  const { keyPrefix = '', configuration = '3d_fullres', mirrorAxes = [0, 1, 2] } = options;
  const tensors = new Map(
    [...tinyWeights(parametersOf(options), seed)].map(([name, { data, shape }]) => [
      name,
      stateTensor(name, { data, shape }),
    ]),
  );
  const weights = new OrderedDict<TensorToSave>();
  for (const { key, name } of stateDictKeys(tensors.keys(), architectureOf(options))) {
    const tensor = tensors.get(name);
    if (tensor) weights.set(keyPrefix + key, tensor);
  }
  const checkpoint = new Map<string, SavedValue>([
    ['network_weights', weights],
    ['optimizer_state', new Map()],
    ['grad_scaler_state', null],
    ['_best_ema', 0.5],
    ['current_epoch', 2],
    [
      'init_args',
      new Map<string, SavedValue>([
        ['configuration', configuration],
        ['device', new TorchDevice('cuda:0')],
      ]),
    ],
    ['trainer_name', options.trainerName ?? 'nnUNetTrainer'],
    ['inference_allowed_mirroring_axes', mirrorAxes && new PickleTuple([...mirrorAxes])],
  ]);
  options.changeCheckpoint?.(checkpoint, weights);
  return writeTorchCheckpoint(checkpoint, 'checkpoint_final');
}
