// From a fingerprint to plans: nnU-Net's rules, in its order of arithmetic.

import { permute, type Zyx } from '@/shared/geometry';
import { product, roundHalfEven } from '@/shared/numeric';
import { median, percentile } from '@/shared/statistics';
import { computeNewShape } from '../preprocessing/gridShape';
import { type ConfigurationRequest, planConfiguration } from './planConfiguration';
import { assertPlannable, assertSliceAxis } from './plannableFingerprint';
import type { Planner } from './planners';
import type {
  ConfigurationDocument,
  FingerprintDocument,
  InheritingDocument,
  PlansDocument,
} from './plansDocument';

/** How many times coarser than the others an axis must be, in mm and in voxels, to count as anisotropic. */
const ANISOTROPY_THRESHOLD = 3;
/** A patch that covers less than this share of the median case calls for a low-resolution configuration. */
const LOWRES_CREATION_THRESHOLD = 0.25;
/** Step in which the low-resolution spacing grows until the patch covers enough. */
const SPACING_INCREASE_FACTOR = 1.03;
/** A low resolution that saves less than this factor in voxels is not worth a configuration. */
const MIN_LOWRES_GAIN = 2;
/** Cropping that leaves less than this share of the voxels makes z-score channels use the mask. */
const MASK_FOR_NORM_THRESHOLD = 0.75;

/** The parts of dataset.json that planning reads. */
export interface DatasetToPlan {
  readonly name: string;
  /** In order of their index. */
  readonly channelNames: readonly string[];
  /** Entries of `labels`, background and ignore included. */
  readonly labelEntries: number;
  readonly numTraining: number;
  readonly imageReaderWriter: string;
}

export interface PlannerOptions {
  /** `-gpu_memory_target`, GB. */
  readonly gpuMemoryTargetGb?: number;
  /** `-overwrite_target_spacing`, mm, reader order. */
  readonly overwriteTargetSpacing?: readonly number[];
  /** `-overwrite_plans_name`. */
  readonly plansName?: string;
  /** `-preprocessor_name`. */
  readonly preprocessorName?: string;
  readonly suppressTranspose?: boolean;
}

/**
 * Plans for every configuration the dataset calls for: `2d`, and for volumes `3d_fullres`, `3d_lowres` and the cascade
 * where a patch sees too little of the median case. Throws `EmptyFingerprint`, `NoForeground`, `SingleSlice`.
 *
 * Follows nnU-Net's `ExperimentPlanner.plan_experiment`.
 */
export function planExperiment(
  fingerprint: FingerprintDocument,
  dataset: DatasetToPlan,
  planner: Planner,
  options: PlannerOptions = {},
): PlansDocument {
  assertPlannable(fingerprint);
  const target = fullresTargetSpacing(fingerprint, options.overwriteTargetSpacing);
  const forward = options.suppressTranspose ? UNCHANGED : transposeForward(target);
  const backward = [0, 1, 2].map((axis) => forward.indexOf(axis));
  const medianShape = permute(resampledMedianShape(fingerprint, target), forward);
  assertSliceAxis(medianShape, forward, dataset.name);
  const plansName = options.plansName ?? planner.plansName;
  const request: Omit<ConfigurationRequest, 'name' | 'spacing' | 'medianShape' | 'voxelsInDataset'> = {
    planner,
    plansName,
    preprocessorName: options.preprocessorName ?? 'DefaultPreprocessor',
    gpuMemoryTargetGb: options.gpuMemoryTargetGb ?? planner.referenceGb,
    channelNames: dataset.channelNames,
    outputs: dataset.labelEntries,
    useMaskForNorm: fingerprint.median_relative_size_after_cropping < MASK_FOR_NORM_THRESHOLD,
  };
  const spacing = permute(target, forward);
  const voxelsInDataset = product(medianShape) * dataset.numTraining;
  const plan2d = planConfiguration({
    ...request,
    name: '2d',
    spacing: spacing.slice(1),
    medianShape: medianShape.slice(1),
    voxelsInDataset,
  });
  const volumes = medianShape[0] === 1 ? {} : planVolumes(request, spacing, medianShape, dataset.numTraining);
  return {
    dataset_name: dataset.name,
    plans_name: plansName,
    original_median_spacing_after_transp: permute(perAxis(fingerprint.spacings, median), forward),
    original_median_shape_after_transp: permute(perAxis(fingerprint.shapes_after_crop, median), forward).map(
      roundHalfEven,
    ),
    image_reader_writer: dataset.imageReaderWriter,
    transpose_forward: [...forward],
    transpose_backward: backward,
    configurations: { '2d': { ...plan2d, batch_dice: true }, ...volumes },
    experiment_planner_used: planner.name,
    label_manager: 'LabelManager',
    foreground_intensity_properties_per_channel: fingerprint.foreground_intensity_properties_per_channel,
  };
}

/** Shapes and spacings of images, array order, without what only a fingerprint knows. */
export type ImageSizes = Pick<FingerprintDocument, 'spacings' | 'shapes_after_crop'>;

/**
 * Throws `SingleSlice` for images of which no planner could make plans, whether it turns their axes round or not: so the
 * integrity check can tell before a fingerprint is taken.
 */
export function assertSlicesPlannable(images: ImageSizes, datasetName: string): void {
  const target = fullresTargetSpacing(images);
  const shape = resampledMedianShape(images, target);
  const isFirstAxis = shape.every((size, axis) => axis === 0 || size !== 1);
  if (isFirstAxis) return;
  const forward = transposeForward(target);
  assertSliceAxis(permute(shape, forward), forward, datasetName);
}

/** Array order. */
function resampledMedianShape({ shapes_after_crop: shapes, spacings }: ImageSizes, target: Zyx): Zyx {
  const resampled = shapes.map((shape, i) => computeNewShape(asZyx(shape), asZyx(spacings[i]), target));
  return perAxis(resampled, median);
}

/** `3d_fullres`, and `3d_lowres` with the cascade where they are worth it, in the order nnU-Net writes them. */
function planVolumes(
  request: Omit<ConfigurationRequest, 'name' | 'spacing' | 'medianShape' | 'voxelsInDataset'>,
  spacing: Zyx,
  medianShape: Zyx,
  numTraining: number,
): Record<string, ConfigurationDocument | InheritingDocument> {
  const voxels = product(medianShape);
  const fullres = planConfiguration({
    ...request,
    name: '3d_fullres',
    spacing,
    medianShape,
    voxelsInDataset: voxels * numTraining,
  });
  const lowres = planLowres(request, spacing, medianShape, fullres.patch_size, numTraining);
  if (!lowres) return { '3d_fullres': { ...fullres, batch_dice: false } };
  return {
    '3d_lowres': { ...lowres, batch_dice: false, next_stage: '3d_cascade_fullres' },
    '3d_fullres': { ...fullres, batch_dice: true },
    '3d_cascade_fullres': { inherits_from: '3d_fullres', previous_stage: '3d_lowres' },
  };
}

function planLowres(
  request: Omit<ConfigurationRequest, 'name' | 'spacing' | 'medianShape' | 'voxelsInDataset'>,
  fullresSpacing: Zyx,
  medianShape: Zyx,
  fullresPatch: readonly number[],
  numTraining: number,
): Omit<ConfigurationDocument, 'batch_dice'> | undefined {
  const voxels = product(medianShape);
  let spacing: readonly number[] = fullresSpacing;
  let medianVoxels = voxels;
  let patchVoxels = product(fullresPatch);
  let plan: Omit<ConfigurationDocument, 'batch_dice'> | undefined;
  while (patchVoxels / medianVoxels < LOWRES_CREATION_THRESHOLD) {
    spacing = coarser(spacing);
    const shape = medianShape.map((size, axis) => (fullresSpacing[axis] / spacing[axis]) * size);
    medianVoxels = product(shape);
    plan = planConfiguration({
      ...request,
      name: '3d_lowres',
      spacing,
      medianShape: shape.map(roundHalfEven),
      voxelsInDataset: medianVoxels * numTraining,
    });
    patchVoxels = product(plan.patch_size);
  }
  return plan && voxels / medianVoxels >= MIN_LOWRES_GAIN ? plan : undefined;
}

/** The finer axes catch up first; then all grow together. */
function coarser(spacing: readonly number[]): number[] {
  const coarsest = Math.max(...spacing);
  const isFine = spacing.map((value) => coarsest / value > 2);
  const growsAll = !isFine.some(Boolean);
  return spacing.map((value, axis) => (growsAll || isFine[axis] ? value * SPACING_INCREASE_FACTOR : value));
}

/**
 * Target spacing of `3d_fullres`, mm, reader order: the median over the training cases, per axis. A far coarser axis
 * takes its 10th percentile, because resampling a few thick slices to the median leaves artefacts.
 *
 * Follows nnU-Net's `ExperimentPlanner.determine_fullres_target_spacing`.
 */
function fullresTargetSpacing(
  { spacings, shapes_after_crop: shapes }: ImageSizes,
  overwritten?: readonly number[],
): Zyx {
  if (overwritten) return asZyx(overwritten);
  const middle = (values: readonly number[]) => percentile(values, 50);
  const target = perAxis(spacings, middle);
  const shape = perAxis(shapes, middle);
  const coarsest = target.indexOf(Math.max(...target));
  const others = [0, 1, 2].filter((axis) => axis !== coarsest);
  const nextCoarsest = Math.max(...others.map((axis) => target[axis]));
  const hasAnisotropicSpacing = target[coarsest] > ANISOTROPY_THRESHOLD * nextCoarsest;
  const hasAnisotropicShape =
    shape[coarsest] * ANISOTROPY_THRESHOLD < Math.min(...others.map((axis) => shape[axis]));
  if (!hasAnisotropicSpacing || !hasAnisotropicShape) return target;
  const tenth = percentile(
    spacings.map((spacing) => spacing[coarsest]),
    10,
  );
  const chosen = tenth < nextCoarsest ? nextCoarsest + 1e-5 : tenth;
  return asZyx(target.map((value, axis) => (axis === coarsest ? chosen : value)));
}

const UNCHANGED: Zyx = [0, 1, 2];

/** The coarsest axis first, the others in order: the network pools the first axis last. */
function transposeForward(target: Zyx): Zyx {
  const coarsest = target.indexOf(Math.max(...target));
  return asZyx([coarsest, ...[0, 1, 2].filter((axis) => axis !== coarsest)]);
}

function perAxis(
  rows: readonly (readonly number[])[],
  statistic: (values: readonly number[]) => number,
): Zyx {
  return asZyx([0, 1, 2].map((axis) => statistic(rows.map((row) => row[axis]))));
}

function asZyx(values: readonly number[]): Zyx {
  return [values[0], values[1], values[2]];
}
