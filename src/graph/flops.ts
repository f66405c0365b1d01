import { elementCount } from '@/shared/geometry';
import { type Graph, type OpName, topologicalOrder, type Value } from './value';

type CountFlops<Op extends OpName> = (value: Value<Op>) => number;

/** Sums and scales are not counted, as is usual. */
const NONE = () => 0;

/**
 * Of every op. Every output voxel of a convolution reads one weight per input channel and tap; every input voxel of a
 * transposed one writes one per output channel and tap. Gradients take the same products.
 */
const FLOPS: { readonly [Op in OpName]: CountFlops<Op> } = {
  conv3d: (value) => products(value, value.inputs[1].shape),
  convTranspose3d: ({ inputs }) => products(inputs[0], inputs[1].shape),
  convTranspose3dWeightGradient: ({ inputs, shape }) => products(inputs[0], shape),
  conv3dInputGradient: ({ inputs, shape }) =>
    (products(inputs[0], inputs[1].shape) * shape[1]) / inputs[1].shape[1],
  conv3dWeightGradient: ({ inputs, shape, attributes }) =>
    (products(inputs[1], shape) * attributes.channels.count) / shape[1],
  convTranspose3dInputGradient: (value) => products(value, value.inputs[1].shape),
  input: NONE,
  parameter: NONE,
  instanceNorm: NONE,
  batchNorm: NONE,
  dropout: NONE,
  leakyRelu: NONE,
  add: NONE,
  concatChannels: NONE,
  avgPool: NONE,
  normStatistics: NONE,
  batchMoments: NONE,
  batchNormStatistics: NONE,
  batchNormGradientMeans: NONE,
  batchNormUpdate: NONE,
  dropoutApply: NONE,
  stepControl: NONE,
  normApply: NONE,
  normGradientSums: NONE,
  normInputGradient: NONE,
  normAffineGradient: NONE,
  leakyReluGradient: NONE,
  avgPoolGradient: NONE,
  channelSum: NONE,
  zeroGradient: NONE,
  lossGradient: NONE,
};

function products(voxels: Value | undefined, [, ...perChannel]: readonly number[]): number {
  return voxels ? 2 * elementCount(voxels.shape) * elementCount(perChannel) : 0;
}

/** Floating-point operations of one node, two per multiply-add. Only convolutions count, as is usual. */
export function flopsOf(value: Value): number {
  // The key and the node's op are the same, which the compiler cannot see.
  return (FLOPS[value.op] as CountFlops<OpName>)(value);
}

/** Floating-point operations of one forward pass in convolutions. */
export function countFlops(graph: Pick<Graph, 'outputs'>): number {
  return topologicalOrder(graph.outputs).reduce((sum, value) => sum + flopsOf(value), 0);
}
