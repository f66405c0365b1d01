// nnU-Net's experiment planners, each a small object in one list.

import type { Architecture } from '@/nn/architecture';
import { StudioError } from '@/shared/errors';
import type { ResamplingKwargs } from './plansDocument';

/** How arrays are resampled under a planner's plans. */
interface ResamplingPreset {
  readonly functionName: string;
  readonly data: ResamplingKwargs;
  readonly seg: ResamplingKwargs;
  readonly probabilities: ResamplingKwargs;
}

export interface Planner {
  /** nnU-Net's class name, as `-pl` takes it. */
  readonly name: string;
  readonly plansName: string;
  readonly networkClass: Architecture['networkClass'];
  /** GPU memory its reference values stand for, and the default target, GB. */
  readonly referenceGb: number;
  /** Feature-map size that fills `referenceGb` at the reference batch size. */
  readonly reference3d: number;
  readonly reference2d: number;
  /** Whatever fits. */
  readonly minBatchSize: number;
  /** Largest share of the dataset's voxels in one batch. */
  readonly maxDatasetCovered: number;
  /** Channels of the first stage; every further one has twice as many. */
  readonly baseFeatures: number;
  /** Channels that no stage exceeds, of 2D and 3D networks. */
  readonly maxFeatures: Readonly<Record<2 | 3, number>>;
  readonly blocksPerStage: (stages: number) => readonly number[];
  readonly decoderConvsPerStage: number;
  /** The patch shrinks until a batch of this size fits; `reference` is the one that the reference values stand for. */
  readonly patchFitsBatch: number | 'reference';
  /** Configurations whose preprocessed data is shared with the default planner. */
  readonly sharesDataWith: readonly string[];
  readonly resampling: ResamplingPreset;
}

const SPLINES: ResamplingPreset = {
  functionName: 'resample_data_or_seg_to_shape',
  data: { is_seg: false, order: 3, order_z: 0, force_separate_z: null },
  seg: { is_seg: true, order: 1, order_z: 0, force_separate_z: null },
  probabilities: { is_seg: false, order: 1, order_z: 0, force_separate_z: null },
};

function torchResampling(options: Readonly<Record<string, boolean | number | null>>): ResamplingPreset {
  return {
    functionName: 'resample_torch_fornnunet',
    data: { is_seg: false, ...options },
    seg: { is_seg: true, ...options },
    probabilities: { is_seg: false, ...options },
  };
}

const TORCH = torchResampling({ force_separate_z: false, memefficient_seg_resampling: false });
const TORCH_SEPARATE_Z = torchResampling({
  force_separate_z: null,
  memefficient_seg_resampling: false,
  separate_z_anisotropy_threshold: 3,
});
const NO_RESAMPLING: ResamplingPreset = {
  functionName: 'no_resampling_hack',
  data: {} as ResamplingKwargs,
  seg: {} as ResamplingKwargs,
  probabilities: {} as ResamplingKwargs,
};

/** Residual blocks per stage; stages beyond the list keep its last entry. */
const RESIDUAL_BLOCKS = [1, 3, 4, 6];

const PLAIN: Planner = {
  name: 'ExperimentPlanner',
  plansName: 'nnUNetPlans',
  networkClass: 'PlainConvUNet',
  referenceGb: 8,
  reference3d: 560_000_000,
  reference2d: 85_000_000,
  minBatchSize: 2,
  maxDatasetCovered: 0.05,
  baseFeatures: 32,
  maxFeatures: { 2: 512, 3: 320 },
  blocksPerStage: (stages) => new Array(stages).fill(2),
  decoderConvsPerStage: 2,
  patchFitsBatch: 2,
  sharesDataWith: [],
  resampling: SPLINES,
};

const RESIDUAL: Planner = {
  ...PLAIN,
  name: 'ResEncUNetPlanner',
  plansName: 'nnUNetResEncUNetPlans',
  networkClass: 'ResidualEncoderUNet',
  reference3d: 680_000_000,
  reference2d: 135_000_000,
  blocksPerStage: (stages) =>
    Array.from({ length: stages }, (_, i) => RESIDUAL_BLOCKS[Math.min(i, RESIDUAL_BLOCKS.length - 1)]),
  decoderConvsPerStage: 1,
  patchFitsBatch: 'reference',
  sharesDataWith: ['2d', '3d_fullres'],
};

const RESIDUAL_M: Planner = {
  ...RESIDUAL,
  name: 'nnUNetPlannerResEncM',
  plansName: 'nnUNetResEncUNetMPlans',
  maxDatasetCovered: 1,
};

const RESIDUAL_L: Planner = {
  ...RESIDUAL_M,
  name: 'nnUNetPlannerResEncL',
  plansName: 'nnUNetResEncUNetLPlans',
  referenceGb: 24,
  reference3d: 2_100_000_000,
  reference2d: 380_000_000,
};

const RESIDUAL_XL: Planner = {
  ...RESIDUAL_M,
  name: 'nnUNetPlannerResEncXL',
  plansName: 'nnUNetResEncUNetXLPlans',
  referenceGb: 40,
  reference3d: 3_600_000_000,
  reference2d: 560_000_000,
};

function withResampling(
  planner: Planner,
  name: string,
  plansName: string,
  resampling: ResamplingPreset,
): Planner {
  return { ...planner, name, plansName, resampling, sharesDataWith: [] };
}

/** Every planner that `-pl` knows. */
export const PLANNERS: readonly Planner[] = [
  PLAIN,
  RESIDUAL,
  RESIDUAL_M,
  RESIDUAL_L,
  RESIDUAL_XL,
  withResampling(PLAIN, 'nnUNetPlanner_torchres', 'nnUNetPlans_torchres', TORCH),
  withResampling(RESIDUAL_L, 'nnUNetPlannerResEncL_torchres', 'nnUNetResEncUNetLPlans_torchres', TORCH),
  withResampling(
    RESIDUAL_L,
    'nnUNetPlannerResEncL_torchres_sepz',
    'nnUNetResEncUNetLPlans_torchres_sepz',
    TORCH_SEPARATE_Z,
  ),
  withResampling(
    RESIDUAL_L,
    'nnUNetPlannerResEncL_noResampling',
    'nnUNetResEncUNetLPlans_noResampling',
    NO_RESAMPLING,
  ),
];

/** The planner of this name. Throws `UnknownPlanner` with the names there are. */
export function plannerNamed(name: string): Planner {
  const planner = PLANNERS.find((candidate) => candidate.name === name);
  if (planner) return planner;
  throw new StudioError(
    'UnknownPlanner',
    `There is no experiment planner ${name}.`,
    `Choose one of: ${PLANNERS.map((candidate) => candidate.name).join(', ')}.`,
  );
}
