// A batch that goes through the network in equal parts, whose gradients are added up.

import { type Graph, topologicalOrder, type Value } from './value';

/** How a batch is cut. */
export interface MicroBatches {
  readonly count: number;
  /** Of each. */
  readonly samples: number;
}

/** Throws where `samples` do not divide the batch of the graph's inputs. */
export function cutBatch({ inputs }: Graph, samples: number | undefined): MicroBatches {
  const [batch] = inputs[0].shape;
  if (samples === undefined) return { count: 1, samples: batch };
  const count = batch / samples;
  if (!Number.isInteger(samples) || samples < 1 || !Number.isInteger(count)) {
    throw new Error(`micro-batches of ${samples} do not divide a batch of ${batch} samples`);
  }
  return { count, samples };
}

/** The same network for another number of samples; parameters stay the same values. */
export function withBatch(graph: Graph, batch: number): Graph {
  const changed = new Map<Value, Value>();
  const change = <Node extends Value>(value: Node): Node => {
    if (value.op === 'parameter') return value;
    // What a value becomes has its op.
    const known = changed.get(value) as Node | undefined;
    if (known) return known;
    const result = { ...value, inputs: value.inputs.map(change), shape: [batch, ...value.shape.slice(1)] };
    changed.set(value, result);
    return result;
  };
  return { ...graph, inputs: graph.inputs.map(change), outputs: graph.outputs.map(change) };
}

/** Of a training, what decides whether its batches can be cut. */
interface Cuttable {
  readonly graph: Graph;
  readonly ofInputs?: boolean;
}

/** Why micro-batches would not give what the whole batch does, or `undefined` where they would. */
export function whyWholeBatch({ graph, ofInputs }: Cuttable): string | undefined {
  const hasBatchNorm = topologicalOrder(graph.outputs).some(({ op }) => op === 'batchNorm');
  if (hasBatchNorm) return 'batch norm takes its statistics from the whole batch';
  return ofInputs ? 'the gradient of the input is of the whole batch' : undefined;
}

/** Samples that may go through the network at once, the whole batch first, then ever fewer. */
export function microBatchSizes(setup: Cuttable): readonly number[] {
  const [batch] = setup.graph.inputs[0].shape;
  if (whyWholeBatch(setup) !== undefined) return [batch];
  const upToBatch = Array.from({ length: batch }, (_, i) => batch - i);
  return upToBatch.filter((samples) => batch % samples === 0);
}
