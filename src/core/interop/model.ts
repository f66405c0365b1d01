import type { Configuration, Plans } from '@/core/planning/plans';
import type { LabelSet } from './labels';

/** A trained nnU-Net model without its weights: what a results folder says about it. */
export interface NnunetModel {
  readonly plans: Plans;
  readonly configuration: Configuration;
  readonly labels: LabelSet;
  readonly channelNames: readonly string[];
  readonly fileEnding: string;
  readonly datasetName: string;
  readonly trainerName: string;
  readonly folds: readonly ModelFold[];
  /** From the first fold's checkpoint; `[]` = no test-time mirroring. */
  readonly mirrorAxes: readonly number[];
}

/** `0`…`4` or `all`, with the mean foreground Dice of its validation where the folder has it. */
export interface ModelFold {
  readonly fold: string;
  readonly checkpointName: string;
  readonly validationDice?: number;
}

/** A parameter, f32, row-major: conv `[out, in, k…]`, transposed conv `[in, out, k…]`. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Parameters by their plain nnU-Net names (no `module.`, `_orig_mod.`, no aliases). */
export type StateDict = ReadonlyMap<string, WeightTensor>;
