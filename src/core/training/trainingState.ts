import type { StateTensors } from '@/graph/parameters';
import type { OptimiserState } from '@/graph/trainingProgram';
import type { Graph } from '@/graph/value';
import { initialise } from '@/nn/initialise';
import { EMPTY_LOG, type TrainingLog } from './trainingLog';

/** All that a training goes on from, to the bit. */
export interface TrainingState {
  /** Of the whole network, heads that are not trained among them; shapes as the graph has them. */
  readonly weights: StateTensors;
  /** `undefined` before the first step. */
  readonly optimiser: OptimiserState | undefined;
  readonly log: TrainingLog;
  /** Best running mean of the pseudo Dice so far. */
  readonly bestEma: number | undefined;
  /** Epochs done. */
  readonly epoch: number;
  /** The epoch under way. */
  readonly partial: PartialEpoch;
  /** Samples that go through the network at once, which roundings depend on; `undefined` before it is tried. */
  readonly microBatch: number | undefined;
}

/** What an epoch has done when it is interrupted. Its validation begins anew. */
export interface PartialEpoch {
  /** Training iterations done. */
  readonly iterations: number;
  /** Losses read of them. */
  readonly losses: readonly number[];
  /** Time worked on it. */
  readonly seconds: number;
}

export const NO_PARTIAL_EPOCH: PartialEpoch = { iterations: 0, losses: [], seconds: 0 };

/** Before the first step. The network's initialisation follows from the seed. */
export function freshState(graph: Graph, seed: number): TrainingState {
  return {
    weights: initialise(graph.parameters, seed),
    optimiser: undefined,
    log: EMPTY_LOG,
    bestEma: undefined,
    epoch: 0,
    partial: NO_PARTIAL_EPOCH,
    microBatch: undefined,
  };
}
