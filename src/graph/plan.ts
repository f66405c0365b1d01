// From graph to steps: order, fusions, lifetimes, memory. Pure: it allocates nothing, and knows every byte.

import { findFusions } from './fusion';
import { lowerNode, lowerNormGroup } from './lowering';
import { type Plan, PlanBuilder, type PlanDevice, type PlanOptions } from './planBuilder';
import { type Graph, topologicalOrder } from './value';

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
