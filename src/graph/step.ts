// What a plan is made of.

import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { OpName } from './value';

/** Index into the plan's tensors. */
export type TensorId = number;
/** Index into the plan's parameters. */
export type ParameterId = number;

/** A tensor as a kernel wants to read it, made from one of the state_dict. */
export interface StoredParameter {
  /** The state_dict's name and shape of the source, and how it is laid out; or, without a source, what is stored. */
  readonly source:
    | {
        readonly name: string;
        readonly shape: readonly number[];
        readonly pack: (data: Float32Array) => Float32Array;
        /** Nothing learns it. */
        readonly isFrozen?: boolean;
      }
    | { readonly constant: number };
  /** Elements, f32. */
  readonly size: number;
}

/** Something a step reads, wherever it is kept. */
export type Operand = { readonly tensor: TensorId } | { readonly parameter: ParameterId };

/** The arrays a step's kernels run on. */
export interface StepArrays {
  tensor(id: TensorId): GpuArray;
  parameter(id: ParameterId): GpuArray;
  /** The optimiser's: of its numbers a step reads the loss scale, the first, how many steps there were, and the mode. */
  control(): GpuArray;
  /** Which part of the batch the run is of; 0 where there is one. */
  readonly microBatch: number;
}

/** One kernel launch, or a few. */
export interface Step {
  readonly op: OpName;
  /** All tensors it binds. */
  readonly tensors: readonly TensorId[];
  readonly parameters: readonly ParameterId[];
  readonly flops: number;
  /** What it launches depends on the micro-batch. */
  readonly isPerMicroBatch: boolean;
  launch(arrays: StepArrays): Dispatch[];
  /** What of it, after the forward pass, says how good the outputs are. */
  evaluate?(arrays: StepArrays): Dispatch[];
  /** What follows once all micro-batches are evaluated, and goes before `launch` then. */
  conclude?(arrays: StepArrays): Dispatch[];
}

/** A step as an op describes it. */
export type StepDraft = Omit<Step, 'op' | 'parameters' | 'flops' | 'isPerMicroBatch'> &
  Partial<Pick<Step, 'parameters' | 'flops' | 'isPerMicroBatch'>>;
