// Reverse mode: from a graph and the gradients of its outputs to the gradients of its parameters, as more nodes of the
// same kind. What is cheap to compute again is not kept for it: a norm's output is recomputed from the norm's input.

import { add } from './ops/add';
import {
  avgPoolGradient,
  channelSum,
  conv3dInputGradient,
  conv3dWeightGradient,
  convTranspose3dInputGradient,
  convTranspose3dWeightGradient,
  leakyReluGradient,
} from './ops/gradients';
import { normAffineGradient, normGradientSums, normInputGradient, normInputs } from './ops/norm';
import { type Graph, type OpName, topologicalOrder, type Value } from './value';

/** What {@link differentiate} found. */
export interface Gradients {
  /** By parameter, and by input where asked for. Parameters that no output depends on are not there. */
  readonly of: ReadonlyMap<Value, Value>;
  /** Every node of both directions in an order that frees early: gradients of weights as soon as they can be had. */
  readonly schedule: readonly Value[];
}

export interface DifferentiateOptions {
  /** Also the gradients of the graph's inputs. */
  readonly ofInputs?: boolean;
}

/**
 * `graph` as {@link trainingGraph} makes it; `seeds`: the gradient of the loss with respect to each output, none
 * where it is zero. Throws for ops that have no gradient rule.
 */
export function differentiate(
  graph: Graph,
  seeds: readonly (Value | undefined)[],
  { ofInputs = false }: DifferentiateOptions = {},
): Gradients {
  const forward = topologicalOrder(graph.outputs);
  const tape = new Tape(activeValues(forward, ofInputs), forward);
  for (const [i, output] of graph.outputs.entries()) {
    const seed = seeds[i];
    if (seed) tape.contribute(output, tape.include(seed));
  }
  for (const value of forward.toReversed()) {
    const gradient = tape.gradientOf(value);
    if (!gradient || value.op === 'parameter' || value.op === 'input') continue;
    const rule = RULES[value.op];
    if (!rule) throw new Error(`differentiate: ${value.op} has no gradient rule`);
    // The key and the node's op are the same, which the compiler cannot see.
    (rule as GradientRule<OpName>)(value, gradient, tape);
  }
  const leaves = [...graph.parameters, ...(ofInputs ? graph.inputs : [])];
  const of = leaves.flatMap((leaf) => {
    const gradient = tape.gradientOf(leaf);
    return gradient ? [[leaf, gradient] as const] : [];
  });
  return { of: new Map(of), schedule: tape.schedule };
}

/** Values that a gradient is wanted of, or that lead to one. */
function activeValues(order: readonly Value[], ofInputs: boolean): ReadonlySet<Value> {
  const active = new Set<Value>();
  for (const value of order) {
    const isLeaf = value.op === 'parameter' || (ofInputs && value.op === 'input');
    if (isLeaf || value.inputs.some((input) => active.has(input))) active.add(value);
  }
  return active;
}

/** Collects gradients while the graph is walked backwards. */
class Tape {
  /** See {@link Gradients.schedule}. */
  readonly schedule: Value[];
  private readonly active: ReadonlySet<Value>;
  private readonly contributions = new Map<Value, Value[]>();
  private readonly totals = new Map<Value, Value>();

  constructor(active: ReadonlySet<Value>, forward: readonly Value[]) {
    this.active = active;
    this.schedule = [...forward];
  }

  /** Whether anybody wants the gradient of `value`. */
  wants(value: Value | undefined): value is Value {
    return value !== undefined && this.active.has(value);
  }

  /** Puts a node, and what it depends on, next in the schedule where it is not in it yet. */
  include(node: Value): Value {
    for (const value of topologicalOrder([node])) {
      if (!this.schedule.includes(value)) this.schedule.push(value);
    }
    return node;
  }

  /** Puts a new node next in the schedule. */
  emit<Node extends Value>(node: Node): Node {
    this.schedule.push(node);
    return node;
  }

  /** Notes that `gradient` is part of the gradient of `value`. */
  contribute(value: Value, gradient: Value): void {
    const list = this.contributions.get(value) ?? [];
    list.push(gradient);
    this.contributions.set(value, list);
  }

  /** The sum of what was contributed. Call it once all users of `value` were visited. */
  gradientOf(value: Value): Value | undefined {
    const known = this.totals.get(value);
    if (known) return known;
    const [first, ...others] = this.contributions.get(value) ?? [];
    if (!first) return undefined;
    const total = others.reduce((sum, next) => this.emit(add(sum, next)), first);
    this.totals.set(value, total);
    return total;
  }

  /** `value` computed again where that costs one pass over what is kept anyway; else itself. */
  recomputed(value: Value): Value {
    const isCheap = value.op === 'normApply' && !value.attributes.hasResidual;
    return isCheap ? this.emit({ ...value }) : value;
  }
}

/** Contributes the gradients of a node's inputs. */
type GradientRule<Op extends OpName> = (value: Value<Op>, gradient: Value, tape: Tape) => void;

const RULES: { readonly [Op in OpName]?: GradientRule<Op> } = {
  conv3d: ({ attributes, inputs }, gradient, tape) => {
    const [x, weight, bias] = inputs;
    const { stride } = attributes;
    const sources = concatenated(x);
    if (tape.wants(bias)) tape.contribute(bias, tape.emit(channelSum(gradient)));
    if (tape.wants(weight)) {
      const read = sources.map((source) => tape.recomputed(source));
      tape.contribute(weight, tape.emit(conv3dWeightGradient(read, gradient, stride, weight.shape)));
    }
    let start = 0;
    for (const source of sources) {
      if (tape.wants(source)) {
        const part = conv3dInputGradient(gradient, weight, stride, start, source.shape);
        tape.contribute(source, tape.emit(part));
      }
      start += source.shape[1];
    }
  },

  convTranspose3d: ({ inputs: [x, weight, bias] }, gradient, tape) => {
    if (tape.wants(bias)) tape.contribute(bias, tape.emit(channelSum(gradient)));
    if (tape.wants(weight)) {
      const read = tape.recomputed(x);
      tape.contribute(weight, tape.emit(convTranspose3dWeightGradient(read, gradient, weight.shape)));
    }
    if (tape.wants(x)) tape.contribute(x, tape.emit(convTranspose3dInputGradient(gradient, weight)));
  },

  normApply: (value, gradient, tape) => {
    const { negativeSlope } = value.attributes;
    const { x, statistics, affine, other: residual } = normInputs(value);
    const output = residual && value;
    const operands = { x, statistics, affine, negativeSlope, output, gradient };
    const sums = tape.emit(normGradientSums(operands));
    if (tape.wants(affine?.weight))
      tape.contribute(affine.weight, tape.emit(normAffineGradient(sums, 'weight')));
    if (tape.wants(affine?.bias)) tape.contribute(affine.bias, tape.emit(normAffineGradient(sums, 'bias')));
    if (tape.wants(x)) tape.contribute(x, tape.emit(normInputGradient(operands, sums)));
    if (tape.wants(residual)) {
      const before = leakyReluGradient(value, gradient, negativeSlope);
      tape.contribute(residual, negativeSlope === 1 ? gradient : tape.emit(before));
    }
  },

  leakyRelu: (value, gradient, tape) => {
    const [x] = value.inputs;
    tape.contribute(x, tape.emit(leakyReluGradient(value, gradient, value.attributes.negativeSlope)));
  },

  add: ({ inputs }, gradient, tape) => {
    for (const input of inputs) if (tape.wants(input)) tape.contribute(input, gradient);
  },

  avgPool: ({ attributes, inputs: [x] }, gradient, tape) => {
    if (tape.wants(x)) tape.contribute(x, tape.emit(avgPoolGradient(gradient, attributes.stride, x.shape)));
  },

  // Convolutions give their gradients to what was concatenated, so that the concatenation itself gets none.
  concatChannels: () => {
    throw new Error('differentiate: a concatenation that something else than a convolution reads');
  },
};

/** The values that `x` is a concatenation of, or itself. */
function concatenated(x: Value): readonly Value[] {
  return x.op === 'concatChannels' ? x.inputs.flatMap(concatenated) : [x];
}
