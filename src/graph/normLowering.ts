// From the norms of training to steps: statistics apart from their use, so that outputs can be computed again.

import {
  batchMoments,
  batchNormGradientMeans,
  batchNormStatistics,
  batchNormUpdate,
} from '@/kernels/batchNorm';
import {
  type NormActivation,
  normAffineGradient,
  normApply,
  normGradientSums,
  normInputGradient,
  normScratchSize,
  normStatistics,
} from '@/kernels/normTraining';
import { elementCount } from '@/shared/geometry';
import { normInputs } from './ops/norm';
import type { Lowering, PlanBuilder } from './planBuilder';
import type { ParameterId, StepArrays, TensorId } from './step';
import { featureMapOf, type Value } from './value';

type NormOp =
  | 'normStatistics'
  | 'normApply'
  | 'normGradientSums'
  | 'normInputGradient'
  | 'normAffineGradient'
  | 'batchMoments'
  | 'batchNormStatistics'
  | 'batchNormGradientMeans'
  | 'batchNormUpdate';

export const NORM_LOWERINGS: { readonly [Op in NormOp]: Lowering<Op> } = {
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
};

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
