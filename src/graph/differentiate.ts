// Reverse mode: from a graph and the gradients of its outputs to the gradients of its parameters, as more nodes of the
// same kind. What is cheap to compute again is not kept for it: a norm's output is recomputed from the norm's input, what
// was upsampled from the coarser stage, and every other residual block's output from its last norm and the block before.

import { elementCount, type Zyx } from '@/shared/geometry';
import { add } from './ops/add';
import { batchNormGradientMeans } from './ops/batchNorm';
import { dropoutApply } from './ops/dropout';
import {
  avgPoolGradient,
  channelSum,
  conv3dInputGradient,
  conv3dWeightGradient,
  convTranspose3dInputGradient,
  convTranspose3dWeightGradient,
  leakyReluGradient,
  zeroGradient,
} from './ops/gradients';
import { normAffineGradient, normGradientSums, normInputGradient, normInputs } from './ops/norm';
import { type Graph, type OpName, topologicalOrder, type Value } from './value';

/** What {@link differentiate} found. */
export interface Gradients {
  /** By parameter, and by input where asked for. Parameters that no output depends on are not there. */
  readonly of: ReadonlyMap<Value, Value>;
  /**
   * Every node of both directions in an order that frees early: gradients of weights as soon as they can be had, an
   * output's gradient when its turn comes, and the gradient of a skip only when its encoder stage is reached.
   */
  readonly schedule: readonly Value[];
  /** How many of them, the first, are the forward pass. */
  readonly forwardCount: number;
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
  // Heads come finest first. From the last on, each is computed, and its gradient too, right beside its stage.
  const forward = topologicalOrder([...graph.outputs.toReversed(), ...(graph.updates ?? [])]);
  const tape = new Tape(activeValues(forward, ofInputs), forward);
  for (const value of forward.toReversed()) {
    for (const [i, output] of graph.outputs.entries()) {
      const seed = output === value && seeds[i];
      if (seed) tape.contribute(output, tape.include(seed));
    }
    const gradient = tape.gradientOf(value);
    if (!gradient || isLeaf(value)) continue;
    ruleOf(value)(value, gradient, tape);
    if (value.op === 'normApply') tape.forgetCopies();
  }
  const leaves = [...graph.parameters, ...(ofInputs ? graph.inputs : [])];
  const of = leaves.flatMap((leaf) => {
    const gradient = tape.gradientOf(leaf);
    return gradient ? [[leaf, gradient] as const] : [];
  });
  return { of: new Map(of), schedule: tape.schedule, forwardCount: forward.length };
}

/** Values that a gradient is wanted of, or that lead to one. */
function activeValues(order: readonly Value[], ofInputs: boolean): ReadonlySet<Value> {
  const active = new Set<Value>();
  for (const value of order) {
    const isWanted = value.op === 'parameter' || (ofInputs && value.op === 'input');
    if (isWanted || value.inputs.some((input) => active.has(input))) active.add(value);
  }
  return active;
}

/** A gradient's part: the sum of those before it, if there are any, becomes the sum with it. */
type Contribution = (sum: Value | undefined) => Value;

/** Collects gradients while the graph is walked backwards. */
class Tape {
  private readonly active: ReadonlySet<Value>;
  private readonly scheduled: Set<Value>;
  private readonly contributions = new Map<Value, Contribution[]>();
  private readonly totals = new Map<Value, Value>();
  private readonly copies = new Map<Value, Value>();

  constructor(active: ReadonlySet<Value>, forward: readonly Value[]) {
    this.active = active;
    this.scheduled = new Set(forward);
  }

  /** See {@link Gradients.schedule}. */
  get schedule(): Value[] {
    return [...this.scheduled];
  }

  /** Whether anybody wants the gradient of `value`. */
  wants(value: Value | undefined): value is Value {
    return value !== undefined && this.active.has(value);
  }

  /** Puts a node, and what it depends on, next in the schedule where it is not in it yet. */
  include(node: Value): Value {
    for (const value of topologicalOrder([node])) this.scheduled.add(value);
    return node;
  }

  /** Puts a new node next in the schedule. */
  emit<Node extends Value>(node: Node): Node {
    this.scheduled.add(node);
    return node;
  }

  /** Notes that `gradient`, which is in the schedule, is part of the gradient of `value`. */
  contribute(value: Value, gradient: Value): void {
    this.contributeLater(value, (sum) => (sum ? this.emit(add(sum, gradient)) : gradient));
  }

  /**
   * Notes that what `gradientOnto` makes from `source` is part of the gradient of `value`: the smaller of the two waits.
   * Where it waits it is added to the rest as it is computed.
   */
  contributeFrom(source: Value, value: Value, gradientOnto: (sum: Value | undefined) => Value): void {
    const isSourceSmaller = elementCount(source.shape) <= elementCount(value.shape);
    if (isSourceSmaller) this.contributeLater(value, (sum) => this.emit(gradientOnto(sum)));
    else this.contribute(value, this.emit(gradientOnto(undefined)));
  }

  private contributeLater(value: Value, contribution: Contribution): void {
    const list = this.contributions.get(value) ?? [];
    list.push(contribution);
    this.contributions.set(value, list);
  }

  /** The sum of what was contributed. Call it once all users of `value` were visited. */
  gradientOf(value: Value): Value | undefined {
    const known = this.totals.get(value);
    if (known) return known;
    let total: Value | undefined;
    for (const contribution of this.contributions.get(value) ?? []) total = contribution(total);
    if (total) this.totals.set(value, total);
    return total;
  }

  /** `value`, computed again where that is cheap. The copy serves until {@link forgetCopies}. */
  recomputed(value: Value): Value {
    if (!isCheap(value)) return value;
    const known = this.copies.get(value);
    if (known) return known;
    const copy = this.emit({ ...value, inputs: value.inputs.map((input) => this.recomputed(input)) });
    this.copies.set(value, copy);
    return copy;
  }

  /** Lets copies go: what reads them next is far off. */
  forgetCopies(): void {
    this.copies.clear();
  }
}

/** Whether few operations bring `value` back from what is kept. Of residual blocks in a row every other one is kept. */
function isCheap({ op, attributes, inputs }: Value): boolean {
  if (op === 'convTranspose3d') return true;
  if (op !== 'normApply') return false;
  const residual = attributes.hasResidual ? inputs[inputs.length - 1] : undefined;
  const endsBlock = residual?.op === 'normApply' && residual.attributes.hasResidual;
  return !(endsBlock && isCheap(residual));
}

/** Contributes the gradients of a node's inputs. */
type GradientRule<Op extends OpName> = (value: Value<Op>, gradient: Value, tape: Tape) => void;

/** Why an op has no rule. */
interface NoRule {
  readonly reason: string;
}

const LEAF: NoRule = { reason: 'gradients end there' };
const REPLACED: NoRule = { reason: 'trainingGraph puts other ops in its place' };
const BESIDE_APPLY: NoRule = { reason: 'the rule of normApply counts what flows through it' };
const STATE: NoRule = { reason: 'it holds or renews state, of which nothing is learned' };
const BACKWARD: NoRule = { reason: 'it is part of a gradient, and second derivatives are not taken' };

/** The rule of every op, or why it has none. */
const RULES: { readonly [Op in OpName]: GradientRule<Op> | NoRule } = {
  input: LEAF,
  parameter: LEAF,
  instanceNorm: REPLACED,
  batchNorm: REPLACED,
  dropout: REPLACED,
  normStatistics: BESIDE_APPLY,
  batchMoments: BESIDE_APPLY,
  batchNormStatistics: BESIDE_APPLY,
  batchNormUpdate: STATE,
  stepControl: STATE,
  batchNormGradientMeans: BACKWARD,
  normGradientSums: BACKWARD,
  normInputGradient: BACKWARD,
  normAffineGradient: BACKWARD,
  leakyReluGradient: BACKWARD,
  avgPoolGradient: BACKWARD,
  conv3dInputGradient: BACKWARD,
  conv3dWeightGradient: BACKWARD,
  convTranspose3dInputGradient: BACKWARD,
  convTranspose3dWeightGradient: BACKWARD,
  channelSum: BACKWARD,
  zeroGradient: BACKWARD,
  lossGradient: BACKWARD,

  conv3d: ({ attributes, inputs }, gradient, tape) => {
    const [x, weight, bias] = inputs;
    const { stride } = attributes;
    const sources = concatenated(x);
    if (tape.wants(bias)) tape.contribute(bias, tape.emit(biasGradient(gradient)));
    if (tape.wants(weight)) tape.contribute(weight, weightGradient(sources, gradient, stride, weight, tape));
    let start = 0;
    for (const source of sources) {
      if (tape.wants(source)) {
        const window = { stride, start, shape: source.shape };
        tape.contributeFrom(gradient, source, (onto) =>
          conv3dInputGradient(gradient, weight, { ...window, onto }),
        );
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
    if (tape.wants(x)) {
      tape.contributeFrom(gradient, x, (onto) => convTranspose3dInputGradient(gradient, weight, onto));
    }
  },

  normApply: (value, gradient, tape) => {
    const { negativeSlope } = value.attributes;
    const { x, statistics, affine, other: residual } = normInputs(value);
    const output = residual && tape.recomputed(value);
    const operands = { x, statistics, affine, negativeSlope, output, gradient };
    const sums = tape.emit(normGradientSums(operands));
    if (tape.wants(affine?.weight))
      tape.contribute(affine.weight, tape.emit(normAffineGradient(sums, 'weight')));
    if (tape.wants(affine?.bias)) tape.contribute(affine.bias, tape.emit(normAffineGradient(sums, 'bias')));
    if (tape.wants(x)) {
      const isBatchNorm = statistics.op === 'batchNormStatistics';
      const shared = isBatchNorm ? tape.emit(batchNormGradientMeans(sums)) : sums;
      tape.contribute(x, tape.emit(normInputGradient(operands, shared)));
    }
    if (tape.wants(residual)) {
      const before = () => tape.emit(leakyReluGradient(output ?? value, gradient, negativeSlope));
      tape.contribute(residual, negativeSlope === 1 ? gradient : before());
    }
  },

  dropoutApply: (value, gradient, tape) => {
    const [x, control] = value.inputs;
    if (tape.wants(x)) tape.contribute(x, tape.emit(dropoutApply(gradient, control, value.attributes)));
  },

  leakyRelu: (value, gradient, tape) => {
    const [x] = value.inputs;
    tape.contribute(x, tape.emit(leakyReluGradient(value, gradient, value.attributes.negativeSlope)));
  },

  add: ({ inputs }, gradient, tape) => {
    for (const input of inputs) if (tape.wants(input)) tape.contribute(input, gradient);
  },

  avgPool: ({ attributes, inputs: [x] }, gradient, tape) => {
    if (tape.wants(x)) {
      tape.contributeFrom(gradient, x, (sum) => {
        const part = avgPoolGradient(gradient, attributes.stride, x.shape);
        return sum ? add(sum, tape.emit(part)) : part;
      });
    }
  },

  // Convolutions give their gradients to what was concatenated, so that the concatenation itself gets none.
  concatChannels: () => {
    throw new Error('differentiate: a concatenation that something else than a convolution reads');
  },
};

/** Whether gradients end at `value`. */
function isLeaf({ op }: Value): boolean {
  return RULES[op] === LEAF;
}

/** The rule of a node's op. */
function ruleOf({ op }: Value): GradientRule<OpName> {
  const rule: unknown = RULES[op];
  // The key and the node's op are the same, which the compiler cannot see.
  if (typeof rule === 'function') return rule as GradientRule<OpName>;
  const { reason } = rule as NoRule;
  throw new Error(`differentiate: ${op} has no gradient rule: ${reason}`);
}

/** Of a bias before a norm it is 0: the norm takes away what is the same in a whole channel, and so does its gradient. */
function biasGradient(gradient: Value): Value {
  return gradient.op === 'normInputGradient' ? zeroGradient(gradient.shape[1]) : channelSum(gradient);
}

/** Source by source, so that only one of them is computed again at a time. */
function weightGradient(
  sources: readonly Value[],
  gradient: Value,
  stride: Zyx,
  weight: Value,
  tape: Tape,
): Value {
  const { shape } = weight;
  const [first, ...others] = sources;
  let part = tape.emit(conv3dWeightGradient(tape.recomputed(first), gradient, { stride, shape }));
  for (const source of others) {
    part = tape.emit(
      conv3dWeightGradient(tape.recomputed(source), gradient, { stride, shape, before: part }),
    );
  }
  return part;
}

/** The values that `x` is a concatenation of, or itself. */
function concatenated(x: Value): readonly Value[] {
  return x.op === 'concatChannels' ? x.inputs.flatMap(concatenated) : [x];
}
