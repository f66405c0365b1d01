// From the training ops to steps. Gradients are overwritten by what follows from them wherever nothing else reads them.

import { avgPoolGradient } from '@/kernels/avgPool';
import {
  batchMoments,
  batchNormGradientMeans,
  batchNormStatistics,
  batchNormUpdate,
} from '@/kernels/batchNorm';
import { channelSum, channelSumScratchSize } from '@/kernels/channelSum';
import { chooseConv3dKernel, conv3dForward, packedConv3dWeightSize } from '@/kernels/conv3d';
import type { Conv3dShape } from '@/kernels/conv3dShape';
import { conv3dWeightGradient, conv3dWeightGradientScratchSize } from '@/kernels/conv3dWeightGradient';
import {
  convTranspose3dWeightGradient,
  convTranspose3dWeightGradientScratchSize,
} from '@/kernels/convTranspose3dWeightGradient';
import { dropoutInPlace } from '@/kernels/dropout';
import { copyForward, leakyReluGradientInPlace } from '@/kernels/elementwise';
import {
  type NormActivation,
  normAffineGradient,
  normApply,
  normGradientSums,
  normInputGradient,
  normScratchSize,
  normStatistics,
} from '@/kernels/normTraining';
import { packConv3dWeightOnDevice, type RawWeight } from '@/kernels/packWeight';
import { chooseStridedKernel, stridedInputGradient, stridedWeight } from '@/kernels/stridedInputGradient';
import { elementCount } from '@/shared/geometry';
import { flopsOf } from './flops';
import { lowerLoss } from './lossLowering';
import { normInputs } from './ops/norm';
import { arrayOfOperand, operandsOf, type PlanBuilder } from './planBuilder';
import type { Operand, ParameterId, StepArrays, TensorId } from './step';
import { featureMapOf, type TrainingOpAttributes, type Value } from './value';

type TrainingOp = keyof TrainingOpAttributes;
type Lowering<Op extends TrainingOp> = (value: Value<Op>, builder: PlanBuilder) => void;

export const TRAINING_LOWERINGS: { readonly [Op in TrainingOp]: Lowering<Op> } = {
  normStatistics: (value, builder) => {
    const [input] = value.inputs;
    const sizes = normSizes(input, builder);
    const x = builder.tensorOf(input);
    const statistics = builder.addValue(value);
    const scratch = builder.addTensor('norm partials', normScratchSize(sizes));
    builder.addStep(value.op, {
      tensors: [x, statistics, scratch],
      launch: ({ tensor }) =>
        normStatistics({
          ...sizes,
          x: tensor(x),
          statistics: tensor(statistics),
          scratch: tensor(scratch),
          eps: value.attributes.eps,
        }),
    });
  },

  normApply: (value, builder) => {
    const norm = normOperands(value, builder);
    const y = builder.addValue(value);
    builder.addStep(value.op, {
      tensors: [...norm.tensors, y],
      parameters: norm.parameters,
      launch: (arrays) =>
        normApply({ ...norm.resolve(arrays), residual: norm.other(arrays), y: arrays.tensor(y) }),
    });
  },

  normGradientSums: (value, builder) => {
    const norm = normOperands(value, builder);
    const gradient = builder.tensorOf(norm.last[0]);
    const sums = builder.addValue(value);
    const scratch = builder.addTensor('norm partials', normScratchSize(normSizes(value.inputs[0], builder)));
    builder.addStep(value.op, {
      tensors: [...norm.tensors, gradient, sums, scratch],
      parameters: norm.parameters,
      launch: (arrays) =>
        normGradientSums({
          ...norm.resolve(arrays),
          output: norm.other(arrays),
          gradient: arrays.tensor(gradient),
          sums: arrays.tensor(sums),
          scratch: arrays.tensor(scratch),
        }),
    });
  },

  normInputGradient: (value, builder) => {
    const norm = normOperands(value, builder);
    const [above, sumsValue] = norm.last;
    const gradient = builder.tensorOf(above);
    const sums = builder.tensorOf(sumsValue);
    const isInPlace = builder.isReadOnce(above);
    if (isInPlace) builder.aliasValue(value, gradient);
    const gx = isInPlace ? gradient : builder.addValue(value);
    builder.addStep(value.op, {
      tensors: [...new Set([...norm.tensors, gradient, sums, gx])],
      parameters: norm.parameters,
      launch: (arrays) =>
        normInputGradient({
          ...norm.resolve(arrays),
          output: norm.other(arrays),
          gradient: arrays.tensor(gradient),
          sums: arrays.tensor(sums),
          gx: arrays.tensor(gx),
        }),
    });
  },

  normAffineGradient: (value, builder) => {
    const [input] = value.inputs;
    const [batch, channels] = input.shape;
    const sums = builder.tensorOf(input);
    const result = builder.addValue(value);
    const { limits } = builder.device;
    builder.addStep(value.op, {
      tensors: [sums, result],
      isPerMicroBatch: true,
      launch: ({ tensor, microBatch }) => [
        normAffineGradient({
          batch,
          channels,
          planeLength: 1,
          limits,
          sums: tensor(sums),
          result: tensor(result),
          of: value.attributes.of,
          accumulate: microBatch > 0,
        }),
      ],
    });
  },

  batchMoments: (value, builder) => {
    const [input] = value.inputs;
    const sizes = normSizes(input, builder);
    const x = builder.tensorOf(input);
    const moments = builder.addValue(value);
    const scratch = builder.addTensor('norm partials', normScratchSize(sizes));
    builder.addStep(value.op, {
      tensors: [x, moments, scratch],
      launch: ({ tensor }) =>
        batchMoments({ ...sizes, x: tensor(x), moments: tensor(moments), scratch: tensor(scratch) }),
    });
  },

  batchNormStatistics: (value, builder) => {
    const [batch, channels] = value.shape;
    const sizes = { batch, channels, planeLength: 1, limits: builder.device.limits };
    const [momentsValue, ...running] = value.inputs.slice(0, 3);
    const moments = builder.tensorOf(momentsValue);
    const [mean, variance] = running.map((parameter) => builder.rawParameter(parameter));
    const statistics = builder.addValue(value);
    builder.addStep(value.op, {
      tensors: [moments, statistics],
      parameters: [mean, variance],
      launch: ({ tensor, parameter, control }) => [
        batchNormStatistics({
          ...sizes,
          moments: tensor(moments),
          mean: parameter(mean),
          variance: parameter(variance),
          control: control(),
          statistics: tensor(statistics),
          eps: value.attributes.eps,
        }),
      ],
    });
  },

  batchNormGradientMeans: (value, builder) => {
    const [batch, channels] = value.shape;
    const sizes = { batch, channels, planeLength: 1, limits: builder.device.limits };
    const sums = builder.tensorOf(value.inputs[0]);
    const means = builder.addValue(value);
    builder.addStep(value.op, {
      tensors: [sums, means],
      launch: ({ tensor }) => [
        batchNormGradientMeans({ ...sizes, sums: tensor(sums), means: tensor(means) }),
      ],
    });
  },

  // In place: the new statistics are nobody's input.
  batchNormUpdate: (value, builder) => {
    const [momentsValue, ...running] = value.inputs.slice(0, 4);
    const { count, momentum } = value.attributes;
    const [channels] = momentsValue.shape;
    const sizes = { batch: 1, channels, planeLength: count, limits: builder.device.limits };
    const moments = builder.tensorOf(momentsValue);
    const [mean, variance, batchCount] = running.map((parameter) => builder.rawParameter(parameter));
    builder.addStep(value.op, {
      tensors: [moments],
      parameters: [mean, variance, batchCount],
      launch: ({ tensor, parameter, control }) => [
        batchNormUpdate({
          ...sizes,
          moments: tensor(moments),
          control: control(),
          mean: parameter(mean),
          variance: parameter(variance),
          batchCount: parameter(batchCount),
          momentum,
        }),
      ],
    });
  },

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
    const [source, above, before] = value.inputs;
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
    const x = builder.tensorOf(source);
    const gy = builder.tensorOf(above);
    if (before) builder.aliasValue(value, builder.tensorOf(before));
    const gw = before ? builder.tensorOf(before) : builder.addValue(value);
    const scratchSize = conv3dWeightGradientScratchSize(shape, facts, limits, choice);
    const scratch = scratchSize > 0 ? builder.addTensor('weight gradient partials', scratchSize) : undefined;
    builder.addStep(value.op, {
      tensors: [x, gy, gw, scratch].filter((id) => id !== undefined),
      flops: flopsOf(value),
      isPerMicroBatch: true,
      launch: ({ tensor, microBatch }) =>
        conv3dWeightGradient({
          shape,
          limits,
          facts,
          x: tensor(x),
          gy: tensor(gy),
          gw: tensor(gw),
          ...(scratch === undefined ? {} : { scratch: tensor(scratch) }),
          ...choice,
          accumulate: microBatch > 0,
        }),
    });
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
    const [input, above] = value.inputs;
    const { batch, channels, size } = featureMapOf(input, value.op);
    const shape = {
      ...value.attributes,
      batch,
      inChannels: channels,
      outChannels: value.shape[1],
      inputSize: size,
    };
    const { limits, facts } = builder.device;
    const x = builder.tensorOf(input);
    const gy = builder.tensorOf(above);
    const gw = builder.addValue(value);
    const scratchSize = convTranspose3dWeightGradientScratchSize(shape, facts, limits);
    const scratch = scratchSize > 0 ? builder.addTensor('weight gradient partials', scratchSize) : undefined;
    builder.addStep(value.op, {
      tensors: [x, gy, gw, scratch].filter((id) => id !== undefined),
      flops: flopsOf(value),
      isPerMicroBatch: true,
      launch: ({ tensor, microBatch }) =>
        convTranspose3dWeightGradient({
          shape,
          limits,
          facts,
          x: tensor(x),
          gy: tensor(gy),
          gw: tensor(gw),
          ...(scratch === undefined ? {} : { scratch: tensor(scratch) }),
          accumulate: microBatch > 0,
        }),
    });
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
  value: Value<'conv3dInputGradient' | 'convTranspose3dInputGradient'>,
  shape: Conv3dShape,
  order: (array: RawWeight['array']) => RawWeight,
  builder: PlanBuilder,
): void {
  const [above, weight, onto] = value.inputs;
  const { limits } = builder.device;
  const kernel = chooseConv3dKernel(shape, builder.device, builder.tunedConv3d(shape));
  const size = packedConv3dWeightSize(shape, kernel);
  const packed = turnedWeight(value, weight, size, builder, (array, result) =>
    packConv3dWeightOnDevice(order(array), shape, kernel, result, limits),
  );
  const gy = builder.tensorOf(above);
  const gx = onto ? ownedCopy(value, onto, builder) : builder.addValue(value);
  builder.addStep(value.op, {
    ...operandsOf([{ tensor: gy }, packed, { tensor: gx }]),
    flops: flopsOf(value),
    launch: (arrays) =>
      conv3dForward({
        shape,
        kernel,
        limits,
        x: arrays.tensor(gy),
        weight: arrayOfOperand(packed, arrays),
        y: arrays.tensor(gx),
        accumulate: onto !== undefined,
      }),
  });
}

function lowerStridedInputGradient(value: Value<'conv3dInputGradient'>, builder: PlanBuilder): void {
  const [above, weight, onto] = value.inputs;
  const { channels, kernelSize, stride } = value.attributes;
  const { batch, size } = featureMapOf(value, value.op);
  const shape: Conv3dShape = {
    batch,
    inChannels: channels.count,
    outChannels: weight.shape[0],
    inputSize: size,
    kernelSize,
    stride,
  };
  const { limits } = builder.device;
  const kernel = chooseStridedKernel(shape, builder.device);
  const { size: packedSize, pack } = stridedWeight(shape, kernel);
  const packed = turnedWeight(value, weight, packedSize, builder, (array, result) =>
    pack({ ...turnedOrder(value, array), isFlipped: false }, result, limits),
  );
  const gy = builder.tensorOf(above);
  const gx = onto ? ownedCopy(value, onto, builder) : builder.addValue(value);
  builder.addStep(value.op, {
    ...operandsOf([{ tensor: gy }, packed, { tensor: gx }]),
    flops: flopsOf(value),
    launch: (arrays) =>
      stridedInputGradient({
        shape,
        kernel,
        limits,
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
  onDevice: Parameters<PlanBuilder['packedWeight']>[2]['onDevice'],
): Operand {
  const onHost = () => {
    throw new Error(`${value.op}: only a graph that learns has gradients`);
  };
  return builder.packedWeight(value.op, weight, { size, onHost, onDevice });
}

/** A tensor that holds `input` now and may be overwritten with `value`. */
function ownedCopy(value: Value, input: Value, builder: PlanBuilder): TensorId {
  const source = builder.tensorOf(input);
  if (builder.isReadOnce(input)) {
    builder.aliasValue(value, source);
    return source;
  }
  const copy = builder.addValue(value);
  const size = elementCount(value.shape);
  builder.addStep(value.op, {
    tensors: [source, copy],
    launch: ({ tensor }) => copyForward(tensor(source), 0, tensor(copy), 0, size, builder.device.limits),
  });
  return copy;
}

function normSizes(x: Value, builder: PlanBuilder) {
  const { batch, channels, size } = featureMapOf(x, 'norm');
  return { batch, channels, planeLength: elementCount(size), limits: builder.device.limits };
}

/** What all passes of a norm read, and how it becomes arrays. */
function normOperands(
  value: Value<'normApply' | 'normGradientSums' | 'normInputGradient'>,
  builder: PlanBuilder,
): {
  readonly tensors: readonly TensorId[];
  readonly parameters: readonly ParameterId[];
  /** Inputs behind the norm's own. */
  readonly last: readonly Value[];
  resolve(arrays: StepArrays): NormActivation;
  other(arrays: StepArrays): ReturnType<StepArrays['tensor']> | undefined;
} {
  const { x, statistics, affine, other, last } = normInputs(value);
  const sizes = normSizes(x, builder);
  const weight = builder.vectorParameter(affine?.weight, sizes.channels, 1);
  const bias = builder.vectorParameter(affine?.bias, sizes.channels, 0);
  const xTensor = builder.tensorOf(x);
  const statisticsTensor = builder.tensorOf(statistics);
  const otherTensor = other && builder.tensorOf(other);
  return {
    tensors: [xTensor, statisticsTensor, ...(otherTensor === undefined ? [] : [otherTensor])],
    parameters: [weight, bias],
    last,
    resolve: ({ tensor, parameter }) => ({
      ...sizes,
      x: tensor(xTensor),
      statistics: tensor(statisticsTensor),
      weight: parameter(weight),
      bias: parameter(bias),
      negativeSlope: value.attributes.negativeSlope,
    }),
    other: ({ tensor }) => (otherTensor === undefined ? undefined : tensor(otherTensor)),
  };
}
