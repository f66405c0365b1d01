// From the training ops to steps. Gradients are overwritten by what follows from them wherever nothing else reads them.

import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { avgPoolGradient } from '@/kernels/avgPool';
import { channelSum, channelSumScratchSize } from '@/kernels/channelSum';
import { chooseConv3dKernel, conv3dForward, packedConv3dWeightSize } from '@/kernels/conv3d';
import type { Conv3dShape } from '@/kernels/conv3dShape';
import { conv3dWeightGradient, conv3dWeightGradientScratchSize } from '@/kernels/conv3dWeightGradient';
import {
  convTranspose3dWeightGradient,
  convTranspose3dWeightGradientScratchSize,
} from '@/kernels/convTranspose3dWeightGradient';
import { dropoutInPlace } from '@/kernels/dropout';
import { leakyReluGradientInPlace } from '@/kernels/elementwise';
import { packConv3dWeightOnDevice, type RawWeight } from '@/kernels/packWeight';
import { chooseStridedKernel, stridedInputGradient, stridedWeight } from '@/kernels/stridedInputGradient';
import { elementCount } from '@/shared/geometry';
import { flopsOf } from './flops';
import { lowerLoss } from './lossLowering';
import { NORM_LOWERINGS } from './normLowering';
import { ownedCopy } from './ownedCopy';
import { arrayOfOperand, type Lowering, operandsOf, type PlanBuilder } from './planBuilder';
import type { Operand } from './step';
import { featureMapOf, type TrainingOpAttributes, type Value } from './value';

type TrainingOp = keyof TrainingOpAttributes;
type InputGradientOp = 'conv3dInputGradient' | 'convTranspose3dInputGradient';

export const TRAINING_LOWERINGS: { readonly [Op in TrainingOp]: Lowering<Op> } = {
  ...NORM_LOWERINGS,

  dropoutApply: (value, builder) => {
    const { size } = featureMapOf(value, value.op);
    const values = ownedCopy(value, value.inputs[0], builder);
    builder.addStep(value.op, {
      tensors: [values],
      isPerMicroBatch: true,
      launch: ({ tensor, control, microBatch }) =>
        dropoutInPlace({
          ...value.attributes,
          values: tensor(values),
          start: microBatch * elementCount(value.shape),
          planeLength: elementCount(size),
          control: control(),
          limits: builder.device.limits,
        }),
    });
  },

  stepControl: () => {},

  leakyReluGradient: (value, builder) => {
    const [outputValue, above] = value.inputs;
    const { limits } = builder.device;
    const output = builder.tensorOf(outputValue);
    const result = ownedCopy(value, above, builder);
    builder.addStep(value.op, {
      tensors: [output, result],
      launch: ({ tensor }) =>
        leakyReluGradientInPlace(tensor(output), tensor(result), value.attributes.negativeSlope, limits),
    });
  },

  avgPoolGradient: (value, builder) => {
    const { batch, channels, size } = featureMapOf(value, value.op);
    const gradient = builder.tensorOf(value.inputs[0]);
    const result = builder.addValue(value);
    builder.addStep(value.op, {
      tensors: [gradient, result],
      launch: ({ tensor }) =>
        avgPoolGradient({
          planes: batch * channels,
          inputSize: size,
          stride: value.attributes.stride,
          limits: builder.device.limits,
          x: tensor(result),
          y: tensor(gradient),
        }),
    });
  },

  conv3dInputGradient: (value, builder) => {
    const isStrided = value.attributes.stride.some((step) => step > 1);
    if (isStrided) lowerStridedInputGradient(value, builder);
    else lowerInputGradient(value, builder);
  },

  conv3dWeightGradient: (value, builder) => {
    const [source, , before] = value.inputs;
    const { limits, facts } = builder.device;
    const { batch, channels, size } = featureMapOf(source, value.op);
    const [outChannels, of] = value.shape;
    const shape = { ...value.attributes, batch, inChannels: channels, outChannels, inputSize: size };
    const { start } = value.attributes.channels;
    const tuned = builder.tunedWeightGradient(shape);
    const choice = {
      ...(channels === of ? {} : { inChannels: { start, of } }),
      ...(tuned ? { kernel: tuned } : {}),
    };
    if (before) builder.aliasValue(value, builder.tensorOf(before));
    lowerWeightGradient(
      value,
      conv3dWeightGradientScratchSize(shape, facts, limits, choice),
      builder,
      (arrays) => conv3dWeightGradient({ shape, limits, facts, ...choice, ...arrays }),
    );
  },

  convTranspose3dInputGradient: (value, builder) => {
    const [above, weight] = value.inputs;
    const { stride } = value.attributes;
    const { batch, channels: inChannels, size: inputSize } = featureMapOf(above, value.op);
    const sizes = { batch, inChannels, inputSize, kernelSize: stride, stride };
    const taps = elementCount(stride);
    // A voxel gets from the block of outputs that it became.
    lowerAsConvolution(
      value,
      { ...sizes, outChannels: value.shape[1], isUnpadded: true },
      (array) => ({ array, start: 0, outStep: weight.shape[1] * taps, inStep: taps, isFlipped: false }),
      builder,
    );
  },

  convTranspose3dWeightGradient: (value, builder) => {
    const { batch, channels, size } = featureMapOf(value.inputs[0], value.op);
    const shape = {
      ...value.attributes,
      batch,
      inChannels: channels,
      outChannels: value.shape[1],
      inputSize: size,
    };
    const { limits, facts } = builder.device;
    lowerWeightGradient(
      value,
      convTranspose3dWeightGradientScratchSize(shape, facts, limits),
      builder,
      (arrays) => convTranspose3dWeightGradient({ shape, limits, facts, ...arrays }),
    );
  },

  lossGradient: lowerLoss,

  // Gradients start as zeros, and nothing writes this one.
  zeroGradient: (value, builder) => {
    builder.addValue(value);
  },

  channelSum: (value, builder) => {
    const { batch, channels, size } = featureMapOf(value.inputs[0], value.op);
    const { limits } = builder.device;
    const args = { batch, channels, length: elementCount(size), limits };
    const values = builder.tensorOf(value.inputs[0]);
    const sums = builder.addValue(value);
    const scratch = builder.addTensor(
      'channel sum partials',
      channelSumScratchSize(batch, channels, args.length),
    );
    builder.addStep(value.op, {
      tensors: [values, sums, scratch],
      isPerMicroBatch: true,
      launch: ({ tensor, microBatch }) =>
        channelSum({
          ...args,
          values: tensor(values),
          sums: tensor(sums),
          scratch: tensor(scratch),
          accumulate: microBatch > 0,
        }),
    });
  },
};

/** What both gradients of weights are made from, and where they go. */
interface WeightGradientArrays {
  readonly x: GpuArray;
  readonly gy: GpuArray;
  readonly gw: GpuArray;
  readonly scratch?: GpuArray;
  readonly accumulate: boolean;
}

/** A gradient of a weight, added to that of the micro-batches before; where `value` has its place already, it goes there. */
function lowerWeightGradient(
  value: Value<'conv3dWeightGradient' | 'convTranspose3dWeightGradient'>,
  scratchSize: number,
  builder: PlanBuilder,
  dispatchesOf: (arrays: WeightGradientArrays) => Dispatch[],
): void {
  const [x, gy] = value.inputs.map((input) => builder.tensorOf(input));
  const gw = builder.isHeld(value) ? builder.tensorOf(value) : builder.addValue(value);
  const scratch = scratchSize > 0 ? builder.addTensor('weight gradient partials', scratchSize) : undefined;
  builder.addStep(value.op, {
    tensors: [x, gy, gw, scratch].filter((id) => id !== undefined),
    flops: flopsOf(value),
    isPerMicroBatch: true,
    launch: ({ tensor, microBatch }) =>
      dispatchesOf({
        x: tensor(x),
        gy: tensor(gy),
        gw: tensor(gw),
        ...(scratch === undefined ? {} : { scratch: tensor(scratch) }),
        accumulate: microBatch > 0,
      }),
  });
}

/** Without a stride it is the convolution of the gradient with the weight turned round. */
function lowerInputGradient(value: Value<'conv3dInputGradient'>, builder: PlanBuilder): void {
  const { channels, kernelSize, stride } = value.attributes;
  const { batch, size: inputSize } = featureMapOf(value, value.op);
  const inChannels = value.inputs[1].shape[0];
  lowerAsConvolution(
    value,
    { batch, inChannels, outChannels: channels.count, inputSize, kernelSize, stride },
    (array) => ({ ...turnedOrder(value, array), isFlipped: true }),
    builder,
  );
}

/** `value` as the convolution of the gradient above it with the weight in another order, added to the third input. */
function lowerAsConvolution(
  value: Value<InputGradientOp>,
  shape: Conv3dShape,
  order: (array: RawWeight['array']) => RawWeight,
  builder: PlanBuilder,
): void {
  const { limits } = builder.device;
  const kernel = chooseConv3dKernel(shape, builder.device, builder.tunedConv3d(shape));
  const size = packedConv3dWeightSize(shape, kernel);
  const pack: OnDevice = (array, result) =>
    packConv3dWeightOnDevice(order(array), shape, kernel, result, limits);
  lowerWithTurnedWeight(value, { size, pack }, builder, ({ gy, gx, ...rest }) =>
    conv3dForward({ shape, kernel, limits, x: gy, y: gx, ...rest }),
  );
}

function lowerStridedInputGradient(value: Value<'conv3dInputGradient'>, builder: PlanBuilder): void {
  const { channels, kernelSize, stride } = value.attributes;
  const { batch, size: inputSize } = featureMapOf(value, value.op);
  const outChannels = value.inputs[1].shape[0];
  const shape: Conv3dShape = {
    batch,
    inChannels: channels.count,
    outChannels,
    inputSize,
    kernelSize,
    stride,
  };
  const { limits } = builder.device;
  const kernel = chooseStridedKernel(shape, builder.device);
  const packed = stridedWeight(shape, kernel);
  const pack: OnDevice = (array, result) =>
    packed.pack({ ...turnedOrder(value, array), isFlipped: false }, result, limits);
  lowerWithTurnedWeight(value, { size: packed.size, pack }, builder, (arrays) =>
    stridedInputGradient({ shape, kernel, limits, ...arrays }),
  );
}

/** How a raw weight on the device becomes one in a kernel's order. */
type OnDevice = Parameters<PlanBuilder['packedWeight']>[2]['onDevice'];

/** What a gradient of an input is made from, and where it goes. */
interface InputGradientArrays {
  readonly gy: GpuArray;
  readonly weight: GpuArray;
  readonly gx: GpuArray;
  readonly accumulate: boolean;
}

/** A gradient of an input from the gradient above it and the weight in a kernel's order, added to the third input. */
function lowerWithTurnedWeight(
  value: Value<InputGradientOp>,
  { size, pack }: { readonly size: number; readonly pack: OnDevice },
  builder: PlanBuilder,
  dispatchesOf: (arrays: InputGradientArrays) => Dispatch[],
): void {
  const [above, weight, onto] = value.inputs;
  const packed = turnedWeight(value, weight, size, builder, pack);
  const gy = builder.tensorOf(above);
  const gx = onto ? ownedCopy(value, onto, builder) : builder.addValue(value);
  builder.addStep(value.op, {
    ...operandsOf([{ tensor: gy }, packed, { tensor: gx }]),
    flops: flopsOf(value),
    launch: (arrays) =>
      dispatchesOf({
        gy: arrays.tensor(gy),
        weight: arrayOfOperand(packed, arrays),
        gx: arrays.tensor(gx),
        accumulate: onto !== undefined,
      }),
  });
}

/** The weight's inputs as outputs. */
function turnedOrder(
  { attributes, inputs }: Value<'conv3dInputGradient'>,
  array: RawWeight['array'],
): Omit<RawWeight, 'isFlipped'> {
  const taps = elementCount(attributes.kernelSize);
  const [, inChannels] = inputs[1].shape;
  return { array, start: attributes.channels.start * taps, outStep: taps, inStep: inChannels * taps };
}

function turnedWeight(
  value: Value,
  weight: Value,
  size: number,
  builder: PlanBuilder,
  onDevice: OnDevice,
): Operand {
  const onHost = () => {
    throw new Error(`${value.op}: only a graph that learns has gradients`);
  };
  return builder.packedWeight(value.op, weight, { size, onHost, onDevice });
}
