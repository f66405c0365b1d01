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
  /** Set where the network is not nnU-Net's: the plans say everything but its architecture. */
  readonly foreignNetwork?: ForeignNetwork;
}

/** A network somebody else built, in an ONNX file that is kept in place of weights (`foreignNetwork.ts`). */
export interface ForeignNetwork {
  /** `graph`: our own kernels on the GPU. `onnxruntime`: onnxruntime on the processor, for the reason given. */
  readonly engine: 'graph' | 'onnxruntime';
  /** Why our own kernels cannot, in words: the operator they do not know. */
  readonly reason?: string;
  /** Where the file's input and output have their channels: `[n, c, …]` or `[n, …, c]`. */
  readonly channelsAre: 'first' | 'last';
  /** What the file's output has had applied; logits are had back from it. */
  readonly activation: 'none' | 'softmax' | 'sigmoid';
  /** Whether images are cropped to the non-zero region, as nnU-Net's are. */
  readonly cropsToNonzero: boolean;
}

/** `0`…`4` or `all`, with the mean foreground Dice of its validation where the folder has it. */
export interface ModelFold {
  readonly fold: string;
  readonly checkpointName: string;
  readonly validationDice?: number;
  /** Cases that it is the mean of. */
  readonly validationCases?: number;
}

/** A parameter, f32, row-major: conv `[out, in, k…]`, transposed conv `[in, out, k…]`. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Parameters by their plain nnU-Net names (no `module.`, `_orig_mod.`, no aliases). */
export type StateDict = ReadonlyMap<string, WeightTensor>;

/** Whether images are taken at their own voxel size: `spacing` says nothing then. */
export function takesAnySpacing({ resamplingData }: Pick<Configuration, 'resamplingData'>): boolean {
  return resamplingData.functionName === 'no_resampling_hack';
}
