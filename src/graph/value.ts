// Symbolic values. Network code calls ops on values; nothing is computed while it does. What it leaves behind, nodes
// pointing at their inputs, is the graph that is interpreted (f64) or planned and run (WebGPU).

import type { DropoutMask, DropoutOptions } from '@/kernels/dropout.reference';
import type { LossOptions } from '@/kernels/losses/lossOptions';
import type { Zyx } from '@/shared/geometry';

/** How a parameter starts (`nn/initialise` draws the numbers). */
export type Initialisation = 'kaimingNormal' | 'zeros' | 'ones';

/** Attributes of the ops that networks are traced in. */
interface NetworkOpAttributes {
  readonly input: { readonly name: string };
  readonly parameter: {
    readonly name: string;
    readonly initialisation: Initialisation;
    /** No gradient reaches it, as those that torch registers as buffers. */
    readonly isBuffer?: true;
  };
  readonly conv3d: { readonly kernelSize: Zyx; readonly stride: Zyx };
  readonly convTranspose3d: { readonly stride: Zyx };
  readonly instanceNorm: { readonly eps: number };
  /** By running statistics; training takes the batch's instead and renews the running ones. */
  readonly batchNorm: { readonly eps: number; readonly momentum: number };
  /** The identity; not so in training. */
  readonly dropout: DropoutOptions;
  readonly leakyRelu: { readonly negativeSlope: number };
  readonly add: Readonly<Record<string, never>>;
  readonly concatChannels: Readonly<Record<string, never>>;
  readonly avgPool: { readonly stride: Zyx };
}

/** Attributes of what only training needs: norms in two steps, so that outputs can be computed again, and gradients. */
export interface TrainingOpAttributes {
  readonly normStatistics: { readonly eps: number };
  readonly batchMoments: Readonly<Record<string, never>>;
  readonly batchNormStatistics: { readonly eps: number };
  readonly batchNormGradientMeans: Readonly<Record<string, never>>;
  readonly batchNormUpdate: {
    readonly momentum: number;
    /** Values that a channel's moments are of. */
    readonly count: number;
  };
  readonly dropoutApply: DropoutMask;
  readonly stepControl: Readonly<Record<string, never>>;
  readonly normApply: NormAttributes;
  readonly normGradientSums: NormAttributes;
  readonly normInputGradient: NormAttributes;
  readonly normAffineGradient: { readonly of: 'weight' | 'bias' };
  readonly leakyReluGradient: { readonly negativeSlope: number };
  readonly avgPoolGradient: { readonly stride: Zyx };
  readonly conv3dInputGradient: {
    readonly kernelSize: Zyx;
    readonly stride: Zyx;
    /** Input channels whose gradient this is. */
    readonly channels: { readonly start: number; readonly count: number };
  };
  readonly conv3dWeightGradient: {
    readonly kernelSize: Zyx;
    readonly stride: Zyx;
    /** The weight's input channels that are computed here. */
    readonly channels: { readonly start: number; readonly count: number };
  };
  readonly convTranspose3dInputGradient: { readonly stride: Zyx };
  readonly convTranspose3dWeightGradient: { readonly stride: Zyx };
  readonly channelSum: Readonly<Record<string, never>>;
  readonly zeroGradient: Readonly<Record<string, never>>;
  readonly lossGradient: HeadLoss;
}

/** Which output a loss evaluates, and how. */
export interface HeadLoss {
  readonly options: LossOptions;
  /** Of this head in the sum of all. */
  readonly weight: number;
  /** Under this name the program keeps the loss's sums. */
  readonly name: string;
  /** Parts of the batch that go through the network one by one; 1 if left out. The target is of all. */
  readonly microBatches?: number;
}

/** `leakyRelu(norm(x) [+ residual])`, and which of its optional inputs are there. */
export interface NormAttributes {
  /** 1 without activation. */
  readonly negativeSlope: number;
  readonly hasAffine: boolean;
  readonly hasResidual: boolean;
}

/** The keys are the op names: every table of kernels, references or exports is keyed by them. */
interface OpAttributes extends NetworkOpAttributes, TrainingOpAttributes {}

export type NetworkOp = keyof NetworkOpAttributes;
export type OpName = keyof OpAttributes;

/** A node and the tensor it stands for. Feature maps are `[n, c, z, y, x]`; parameters have their own rank. */
export type Value<Op extends OpName = OpName> = {
  readonly [Name in Op]: {
    readonly op: Name;
    readonly attributes: OpAttributes[Name];
    readonly inputs: readonly Value[];
    readonly shape: readonly number[];
  };
}[Op];

/** A traced network: what goes in, what it learns or keeps, what comes out. */
export interface Graph {
  readonly inputs: readonly Value<'input'>[];
  /**
   * In the state_dict's order, which is the optimiser's with buffers among them. May hold parameters no output depends
   * on (heads without deep supervision).
   */
  readonly parameters: readonly Value<'parameter'>[];
  readonly outputs: readonly Value[];
  /** What a training step renews besides what is learned. */
  readonly updates?: readonly Value<'batchNormUpdate'>[];
}

/** Every value the outputs depend on, each after its inputs. */
export function topologicalOrder(outputs: readonly Value[]): Value[] {
  const order: Value[] = [];
  const seen = new Set<Value>();
  const visit = (value: Value): void => {
    if (seen.has(value)) return;
    seen.add(value);
    for (const input of value.inputs) visit(input);
    order.push(value);
  };
  for (const output of outputs) visit(output);
  return order;
}

/** Batch, channels and size of a feature map. Throws where `value` is not one. */
export function featureMapOf(
  value: Value,
  op: string,
): { readonly batch: number; readonly channels: number; readonly size: Zyx } {
  const [batch, channels, z, y, x] = value.shape;
  if (value.shape.length !== 5) {
    throw new Error(`${op}: x must be [n, c, z, y, x], but has shape [${value.shape.join(', ')}]`);
  }
  return { batch, channels, size: [z, y, x] };
}

/** Throws unless `value` is a vector of `length` entries. */
export function expectVector(value: Value, length: number, op: string, role: string): void {
  if (value.shape.length !== 1 || value.shape[0] !== length) {
    throw new Error(`${op}: ${role} must be [${length}], but has shape [${value.shape.join(', ')}]`);
  }
}

/** Throws unless the shapes are the same. */
export function expectSameShape(a: readonly number[], b: readonly number[], op: string): void {
  if (a.length !== b.length || a.some((size, axis) => size !== b[axis])) {
    throw new Error(`${op}: shapes differ, [${a.join(', ')}] and [${b.join(', ')}]`);
  }
}
