// Instance norm as training runs it: statistics are a value of their own, so that what follows from them can be computed
// again instead of kept, and the activation and a residual sum belong to the norm.

import { expectSameShape, expectVector, featureMapOf, type NormAttributes, type Value } from '../value';

/** `(mean, 1/√(variance + eps))` of each sample's channel, biased variance. `[n, c, z, y, x]` → `[n, c, 2]`. */
export function normStatistics(x: Value, eps: number): Value<'normStatistics'> {
  const { batch, channels } = featureMapOf(x, 'normStatistics');
  return { op: 'normStatistics', attributes: { eps }, inputs: [x], shape: [batch, channels, 2] };
}

/** What a norm with its activation reads beside `x`. */
export interface NormOperands {
  readonly x: Value;
  /** Of `x`. */
  readonly statistics: Value;
  /** `[c]` each; left out together. */
  readonly affine: { readonly weight: Value; readonly bias: Value } | undefined;
  /** Added before the activation; as `x`. */
  readonly residual: Value | undefined;
  /** Of the LeakyReLU; 1 for none. */
  readonly negativeSlope: number;
}

/** `leakyRelu((x − mean)/√(variance + eps) · weight + bias [+ residual])`. The shape is kept. */
export function normApply(operands: NormOperands): Value<'normApply'> {
  const { residual } = operands;
  if (residual) expectSameShape(residual.shape, operands.x.shape, 'normApply');
  const { attributes, inputs } = shared(operands, 'normApply');
  return {
    op: 'normApply',
    attributes,
    inputs: residual ? [...inputs, residual] : inputs,
    shape: operands.x.shape,
  };
}

/** What the gradients of a norm read: its output tells the sign before the activation where a residual took part. */
export interface NormGradientOperands extends Omit<NormOperands, 'residual'> {
  readonly output: Value | undefined;
  /** Gradient with respect to the output. */
  readonly gradient: Value;
}

/** `(Σ g, Σ g·x̂)` over each plane, g the gradient before the activation, x̂ the normalised `x`. `[n, c, 2]`. */
export function normGradientSums(operands: NormGradientOperands): Value<'normGradientSums'> {
  const [batch, channels] = operands.x.shape;
  return { op: 'normGradientSums', ...gradientOperands(operands), shape: [batch, channels, 2] };
}

/** Gradient with respect to `x`: `weight/σ · (g − mean(g) − x̂·mean(g·x̂))`. */
export function normInputGradient(operands: NormGradientOperands, sums: Value): Value<'normInputGradient'> {
  const { attributes, inputs } = gradientOperands(operands);
  return { op: 'normInputGradient', attributes, inputs: [...inputs, sums], shape: operands.x.shape };
}

/** Gradient of the affine's weight or bias from {@link normGradientSums}: summed over the batch. `[c]`. */
export function normAffineGradient(sums: Value, of: 'weight' | 'bias'): Value<'normAffineGradient'> {
  return { op: 'normAffineGradient', attributes: { of }, inputs: [sums], shape: [sums.shape[1]] };
}

function gradientOperands(operands: NormGradientOperands) {
  const { output, gradient } = operands;
  const { attributes, inputs } = shared({ ...operands, residual: output }, 'norm gradient');
  expectSameShape(gradient.shape, operands.x.shape, 'norm gradient');
  return { attributes, inputs: [...inputs, ...(output ? [output] : []), gradient] };
}

function shared({ x, statistics, affine, residual, negativeSlope }: NormOperands, op: string) {
  const { batch, channels } = featureMapOf(x, op);
  expectSameShape(statistics.shape, [batch, channels, 2], op);
  if (affine) {
    expectVector(affine.weight, channels, op, 'weight');
    expectVector(affine.bias, channels, op, 'bias');
  }
  const attributes: NormAttributes = {
    negativeSlope,
    hasAffine: affine !== undefined,
    hasResidual: residual !== undefined,
  };
  const inputs: Value[] = [x, statistics, ...(affine ? [affine.weight, affine.bias] : [])];
  return { attributes, inputs };
}

/** The inputs of a norm's node by their roles; `last` holds those behind the affine's. */
export function normInputs({
  attributes,
  inputs,
}: Value<'normApply' | 'normGradientSums' | 'normInputGradient'>) {
  const [x, statistics, ...rest] = inputs;
  const affine = attributes.hasAffine ? { weight: rest[0], bias: rest[1] } : undefined;
  const last = rest.slice(affine ? 2 : 0);
  const other = attributes.hasResidual ? last[0] : undefined;
  return { x, statistics, affine, other, last: last.slice(other ? 1 : 0) };
}
