// plans.json and dataset.json of a model that came without them, from what is known of it. What neither training nor
// prediction follows from is filled in with what nnU-Net would expect there.

import type { Architecture, Configuration, Resampling } from '@/core/planning/plans';
import type {
  ArchitectureDocument,
  ConfigurationDocument,
  InheritingDocument,
  PlansDocument,
  ResamplingKwargs,
} from '@/core/planning/plansDocument';
import type { IntensityProperties } from '@/core/preprocessing/normalization/scheme';
import type { DeclaredLabels, LabelSet } from './labels';
import type { NnunetModel } from './model';

/** Plans that {@link NnunetModel.plans} would be read from. */
export function plansDocumentOf({ plans, configuration }: NnunetModel): PlansDocument {
  return {
    dataset_name: plans.datasetName,
    plans_name: plans.plansName,
    original_median_spacing_after_transp: inThree(configuration.spacing, 1),
    original_median_shape_after_transp: inThree(configuration.patchSize, 1),
    image_reader_writer: plans.imageReaderWriter,
    transpose_forward: plans.transposeForward,
    transpose_backward: plans.transposeBackward,
    configurations: Object.fromEntries(
      Object.entries(plans.configurations).map(([name, each]) => [name, configurationDocument(each)]),
    ),
    experiment_planner_used: 'ExperimentPlanner',
    label_manager: 'LabelManager',
    foreground_intensity_properties_per_channel: Object.fromEntries(
      plans.foregroundIntensityProperties.map((each, channel) => [String(channel), intensities(each)]),
    ),
  };
}

/** A 2d configuration knows two of the axes. */
function inThree(sizes: readonly number[], first: number): readonly number[] {
  return sizes.length === 3 ? sizes : [first, ...sizes];
}

function intensities({
  percentile005,
  percentile995,
  ...same
}: IntensityProperties): Readonly<Record<string, number>> {
  const all = { ...same, percentile_00_5: percentile005, percentile_99_5: percentile995 };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => Number.isFinite(value)));
}

function configurationDocument(
  configuration: Configuration,
): ConfigurationDocument | (InheritingDocument & ConfigurationDocument) {
  const { resamplingData, resamplingSeg, resamplingProbabilities, previousStage } = configuration;
  return {
    data_identifier: configuration.dataIdentifier,
    preprocessor_name: 'DefaultPreprocessor',
    batch_size: configuration.batchSize,
    patch_size: configuration.patchSize,
    median_image_size_in_voxels: configuration.patchSize,
    spacing: configuration.spacing,
    normalization_schemes: configuration.normalizationSchemes,
    use_mask_for_norm: configuration.useMaskForNorm,
    resampling_fn_data: resamplingData.functionName,
    resampling_fn_seg: resamplingSeg.functionName,
    resampling_fn_data_kwargs: resamplingKwargs(resamplingData),
    resampling_fn_seg_kwargs: resamplingKwargs(resamplingSeg),
    resampling_fn_probabilities: resamplingProbabilities.functionName,
    resampling_fn_probabilities_kwargs: resamplingKwargs(resamplingProbabilities),
    architecture: architectureDocument(configuration.architecture),
    batch_dice: configuration.batchDice,
    ...(previousStage !== undefined && { previous_stage: previousStage }),
  };
}

/** `resample_torch_fornnunet` takes no orders; `no_resampling_hack` takes anything. */
function resamplingKwargs(resampling: Resampling): ResamplingKwargs {
  const { functionName, isSeg, forceSeparateZ, separateZAnisotropyThreshold } = resampling;
  const shared = {
    is_seg: isSeg,
    force_separate_z: forceSeparateZ,
    separate_z_anisotropy_threshold: separateZAnisotropyThreshold,
  };
  if (functionName === 'resample_torch_fornnunet') return shared;
  return { ...shared, order: resampling.order, order_z: resampling.orderZ };
}

function architectureDocument(architecture: Architecture): ArchitectureDocument {
  const { networkClass, kernelSizes, batchNorm, dropout, negativeSlope } = architecture;
  const dimensions = kernelSizes[0].length;
  const isPlain = networkClass === 'PlainConvUNet';
  const norm = batchNorm ? 'batchnorm.BatchNorm' : 'instancenorm.InstanceNorm';
  const slope = negativeSlope === 0.01 ? {} : { negative_slope: negativeSlope };
  return {
    network_class_name: `dynamic_network_architectures.architectures.unet.${networkClass}`,
    arch_kwargs: {
      n_stages: architecture.nStages,
      features_per_stage: architecture.featuresPerStage,
      conv_op: `torch.nn.modules.conv.Conv${dimensions}d`,
      kernel_sizes: kernelSizes,
      strides: architecture.strides,
      [isPlain ? 'n_conv_per_stage' : 'n_blocks_per_stage']: architecture.nConvPerStage,
      n_conv_per_stage_decoder: architecture.nConvPerStageDecoder,
      conv_bias: architecture.convBias,
      norm_op: `torch.nn.modules.${norm}${dimensions}d`,
      norm_op_kwargs: { eps: architecture.normEps, affine: architecture.normAffine, ...batchNorm },
      dropout_op: dropout
        ? `torch.nn.modules.dropout.Dropout${dropout.of === 'channels' ? `${dimensions}d` : ''}`
        : null,
      dropout_op_kwargs: dropout ? { p: dropout.probability } : null,
      nonlin: negativeSlope === 0 ? 'torch.nn.ReLU' : 'torch.nn.LeakyReLU',
      nonlin_kwargs: { inplace: true, ...(negativeSlope === 0 ? {} : slope) },
    },
    _kw_requires_import: ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
  };
}

/** A dataset.json that {@link NnunetModel.labels} and its channels would be read from. */
export function datasetDocumentOf({ channelNames, labels, fileEnding, datasetName }: NnunetModel) {
  return {
    channel_names: new Map(channelNames.map((name, channel) => [String(channel), name])),
    labels: labelsDocument(labels),
    ...(labels.hasRegions && { regions_class_order: labels.regionsClassOrder }),
    numTraining: 0,
    file_ending: fileEnding,
    name: datasetName,
  };
}

function labelsDocument(labels: LabelSet): DeclaredLabels {
  const { hasRegions, foregroundRegions, regionsClassOrder, ignoreLabel, names } = labels;
  const nameOf = (value: number) => names.get(value) ?? `label ${value}`;
  const regions = foregroundRegions.map(
    (region, i) => [nameOf(regionsClassOrder[i]), region] as [string, readonly number[]],
  );
  const plain = labels.allLabels.map((value): [string, number] => [nameOf(value), value]);
  return new Map<string, number | readonly number[]>([
    ...(hasRegions ? [[nameOf(0), 0] as const, ...regions] : plain),
    ...(ignoreLabel !== undefined ? [['ignore', ignoreLabel] as const] : []),
  ]);
}
