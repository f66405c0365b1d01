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
}
