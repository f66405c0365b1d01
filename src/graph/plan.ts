// From graph to steps: order, fusions, lifetimes, memory. Pure: it allocates nothing, and knows every byte.

import type { Gradients } from './differentiate';
import { findFusions } from './fusion';
import { lowerNode, lowerNormGroup } from './lowering';
import { type Plan, PlanBuilder, type PlanDevice, type PlanOptions } from './planBuilder';
import { type Graph, topologicalOrder, type Value } from './value';

/** Plans one forward run of the graph's outputs on a device like this. */
export function planGraph(graph: Graph, device: PlanDevice, options: PlanOptions = {}): Plan {
  const builder = new PlanBuilder(device, options);
  const order = topologicalOrder(graph.outputs);
  const fusions = findFusions(order, graph.outputs);
  builder.countUses(order, graph.outputs);
  for (const value of order) {
    const group = fusions.norms.get(value);
    if (group) lowerNormGroup(value, group, builder);
    else if (!fusions.absorbed.has(value)) lowerNode(value, builder);
  }
  return builder.finish(graph);
}

/** A network that learns: its graph as {@link trainingGraph} makes it, and the gradients found in it. */
export interface LearningGraph {
  readonly graph: Graph;
  /** What is fed besides the graph's inputs: targets, or gradients of outputs. */
  readonly fed: readonly Value<'input'>[];
  readonly gradients: Gradients;
}

/**
 * Plans forward and backward together. Parameters are kept as they are, in optimiser order, and each gradient lies in
 * buffers of its own where its parameter lies in its; a parameter without one lies apart, for no optimiser to change. Outputs: the graph's, then gradients of inputs that were found.
 */
export function planTraining(
  { graph, fed, gradients }: LearningGraph,
  device: PlanDevice,
  options: PlanOptions = {},
): Plan {
  const builder = new PlanBuilder(device, { ...options, areWeightsLearned: true });
  const used = new Set(topologicalOrder([...graph.outputs, ...(graph.updates ?? [])]));
  const learned = graph.parameters.filter((parameter) => gradients.of.has(parameter));
  const frozen = graph.parameters.filter((parameter) => used.has(parameter) && !gradients.of.has(parameter));
  for (const parameter of learned) builder.rawParameter(parameter);
  for (const parameter of frozen) builder.frozenParameter(parameter);
  for (const [leaf, gradient] of gradients.of) {
    if (leaf.op === 'parameter') builder.keepGradient(firstPart(gradient), leaf);
  }
  const inputGradients = graph.inputs.flatMap((value) => gradients.of.get(value) ?? []);
  const outputs = [...graph.outputs, ...inputGradients];
  const { absorbed } = findFusions(gradients.schedule, outputs);
  builder.countUses(gradients.schedule, [...outputs, ...gradients.of.values()]);
  for (const [i, value] of gradients.schedule.entries()) {
    if (i === gradients.forwardCount) builder.endForward();
    if (!absorbed.has(value)) lowerNode(value, builder);
    builder.release(value);
  }
  return builder.finish({ ...graph, inputs: [...graph.inputs, ...fed], outputs });
}

/** Where a gradient is computed part by part, what the other parts are written into. */
function firstPart(gradient: Value): Value {
  const before = gradient.op === 'conv3dWeightGradient' ? gradient.inputs[2] : undefined;
  return before ? firstPart(before) : gradient;
}
