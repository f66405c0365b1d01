import type { DropoutOptions } from '@/kernels/dropout.reference';

/** Topology of the network. Sizes have 2 entries for 2d and 3 for 3d, as in the plans. */
export interface Architecture {
  readonly networkClass: 'PlainConvUNet' | 'ResidualEncoderUNet';
  readonly nStages: number;
  readonly featuresPerStage: readonly number[];
  readonly kernelSizes: readonly (readonly number[])[];
  readonly strides: readonly (readonly number[])[];
  /** `n_conv_per_stage` (plain) or `n_blocks_per_stage` (residual). */
  readonly nConvPerStage: readonly number[];
  readonly nConvPerStageDecoder: readonly number[];
  readonly convBias: boolean;
  readonly normEps: number;
  readonly normAffine: boolean;
  readonly negativeSlope: number;
  /** Batch norm where it is there, instance norm elsewhere. `momentum`: share of a batch in the running statistics. */
  readonly batchNorm?: { readonly momentum: number };
  /** Behind the convolution of every unit that has an activation of its own. */
  readonly dropout?: DropoutOptions;
}

/** torch's `momentum` of batch norm where none is given. */
export const BATCH_NORM_MOMENTUM = 0.1;

/** The network that nnU-Net's `nnUNetTrainerBN` makes of what the plans say. */
export function withBatchNorm(architecture: Architecture): Architecture {
  const batchNorm = { momentum: BATCH_NORM_MOMENTUM };
  return { ...architecture, normEps: 1e-5, normAffine: true, batchNorm };
}
