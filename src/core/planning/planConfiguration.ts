// One configuration: the largest patch that fits the memory target, its network, and the batch that fits beside it.

import { normalizationNamed, normalizationOfChannel } from '@/core/preprocessing/normalization/schemes';
import { product, roundHalfEven } from '@/shared/numeric';
import { featureMapSize } from './featureMapSize';
import type { Planner } from './planners';
import type { ConfigurationDocument } from './plansDocument';
import { planTopology, type Topology } from './topology';

/** Batch size that the planners' reference values stand for. */
const REFERENCE_BATCH_SIZE = { 2: 12, 3: 2 } as const;
/** Voxels of the first guess at a patch, before it is clipped to the median case. */
const INITIAL_PATCH_VOXELS = { 2: 2048 ** 2, 3: 256 ** 3 } as const;

export interface ConfigurationRequest {
  readonly name: string;
  readonly planner: Planner;
  readonly plansName: string;
  readonly preprocessorName: string;
  readonly gpuMemoryTargetGb: number;
  readonly channelNames: readonly string[];
  /** Outputs that the memory estimate counts. */
  readonly outputs: number;
  readonly useMaskForNorm: boolean;
  /** mm, transposed order; 2 or 3 entries. */
  readonly spacing: readonly number[];
  /** Median case at that spacing, voxels. */
  readonly medianShape: readonly number[];
  /** Of all training cases together. */
  readonly voxelsInDataset: number;
}

type Dimensions = 2 | 3;

/** Follows nnU-Net's `ExperimentPlanner.get_plans_for_configuration`. */
export function planConfiguration(request: ConfigurationRequest): Omit<ConfigurationDocument, 'batch_dice'> {
  const { planner, name, plansName, spacing, medianShape } = request;
  const { topology, estimate } = fitPatch(request);
  const { resampling } = planner;
  const schemes = request.channelNames.map(normalizationOfChannel);
  const identifier = planner.sharesDataWith.includes(name) ? 'nnUNetPlans' : plansName;
  return {
    data_identifier: `${identifier}_${name}`,
    preprocessor_name: request.preprocessorName,
    batch_size: batchSize(request, topology.patchSize, estimate),
    patch_size: topology.patchSize,
    median_image_size_in_voxels: medianShape,
    spacing,
    normalization_schemes: schemes,
    use_mask_for_norm: schemes.map(
      (scheme) => request.useMaskForNorm && normalizationNamed(scheme).canUseMask,
    ),
    resampling_fn_data: resampling.functionName,
    resampling_fn_seg: resampling.functionName,
    resampling_fn_data_kwargs: resampling.data,
    resampling_fn_seg_kwargs: resampling.seg,
    resampling_fn_probabilities: resampling.functionName,
    resampling_fn_probabilities_kwargs: resampling.probabilities,
    architecture: architecture(planner, topology),
  };
}

/** Shrinks the patch along its relatively longest axis until the network's estimate fits the reference. */
function fitPatch(request: ConfigurationRequest): { topology: Topology; estimate: number } {
  const { planner, spacing, medianShape, outputs } = request;
  const dimensions = dimensionsOf(spacing);
  const estimateOf = (topology: Topology) =>
    featureMapSize(networkOf(planner, topology), topology.patchSize, outputs);
  const { patchFitsBatch } = planner;
  const shrinkFactor = patchFitsBatch === 'reference' ? 1 : patchFitsBatch / REFERENCE_BATCH_SIZE[dimensions];
  const reference = referenceOf(request);
  let topology = planTopology(spacing, initialPatch(spacing, medianShape));
  let estimate = estimateOf(topology);
  while (estimate * shrinkFactor > reference) {
    const axis = relativelyLongestAxis(topology.patchSize, medianShape);
    const shorter = shortened(topology.patchSize, axis, topology.mustBeDivisibleBy[axis]);
    const divisor = planTopology(spacing, shorter).mustBeDivisibleBy[axis];
    topology = planTopology(spacing, shortened(topology.patchSize, axis, divisor));
    estimate = estimateOf(topology);
  }
  return { topology, estimate };
}

/** Isotropic in mm, as many voxels as the first guess allows, no longer than the median case. */
function initialPatch(spacing: readonly number[], medianShape: readonly number[]): number[] {
  const dimensions = dimensionsOf(spacing);
  const density = spacing.map((value) => 1 / value);
  const scale = (INITIAL_PATCH_VOXELS[dimensions] / product(density)) ** (1 / dimensions);
  return density.map((value, axis) => Math.min(roundHalfEven(value * scale), medianShape[axis]));
}

/** The last of equals, as numpy's argsort of so few values leaves them. */
function relativelyLongestAxis(patchSize: readonly number[], medianShape: readonly number[]): number {
  const share = patchSize.map((size, axis) => size / medianShape[axis]);
  return share.lastIndexOf(Math.max(...share));
}

function shortened(patchSize: readonly number[], axis: number, by: number): number[] {
  return patchSize.map((size, i) => (i === axis ? size - by : size));
}

function batchSize(request: ConfigurationRequest, patchSize: readonly number[], estimate: number): number {
  const reference = REFERENCE_BATCH_SIZE[dimensionsOf(request.spacing)];
  const fitting = roundHalfEven((referenceOf(request) / estimate) * reference);
  const cap = roundHalfEven(
    (request.voxelsInDataset * request.planner.maxDatasetCovered) / product(patchSize),
  );
  return Math.max(Math.min(fitting, cap), request.planner.minBatchSize);
}

function referenceOf({ planner, spacing, gpuMemoryTargetGb }: ConfigurationRequest): number {
  const value = dimensionsOf(spacing) === 2 ? planner.reference2d : planner.reference3d;
  return value * (gpuMemoryTargetGb / planner.referenceGb);
}

function networkOf(planner: Planner, { strides }: Topology) {
  const stages = strides.length;
  const maximum = planner.maxFeatures[dimensionsOf(strides[0])];
  return {
    networkClass: planner.networkClass,
    featuresPerStage: Array.from({ length: stages }, (_, i) =>
      Math.min(planner.baseFeatures * 2 ** i, maximum),
    ),
    strides,
    nConvPerStage: planner.blocksPerStage(stages),
    nConvPerStageDecoder: new Array<number>(stages - 1).fill(planner.decoderConvsPerStage),
  };
}

function architecture(planner: Planner, topology: Topology): ConfigurationDocument['architecture'] {
  const network = networkOf(planner, topology);
  const dimensions = dimensionsOf(topology.patchSize);
  const isResidual = planner.networkClass === 'ResidualEncoderUNet';
  return {
    network_class_name: `dynamic_network_architectures.architectures.unet.${planner.networkClass}`,
    arch_kwargs: {
      n_stages: network.strides.length,
      features_per_stage: network.featuresPerStage,
      conv_op: `torch.nn.modules.conv.Conv${dimensions}d`,
      kernel_sizes: topology.kernelSizes,
      strides: topology.strides,
      [isResidual ? 'n_blocks_per_stage' : 'n_conv_per_stage']: network.nConvPerStage,
      n_conv_per_stage_decoder: network.nConvPerStageDecoder,
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

function dimensionsOf(values: readonly unknown[]): Dimensions {
  return values.length === 2 ? 2 : 3;
}
