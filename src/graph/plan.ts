// From graph to steps: order, fusions, lifetimes, memory. Pure: it allocates nothing, and knows every byte.

import { copyForward } from '@/kernels/elementwise';
import { elementCount } from '@/shared/geometry';
import type { Gradients } from './differentiate';
import { findFusions } from './fusion';
import { lowerNode, lowerNormGroup } from './lowering';
import { OP_TRAITS } from './opTraits';
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
  /** Parts of the batch that runs follow one another for: the graph is of one, and inputs are fed for all. 1 if left out. */
  readonly microBatches?: number;
}

/**
 * Plans forward and backward together. Parameters are kept as they are, in optimiser order, and each gradient lies in
 * buffers of its own where its parameter lies in its; a parameter without one lies apart, for no optimiser to change. Outputs: the graph's, then gradients of inputs that were found.
 */
export function planTraining(
  { graph, fed, gradients, microBatches = 1 }: LearningGraph,
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
    if (leaf.op !== 'parameter') continue;
    if (microBatches > 1 && !OP_TRAITS[gradient.op].accumulates) {
      throw new Error(`planTraining: ${gradient.op} does not add to the gradients of other micro-batches`);
    }
    builder.keepGradient(firstPart(gradient), leaf);
  }
  const inputGradients = graph.inputs.flatMap((value) => gradients.of.get(value) ?? []);
  const outputs = [...graph.outputs, ...inputGradients];
  const { absorbed } = findFusions(gradients.schedule, outputs);
  builder.countUses(gradients.schedule, [...outputs, ...gradients.of.values()]);
  if (microBatches > 1) for (const value of graph.inputs) feedInParts(value, microBatches, builder);
  for (const [i, value] of gradients.schedule.entries()) {
    if (i === gradients.forwardCount) builder.endForward();
    if (!absorbed.has(value)) lowerNode(value, builder);
    builder.release(value);
  }
  return builder.finish({ ...graph, inputs: [...graph.inputs, ...fed], outputs });
}

/** The input is fed for all micro-batches, and a run begins with a copy of its own part. */
function feedInParts(value: Value<'input'>, parts: number, builder: PlanBuilder): void {
  const size = elementCount(value.shape);
  const whole = builder.addTensor('whole batch', parts * size);
  builder.feedAs(value, whole);
  const part = builder.addValue(value);
  builder.addStep(value.op, {
    tensors: [whole, part],
    isPerMicroBatch: true,
    launch: ({ tensor, microBatch }) =>
      copyForward(tensor(whole), microBatch * size, tensor(part), 0, size, builder.device.limits),
  });
}

/** Where a gradient is computed part by part, what the other parts are written into. */
function firstPart(gradient: Value): Value {
  const before = gradient.op === 'conv3dWeightGradient' ? gradient.inputs[2] : undefined;
  return before ? firstPart(before) : gradient;
}
