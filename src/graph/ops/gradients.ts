// Gradients of the convolutions, the activation and the pooling, as ops of their own.

import type { Zyx } from '@/shared/geometry';
import { expectSameShape, featureMapOf, type Value } from '../value';

/** Gradient of {@link leakyRelu} with respect to its input; `output` has the input's sign. */
export function leakyReluGradient(
  output: Value,
  gradient: Value,
  negativeSlope: number,
): Value<'leakyReluGradient'> {
  expectSameShape(output.shape, gradient.shape, 'leakyReluGradient');
  const inputs = [output, gradient];
  return { op: 'leakyReluGradient', attributes: { negativeSlope }, inputs, shape: output.shape };
}

/** Gradient of `avgPool` with respect to its input of `shape`; voxels that no block covers get 0. */
export function avgPoolGradient(
  gradient: Value,
  stride: Zyx,
  shape: readonly number[],
): Value<'avgPoolGradient'> {
  return { op: 'avgPoolGradient', attributes: { stride }, inputs: [gradient], shape };
}

/** Which gradient of an input is wanted. */
export interface Conv3dInputGradientOptions {
  readonly stride: Zyx;
  /** First of the input channels that it is of. */
  readonly start: number;
  /** Theirs: `[n, count, z, y, x]`. */
  readonly shape: readonly number[];
  /** What it is added to. */
  readonly onto: Value | undefined;
}

/** Gradient of `conv3d` with respect to some of its input channels: `[n, out, …]`, `[out, in, kz, ky, kx]` → `shape`. */
export function conv3dInputGradient(
  gradient: Value,
  weight: Value,
  { stride, start, shape, onto }: Conv3dInputGradientOptions,
): Value<'conv3dInputGradient'> {
  const [outChannels, inChannels, ...kernel] = weight.shape;
  if (gradient.shape[1] !== outChannels)
    throw new Error('conv3dInputGradient: channels of gradient and weight');
  if (start + shape[1] > inChannels)
    throw new Error('conv3dInputGradient: more channels than the weight has');
  const kernelSize: Zyx = [kernel[0], kernel[1], kernel[2]];
  const channels = { start, count: shape[1] };
  return {
    op: 'conv3dInputGradient',
    attributes: { kernelSize, stride, channels },
    inputs: [gradient, weight, ...(onto ? [onto] : [])],
    shape,
  };
}

/** How `conv3d` was called, for the gradient of its weight. */
export interface Conv3dWeightGradientOptions {
  readonly stride: Zyx;
  /** The weight's. */
  readonly shape: readonly number[];
  /** The gradient so far, where the input is a concatenation and `source` not the first of it. */
  readonly before?: Value<'conv3dWeightGradient'>;
}

/** Gradient of `conv3d` with respect to its weight, in the channels of `source` and of those before it; 0 in the rest. */
export function conv3dWeightGradient(
  source: Value,
  gradient: Value,
  { stride, shape, before }: Conv3dWeightGradientOptions,
): Value<'conv3dWeightGradient'> {
  const start = before ? before.attributes.channels.start + before.attributes.channels.count : 0;
  const channels = { start, count: source.shape[1] };
  if (start + channels.count > shape[1]) {
    throw new Error('conv3dWeightGradient: more channels than the weight has');
  }
  return {
    op: 'conv3dWeightGradient',
    attributes: { kernelSize: [shape[2], shape[3], shape[4]], stride, channels },
    inputs: [source, gradient, ...(before ? [before] : [])],
    shape,
  };
}

/** Gradient of `convTranspose3d` with respect to its input, added to `onto`. */
export function convTranspose3dInputGradient(
  gradient: Value,
  weight: Value,
  onto: Value | undefined,
): Value<'convTranspose3dInputGradient'> {
  const { batch, size } = featureMapOf(gradient, 'convTranspose3dInputGradient');
  const [inChannels, , ...kernel] = weight.shape;
  const stride: Zyx = [kernel[0], kernel[1], kernel[2]];
  const shape = [batch, inChannels, ...size.map((n, axis) => n / stride[axis])];
  const inputs = [gradient, weight, ...(onto ? [onto] : [])];
  return { op: 'convTranspose3dInputGradient', attributes: { stride }, inputs, shape };
}

/** Gradient of `convTranspose3d` with respect to its weight of `shape`. */
export function convTranspose3dWeightGradient(
  x: Value,
  gradient: Value,
  shape: readonly number[],
): Value<'convTranspose3dWeightGradient'> {
  const stride: Zyx = [shape[2], shape[3], shape[4]];
  return { op: 'convTranspose3dWeightGradient', attributes: { stride }, inputs: [x, gradient], shape };
}

/** Sum over samples and voxels: `[n, c, z, y, x]` → `[c]`. The gradient of a bias. */
export function channelSum(x: Value): Value<'channelSum'> {
  const { channels } = featureMapOf(x, 'channelSum');
  return { op: 'channelSum', attributes: {}, inputs: [x], shape: [channels] };
}

/** Of a vector that the loss does not depend on, though it is learned: weight decay still acts on it. `[size]` */
export function zeroGradient(size: number): Value<'zeroGradient'> {
  return { op: 'zeroGradient', attributes: {}, inputs: [], shape: [size] };
}
