// The network as training runs it: each norm with its activation is one `normApply` on kept statistics, batch norm takes
// the batch's and renews the running ones, and dropout drops.

import { elementCount } from '@/shared/geometry';
import { findFusions, type NormGroup } from './fusion';
import { batchMoments, batchNormInputs, batchNormStatistics, batchNormUpdate } from './ops/batchNorm';
import { dropoutApply } from './ops/dropout';
import { stepControl } from './ops/leaves';
import { normApply, normStatistics } from './ops/norm';
import { featureMapOf, type Graph, topologicalOrder, type Value } from './value';

export interface TrainingGraphOptions {
  /** Of dropout's masks: a whole number, of which the lower 32 bits count. */
  readonly dropoutSeed?: number;
}

/** The same function of the same inputs and parameters; batch norm and dropout as a training step has them. */
export function trainingGraph(graph: Graph, { dropoutSeed = 0 }: TrainingGraphOptions = {}): Graph {
  const order = topologicalOrder(graph.outputs);
  const { norms } = findFusions(order, graph.outputs);
  const rewritten = new Map<Value, Value>();
  const updates: Value<'batchNormUpdate'>[] = [];
  const control = stepControl();
  let dropouts = 0;

  const rewrite = (value: Value): Value => {
    const known = rewritten.get(value);
    if (known) return known;
    const result = rewriteNode(value);
    rewritten.set(value, result);
    return result;
  };
  const rewriteNode = (value: Value): Value => {
    const group = norms.get(value);
    if (group) return rewriteNorm(group);
    const inputs = value.inputs.map(rewrite);
    if (value.op !== 'dropout') return withInputs(value, inputs);
    return dropoutApply(inputs[0], control, { ...value.attributes, seed: dropoutSeed, layer: dropouts++ });
  };
  const rewriteNorm = ({ norm, residual, negativeSlope }: NormGroup): Value => {
    const { x, statistics, affine } = norm.op === 'batchNorm' ? ofBatch(norm) : ofInstances(norm);
    return normApply({ x, statistics, affine, residual: residual && rewrite(residual), negativeSlope });
  };
  const ofInstances = ({ attributes, inputs }: Value<'instanceNorm'>) => {
    const [x, weight, bias] = inputs.map(rewrite);
    return { x, statistics: normStatistics(x, attributes.eps), affine: weight && { weight, bias } };
  };
  const ofBatch = (norm: Value<'batchNorm'>) => {
    const { running, affine, x: input } = batchNormInputs(norm);
    const x = rewrite(input);
    const { batch, size } = featureMapOf(x, norm.op);
    const state = { moments: batchMoments(x), running, control };
    updates.push(batchNormUpdate(state, norm.attributes.momentum, batch * elementCount(size)));
    return { x, statistics: batchNormStatistics(state, batch, norm.attributes.eps), affine };
  };
  return { ...graph, outputs: graph.outputs.map(rewrite), updates };
}

function withInputs(value: Value, inputs: readonly Value[]): Value {
  const isSame = inputs.every((input, i) => input === value.inputs[i]);
  return isSame ? value : { ...value, inputs };
}
