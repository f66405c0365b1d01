import { elementCount } from '@/shared/geometry';
import { type Graph, topologicalOrder, type Value } from './value';

/** Floating-point operations of one node, two per multiply-add. Only convolutions count, as is usual. */
export function flopsOf(value: Value): number {
  // Every output voxel of a convolution reads one weight per input channel and tap; every input voxel of a
  // transposed one writes one per output channel and tap. Gradients take the same products.
  const products = (voxels: Value | undefined, [, ...perChannel]: readonly number[]) =>
    voxels ? 2 * elementCount(voxels.shape) * elementCount(perChannel) : 0;
  const { inputs } = value;
  switch (value.op) {
    case 'conv3d':
      return products(value, inputs[1].shape);
    case 'convTranspose3d':
    case 'convTranspose3dWeightGradient':
      return products(inputs[0], value.op === 'convTranspose3d' ? inputs[1].shape : value.shape);
    case 'conv3dInputGradient':
      return (products(inputs[0], inputs[1].shape) * value.shape[1]) / inputs[1].shape[1];
    case 'conv3dWeightGradient':
      return (products(inputs[1], value.shape) * value.attributes.channels.count) / value.shape[1];
    case 'convTranspose3dInputGradient':
      return products(value, inputs[1].shape);
    default:
      return 0;
  }
}

/** Floating-point operations of one forward pass in convolutions. */
export function countFlops(graph: Pick<Graph, 'outputs'>): number {
  return topologicalOrder(graph.outputs).reduce((sum, value) => sum + flopsOf(value), 0);
}
