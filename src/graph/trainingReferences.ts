// The training ops in f64.

import { avgPoolGradientReference } from '@/kernels/avgPool.reference';
import {
  batchMomentsReference,
  batchNormGradientMeansReference,
  batchNormStatisticsReference,
  batchNormUpdateReference,
} from '@/kernels/batchNorm.reference';
import { conv3dBackwardInput, conv3dBackwardWeight } from '@/kernels/conv3dWeightGradient.reference';
import {
  convTranspose3dBackwardInput,
  convTranspose3dBackwardWeight,
} from '@/kernels/convTranspose3dWeightGradient.reference';
import { dropoutReference } from '@/kernels/dropout.reference';
import { lossReference } from '@/kernels/losses/loss.reference';
import { unpackTarget } from '@/kernels/losses/target';
import {
  type NormReference,
  normAffineGradientReference,
  normApplyReference,
  normGradientSumsReference,
  normInputGradientReference,
  normStatisticsReference,
} from '@/kernels/norm.reference';
import { elementCount } from '@/shared/geometry';
import { featureMapOf, type TrainingOpAttributes, type Value } from './value';

/** All but the leaf. */
type TrainingOp = Exclude<keyof TrainingOpAttributes, 'stepControl'>;

/** Computes one node from its inputs' data. */
export type TrainingReference<Op extends TrainingOp> = (
  value: Value<Op>,
  inputs: readonly Float64Array[],
) => Float64Array;

export const TRAINING_REFERENCES: { readonly [Op in TrainingOp]: TrainingReference<Op> } = {
  normStatistics: ({ attributes, shape }, [x]) =>
    normStatisticsReference(x, shape[0] * shape[1], attributes.eps),

  normApply: (value, inputs) => {
    const { x, statistics, other } = normData(value, inputs);
    return normApplyReference(normReference(value, inputs), x, statistics, other);
  },

  normGradientSums: (value, inputs) => {
    const { x, statistics, other, last } = normData(value, inputs);
    return normGradientSumsReference(normReference(value, inputs), x, statistics, other, last[0]);
  },

  normInputGradient: (value, inputs) => {
    const { x, statistics, other, last } = normData(value, inputs);
    const [gradient, sums] = last;
    return normInputGradientReference(normReference(value, inputs), x, statistics, other, gradient, sums);
  },

  normAffineGradient: ({ attributes, shape }, [sums]) =>
    normAffineGradientReference(sums, shape[0], attributes.of),

  batchMoments: ({ inputs, shape }, [x]) => {
    const { size } = featureMapOf(inputs[0], 'batchMoments');
    return batchMomentsReference(x, shape[0], elementCount(size));
  },

  batchNormStatistics: ({ attributes, shape }, [moments, mean, variance, [, isEvaluating]]) => {
    const used = isEvaluating ? moments.map((_, i) => (i % 2 === 0 ? mean : variance)[i >> 1]) : moments;
    return batchNormStatisticsReference(used, shape[0], attributes.eps);
  },

  batchNormGradientMeans: ({ shape }, [sums]) => batchNormGradientMeansReference(sums, shape[0]),

  batchNormUpdate: ({ attributes }, [moments, mean, variance, [batchCount], [, isEvaluating]]) =>
    isEvaluating
      ? Float64Array.of(...mean, ...variance, batchCount)
      : batchNormUpdateReference(
          moments,
          { mean, variance, batchCount },
          attributes.momentum,
          attributes.count,
        ),

  dropoutApply: (value, [x, [step, isEvaluating]]) =>
    isEvaluating
      ? x
      : dropoutReference(x, elementCount(featureMapOf(value, value.op).size), value.attributes, step),

  leakyReluGradient: ({ attributes }, [output, gradient]) =>
    gradient.map((value, i) => (output[i] > 0 ? value : attributes.negativeSlope * value)),

  avgPoolGradient: ({ attributes, shape }, [gradient]) =>
    avgPoolGradientReference(
      gradient,
      shape[0] * shape[1],
      [shape[2], shape[3], shape[4]],
      attributes.stride,
    ),

  conv3dInputGradient: ({ attributes, inputs, shape }, [gradient, weight, onto]) => {
    const { start, count } = attributes.channels;
    const [outChannels, inChannels, ...kernel] = inputs[1].shape;
    const conv = { ...attributes, ...sizesOf(shape), outChannels };
    const taps = elementCount(kernel);
    const window = Float64Array.from({ length: outChannels * count * taps }, (_, i) => {
      const out = Math.floor(i / (count * taps));
      return weight[(out * inChannels + start) * taps + (i % (count * taps))];
    });
    return sumOf(conv3dBackwardInput(conv, gradient, window), onto);
  },

  conv3dWeightGradient: ({ attributes, inputs, shape }, [source, gradient, before]) => {
    const [outChannels, inChannels, ...kernel] = shape;
    const taps = elementCount(kernel);
    const result = new Float64Array(before ?? elementCount(shape));
    const conv = { ...attributes, ...sizesOf(inputs[0].shape), outChannels };
    const part = conv3dBackwardWeight(conv, source, gradient);
    const { start, count } = attributes.channels;
    for (let out = 0; out < outChannels; out++) {
      const row = part.subarray(out * count * taps, (out + 1) * count * taps);
      result.set(row, (out * inChannels + start) * taps);
    }
    return result;
  },

  convTranspose3dInputGradient: ({ attributes, inputs, shape }, [gradient, weight, onto]) => {
    const conv = { ...attributes, ...sizesOf(shape), outChannels: inputs[1].shape[1] };
    return sumOf(convTranspose3dBackwardInput(conv, gradient, weight), onto);
  },

  convTranspose3dWeightGradient: ({ attributes, inputs, shape }, [x, gradient]) => {
    const conv = { ...attributes, ...sizesOf(inputs[0].shape), outChannels: shape[1] };
    return convTranspose3dBackwardWeight(conv, x, gradient);
  },

  lossGradient: ({ attributes, inputs }, [logits, target]) => {
    const { options, weight } = attributes;
    const { batch, channels: classes, size } = featureMapOf(inputs[0], 'lossGradient');
    const shape = { batch, classes, voxels: elementCount(size) };
    const { gradient } = lossReference(options, shape, logits, unpackTarget(options.target, shape, target));
    return gradient.map((value) => weight * value);
  },

  zeroGradient: ({ shape }) => new Float64Array(elementCount(shape)),

  channelSum: ({ inputs, shape }, [x]) => {
    const { batch } = featureMapOf(inputs[0], 'channelSum');
    const length = x.length / (batch * shape[0]);
    const sums = new Float64Array(shape[0]);
    for (let i = 0; i < x.length; i++) sums[Math.floor(i / length) % shape[0]] += x[i];
    return sums;
  },
};

type NormOp = Value<'normApply' | 'normGradientSums' | 'normInputGradient'>;

function normData({ attributes }: NormOp, [x, statistics, ...rest]: readonly Float64Array[]) {
  const behindAffine = rest.slice(attributes.hasAffine ? 2 : 0);
  const other = attributes.hasResidual ? behindAffine[0] : undefined;
  return { x, statistics, other, last: behindAffine.slice(other ? 1 : 0) };
}

function normReference({ attributes, shape }: NormOp, inputs: readonly Float64Array[]): NormReference {
  const affine = attributes.hasAffine ? { weight: inputs[2], bias: inputs[3] } : undefined;
  return { planes: shape[0] * shape[1], affine, negativeSlope: attributes.negativeSlope };
}

function sizesOf([batch, inChannels, z, y, x]: readonly number[]) {
  return { batch, inChannels, inputSize: [z, y, x] as const };
}

function sumOf(part: Float64Array, onto: Float64Array | undefined): Float64Array {
  return onto ? part.map((value, i) => value + onto[i]) : part;
}
