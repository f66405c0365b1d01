// What reading and writing of checkpoints share. A training's state is nnU-Net's own checkpoint with one key more: the
// same file is gone on from here, opened by nnU-Net, and used as a model.

import { expectedParameters, isBufferName } from '@/core/interop/stateDict';
import type { Optimiser } from '@/kernels/optimisers/optimiserOptions';
import type { Architecture } from '@/nn/architecture';
import type { Trainer } from './trainers';

/** Key of what nnU-Net's checkpoints do not have. */
export const OWN_KEY = 'nnstudio';

/** What a checkpoint tells of the training beside its state. */
export interface CheckpointContext {
  readonly trainer: Trainer;
  readonly architecture: Architecture;
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly seed: number;
  /** Of the plans' patch size. */
  readonly mirrorAxes: readonly number[];
  /** Whether the loss was scaled. */
  readonly hasLossScaling: boolean;
  /** nnU-Net's `init_args`, as JSON has them. */
  readonly plansDocument: unknown;
  readonly datasetDocument: unknown;
  readonly configurationName: string;
  readonly fold: number | 'all';
}

/** What the names and shapes of a network's parameters follow from. */
export type NetworkShape = Pick<CheckpointContext, 'architecture' | 'inputChannels' | 'outputChannels'>;

/** Every parameter of the network by its plain name, in nnU-Net's order. */
export function parameterShapes(context: NetworkShape): ReadonlyMap<string, readonly number[]> {
  return expectedParameters(context.architecture, context.inputChannels, context.outputChannels);
}

/** Those that an optimiser counts. */
export function learnedOf(
  shapes: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> {
  return new Map([...shapes].filter(([name]) => !isBufferName(name)));
}

/** Names of what an optimiser keeps of each parameter in PyTorch's state, in the order of our own. */
export function stateNames(optimiser: Optimiser): readonly string[] {
  switch (optimiser.kind) {
    case 'sgd':
      return ['momentum_buffer'];
    case 'adam':
    case 'adamW':
      return ['exp_avg', 'exp_avg_sq', ...(optimiser.isAmsgrad ? ['max_exp_avg_sq'] : [])];
    case 'adan':
      return ['m', 'v', 'n', 'prev_grad'];
    default:
      return optimiser satisfies never;
  }
}
