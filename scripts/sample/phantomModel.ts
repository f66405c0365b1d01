// The sample model as nnU-Net lays models out: plans, dataset.json and a checkpoint, in a zip.
import type { WeightTensor } from '@/core/interop/model';
import { OrderedDict, PickleTuple } from '@/core/interop/pickleValues';
import { stateDictKeys } from '@/core/interop/stateDict';
import { TorchDevice } from '@/core/interop/torchCheckpoint';
import { type SavedValue, TensorToSave, writeTorchCheckpoint } from '@/core/interop/torchWriter';
import { writeZip } from '@/core/io/zipStream';
import { PHANTOM_LABELS, PHANTOM_SHAPE, PHANTOM_SPACING } from '@/core/sample/phantom';

const CONFIGURATION = '3d_fullres';
const FOLDER = `Dataset900_Phantom/nnUNetTrainer__nnUNetPlans__${CONFIGURATION}`;
const RESAMPLING = 'resample_data_or_seg_to_shape';
/** Left and right look alike; the other axes do not. */
const MIRROR_AXES = [2];

const PHANTOM_DATASET = {
  channel_names: { 0: 'MRI' },
  labels: PHANTOM_LABELS,
  numTraining: 0,
  file_ending: '.nii.gz',
};

/** plans.json, keys as nnU-Net's planner writes them. */
export const PHANTOM_PLANS = {
  dataset_name: 'Dataset900_Phantom',
  plans_name: 'nnUNetPlans',
  original_median_spacing_after_transp: PHANTOM_SPACING,
  original_median_shape_after_transp: PHANTOM_SHAPE,
  image_reader_writer: 'SimpleITKIO',
  transpose_forward: [0, 1, 2],
  transpose_backward: [0, 1, 2],
  configurations: {
    [CONFIGURATION]: {
      data_identifier: `nnUNetPlans_${CONFIGURATION}`,
      preprocessor_name: 'DefaultPreprocessor',
      batch_size: 2,
      patch_size: [48, 56, 48],
      median_image_size_in_voxels: PHANTOM_SHAPE,
      spacing: PHANTOM_SPACING,
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
        arch_kwargs: {
          n_stages: 4,
          features_per_stage: [8, 16, 32, 32],
          conv_op: 'torch.nn.modules.conv.Conv3d',
          kernel_sizes: [3, 3, 3, 3].map((size) => [size, size, size]),
          strides: [1, 2, 2, 2].map((step) => [step, step, step]),
          n_conv_per_stage: [2, 2, 2, 2],
          n_conv_per_stage_decoder: [2, 2, 3],
          conv_bias: true,
          norm_op: 'torch.nn.modules.instancenorm.InstanceNorm3d',
          norm_op_kwargs: { eps: 1e-5, affine: true },
          dropout_op: null,
          dropout_op_kwargs: null,
          nonlin: 'torch.nn.LeakyReLU',
          nonlin_kwargs: { inplace: true },
        },
        _kw_requires_import: ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
      },
      batch_dice: false,
    },
  },
  experiment_planner_used: 'ExperimentPlanner',
  label_manager: 'LabelManager',
  foreground_intensity_properties_per_channel: {},
};

export interface PhantomModel {
  /** Under plain names, in the order of the network's parameters. */
  readonly weights: ReadonlyMap<string, WeightTensor>;
  readonly trainingCases: number;
  /** Dice of each label on validation phantoms. */
  readonly validationDice: Readonly<Record<number, number>>;
}

/** The bytes of the zip that the studio and the command import. */
export function phantomModelZip(model: PhantomModel): Uint8Array {
  const json = (path: string, value: unknown) => ({
    path: `${FOLDER}/${path}`,
    content: new TextEncoder().encode(`${JSON.stringify(value, null, 4)}\n`),
    isCompressed: true,
  });
  const dice = Object.values(model.validationDice);
  return writeZip([
    json('plans.json', PHANTOM_PLANS),
    json('dataset.json', { ...PHANTOM_DATASET, numTraining: model.trainingCases }),
    { path: `${FOLDER}/fold_0/checkpoint_final.pth`, content: checkpoint(model), isCompressed: true },
    json('fold_0/validation/summary.json', {
      foreground_mean: { Dice: dice.reduce((sum, value) => sum + value, 0) / dice.length },
      mean: Object.fromEntries(
        Object.entries(model.validationDice).map(([label, Dice]) => [label, { Dice }]),
      ),
      metric_per_case: [],
    }),
  ]);
}

function checkpoint({ weights, trainingCases }: PhantomModel): Uint8Array {
  const tensors = new Map(
    [...weights].map(([name, { data, shape }]) => [name, new TensorToSave(data, shape)]),
  );
  const stateDict = new OrderedDict<TensorToSave>();
  for (const { key, name } of stateDictKeys(tensors.keys())) {
    const tensor = tensors.get(name);
    if (tensor) stateDict.set(key, tensor);
  }
  const value = new Map<string, SavedValue>([
    ['network_weights', stateDict],
    ['optimizer_state', new Map()],
    ['grad_scaler_state', null],
    ['logging', new Map()],
    ['_best_ema', null],
    ['current_epoch', 0],
    [
      'init_args',
      new Map<string, SavedValue>([
        ['plans', asDict(PHANTOM_PLANS)],
        ['configuration', CONFIGURATION],
        ['fold', 0],
        ['dataset_json', asDict({ ...PHANTOM_DATASET, numTraining: trainingCases })],
        ['device', new TorchDevice('cpu')],
      ]),
    ],
    ['trainer_name', 'nnUNetTrainer'],
    ['inference_allowed_mirroring_axes', new PickleTuple(MIRROR_AXES)],
  ]);
  return writeTorchCheckpoint(value, 'checkpoint_final');
}

/** JSON as Python would have loaded it. */
function asDict(json: unknown): SavedValue {
  if (Array.isArray(json)) return json.map(asDict);
  if (typeof json === 'object' && json !== null) {
    return new Map(Object.entries(json).map(([key, value]) => [key, asDict(value)]));
  }
  if (json === null || typeof json === 'number' || typeof json === 'string' || typeof json === 'boolean')
    return json;
  throw new Error(`a ${typeof json} is no JSON`);
}
