// The network as training runs it: each norm with its activation is one `normApply` on kept statistics.

import { findFusions, type NormGroup } from './fusion';
import { normApply, normStatistics } from './ops/norm';
import { type Graph, topologicalOrder, type Value } from './value';

/** The same function of the same inputs and parameters. */
export function trainingGraph(graph: Graph): Graph {
  const order = topologicalOrder(graph.outputs);
  const { norms } = findFusions(order, graph.outputs);
  const rewritten = new Map<Value, Value>();
  const rewrite = (value: Value): Value => {
    const known = rewritten.get(value);
    if (known) return known;
    const group = norms.get(value);
    const result = group ? rewriteNorm(group, rewrite) : withInputs(value, value.inputs.map(rewrite));
    rewritten.set(value, result);
    return result;
  };
  return { ...graph, outputs: graph.outputs.map(rewrite) };
}

function rewriteNorm({ norm, residual, negativeSlope }: NormGroup, rewrite: (value: Value) => Value): Value {
  const [x, weight, bias] = norm.inputs.map(rewrite);
  return normApply({
    x,
    statistics: normStatistics(x, norm.attributes.eps),
    affine: weight && { weight, bias },
    residual: residual && rewrite(residual),
    negativeSlope,
  });
}

function withInputs(value: Value, inputs: readonly Value[]): Value {
  const isSame = inputs.every((input, i) => input === value.inputs[i]);
  return isSame ? value : { ...value, inputs };
}
