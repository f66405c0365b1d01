// From nodes to steps: one function per op that chooses kernels, packs parameters and asks for memory.

import { avgPoolForward } from '@/kernels/avgPool';
import {
  chooseConv3dKernel,
  conv3dForward,
  packConv3dWeight,
  packedConv3dWeightSize,
} from '@/kernels/conv3d';
import type { Conv3dShape } from '@/kernels/conv3dShape';
import {
  convTranspose3dForward,
  packConvTranspose3dWeight,
  packedConvTranspose3dWeightSize,
} from '@/kernels/convTranspose3d';
import { accumulateInto, addForward, copyForward, leakyReluForward } from '@/kernels/elementwise';
import { instanceNormForward, instanceNormPartialsSize } from '@/kernels/instanceNorm';
import { packConv3dWeightOnDevice, packConvTranspose3dWeightOnDevice } from '@/kernels/packWeight';
import { elementCount } from '@/shared/geometry';
import { flopsOf } from './flops';
import type { NormGroup } from './fusion';
import { batchNormInputs, type RunningStatistics } from './ops/batchNorm';
import { ownedCopy } from './ownedCopy';
import { arrayOfOperand, type Lowering, operandsOf, type PlanBuilder } from './planBuilder';
import { TRAINING_LOWERINGS } from './trainingLowering';
import { featureMapOf, type OpName, type Value } from './value';

const LOWERINGS: { readonly [Op in OpName]: Lowering<Op> } = {
  input: (value, builder) => {
    if (!builder.isHeld(value)) builder.addValue(value);
  },
  parameter: () => {},
  ...TRAINING_LOWERINGS,
  conv3d: lowerConv3d,
  convTranspose3d: lowerConvTranspose3d,
  instanceNorm: (value, builder) => {
    lowerNormGroup(value, { norm: value, residual: undefined, negativeSlope: 1 }, builder);
  },
  batchNorm: (value, builder) => {
    lowerNormGroup(value, { norm: value, residual: undefined, negativeSlope: 1 }, builder);
  },
  dropout: (value, builder) => {
    ownedCopy(value, value.inputs[0], builder);
  },
  leakyRelu: (value, builder) => {
    const x = builder.tensorOf(value.inputs[0]);
    const y = builder.addValue(value);
    const { limits } = builder.device;
    builder.addStep(value.op, {
      tensors: [x, y],
      launch: ({ tensor }) => leakyReluForward(tensor(x), tensor(y), value.attributes.negativeSlope, limits),
    });
  },
  add: (value, builder) => {
    const [a, b] = value.inputs.map((input) => builder.tensorOf(input));
    const { limits } = builder.device;
    if (a !== b && builder.isReadOnce(value.inputs[0])) {
      builder.aliasValue(value, a);
      builder.addStep(value.op, {
        tensors: [a, b],
        launch: ({ tensor }) => accumulateInto(tensor(b), tensor(a), limits),
      });
      return;
    }
    const y = builder.addValue(value);
    builder.addStep(value.op, {
      tensors: [a, b, y],
      launch: ({ tensor }) => addForward(tensor(a), tensor(b), tensor(y), limits),
    });
  },
  concatChannels: lowerConcatChannels,
  avgPool: (value, builder) => {
    const [input] = value.inputs;
    const { batch, channels, size } = featureMapOf(input, value.op);
    const x = builder.tensorOf(input);
    const y = builder.addValue(value);
    builder.addStep(value.op, {
      tensors: [x, y],
      launch: ({ tensor }) =>
        avgPoolForward({
          planes: batch * channels,
          inputSize: size,
          stride: value.attributes.stride,
          limits: builder.device.limits,
          x: tensor(x),
          y: tensor(y),
        }),
    });
  },
};

/** Adds the steps of one node. */
export function lowerNode(value: Value, builder: PlanBuilder): void {
  // The key and the node's op are the same, which the compiler cannot see.
  (LOWERINGS[value.op] as Lowering<OpName>)(value, builder);
}

/** `value` is the group's last node. In place where nothing else reads the norm's input. */
export function lowerNormGroup(value: Value, group: NormGroup, builder: PlanBuilder): void {
  const { op, attributes } = group.norm;
  const { x: input, running, affine } = normRoles(group.norm);
  const { batch, channels, size } = featureMapOf(input, op);
  const planeLength = elementCount(size);
  const { limits } = builder.device;
  const residual = group.residual && builder.tensorOf(group.residual);
  const values = ownedCopy(value, input, builder);
  const partialsSize = running ? 0 : instanceNormPartialsSize(batch * channels, planeLength);
  const partials = partialsSize > 0 ? builder.addTensor('instanceNorm moments', partialsSize) : undefined;
  const weightId = builder.vectorParameter(affine?.weight, channels, 1);
  const biasId = builder.vectorParameter(affine?.bias, channels, 0);
  const meanId = running && builder.rawParameter(running.mean);
  const varianceId = running && builder.rawParameter(running.variance);
  builder.addStep(op, {
    tensors: [values, partials, residual].filter((id) => id !== undefined),
    parameters: [weightId, biasId, meanId, varianceId].filter((id) => id !== undefined),
    launch: ({ tensor, parameter }) =>
      instanceNormForward({
        batch,
        channels,
        planeLength,
        limits,
        values: tensor(values),
        partials: partials === undefined ? undefined : tensor(partials),
        weight: parameter(weightId),
        bias: parameter(biasId),
        residual: residual === undefined ? undefined : tensor(residual),
        ...(meanId === undefined || varianceId === undefined
          ? {}
          : { running: { mean: parameter(meanId), variance: parameter(varianceId) } }),
        eps: attributes.eps,
        negativeSlope: group.negativeSlope,
      }),
  });
}

/** The inputs of either norm by their roles. */
function normRoles(norm: NormGroup['norm']): Pick<ReturnType<typeof batchNormInputs>, 'x' | 'affine'> & {
  readonly running: RunningStatistics | undefined;
} {
  if (norm.op === 'batchNorm') return batchNormInputs(norm);
  const [x, weight, bias] = norm.inputs;
  return { x, running: undefined, affine: weight && { weight, bias } };
}

function lowerConcatChannels(value: Value<'concatChannels'>, builder: PlanBuilder): void {
  const [batch] = value.shape;
  const total = elementCount(value.shape) / batch;
  const y = builder.addValue(value);
  let start = 0;
  for (const input of value.inputs) {
    const x = builder.tensorOf(input);
    const count = elementCount(input.shape) / batch;
    const yStart = start;
    builder.addStep(value.op, {
      tensors: [x, y],
      launch: ({ tensor }) =>
        Array.from({ length: batch }, (_, n) =>
          copyForward(tensor(x), n * count, tensor(y), n * total + yStart, count, builder.device.limits),
        ).flat(),
    });
    start += count;
  }
}

/** One step per source of a concatenation, each adding to what the ones before it wrote. */
function lowerConv3d(value: Value<'conv3d'>, builder: PlanBuilder): void {
  const [input, weight, bias] = value.inputs;
  const { batch, size } = featureMapOf(input, value.op);
  const { limits } = builder.device;
  const outChannels = value.shape[1];
  const sources = concatenatedSources(input, builder);
  const biasId = bias && builder.rawParameter(bias);
  const y = builder.addValue(value);
  let firstChannel = 0;
  for (const source of sources) {
    const inChannels = source.shape[1];
    const shape: Conv3dShape = { ...value.attributes, batch, inChannels, outChannels, inputSize: size };
    const kernel = chooseConv3dKernel(shape, builder.device, builder.tunedConv3d(shape));
    const channels = { start: firstChannel, count: inChannels };
    const taps = elementCount(value.attributes.kernelSize);
    const packed = builder.packedWeight(value.op, weight, {
      size: packedConv3dWeightSize(shape, kernel),
      onHost: (data) => packConv3dWeight(inputChannels(data, weight.shape, channels), shape, kernel),
      onDevice: (array, result) => {
        const raw = { array, start: channels.start * taps, outStep: weight.shape[1] * taps, inStep: taps };
        return packConv3dWeightOnDevice({ ...raw, isFlipped: false }, shape, kernel, result, limits);
      },
    });
    const x = builder.tensorOf(source);
    const accumulate = firstChannel > 0;
    const biasHere = accumulate || biasId === undefined ? undefined : { parameter: biasId };
    builder.addStep(value.op, {
      ...operandsOf([{ tensor: x }, packed, biasHere, { tensor: y }]),
      flops: (flopsOf(value) * inChannels) / input.shape[1],
      launch: (arrays) =>
        conv3dForward({
          shape,
          kernel,
          limits,
          x: arrays.tensor(x),
          weight: arrayOfOperand(packed, arrays),
          ...(biasHere === undefined ? {} : { bias: arrays.parameter(biasHere.parameter) }),
          y: arrays.tensor(y),
          accumulate,
        }),
    });
    firstChannel += inChannels;
  }
}

/** The values that `input` is a concatenation of, where it was never written out; else itself. */
function concatenatedSources(input: Value, builder: PlanBuilder): Value[] {
  const isWrittenOut = input.op !== 'concatChannels' || builder.isHeld(input);
  return isWrittenOut ? [input] : input.inputs.flatMap((source) => concatenatedSources(source, builder));
}

/** Input channels `[start, start + count)` of a weight `[out, in, …]`. */
function inputChannels(
  data: Float32Array,
  [outChannels, allChannels, ...kernel]: readonly number[],
  { start, count }: { readonly start: number; readonly count: number },
): Float32Array {
  if (count === allChannels) return data;
  const taps = elementCount(kernel);
  const part = new Float32Array(outChannels * count * taps);
  for (let out = 0; out < outChannels; out++) {
    const from = (out * allChannels + start) * taps;
    part.set(data.subarray(from, from + count * taps), out * count * taps);
  }
  return part;
}

function lowerConvTranspose3d(value: Value<'convTranspose3d'>, builder: PlanBuilder): void {
  const [input, weight, bias] = value.inputs;
  const { batch, channels, size } = featureMapOf(input, value.op);
  const outChannels = value.shape[1];
  const shape = { ...value.attributes, batch, inChannels: channels, outChannels, inputSize: size };
  const { limits, facts } = builder.device;
  const packed = builder.packedWeight(value.op, weight, {
    size: packedConvTranspose3dWeightSize(shape),
    onHost: (data) => packConvTranspose3dWeight(data, shape),
    onDevice: (raw, result) => packConvTranspose3dWeightOnDevice(raw, shape, result, limits),
  });
  const biasVector = bias && { parameter: builder.rawParameter(bias) };
  const x = builder.tensorOf(input);
  const y = builder.addValue(value);
  builder.addStep(value.op, {
    ...operandsOf([{ tensor: x }, packed, biasVector, { tensor: y }]),
    flops: flopsOf(value),
    launch: (arrays) =>
      convTranspose3dForward({
        shape,
        limits,
        isSoftware: facts.isSoftware,
        x: arrays.tensor(x),
        weight: arrayOfOperand(packed, arrays),
        bias: biasVector && arrays.parameter(biasVector.parameter),
        y: arrays.tensor(y),
      }),
  });
}
