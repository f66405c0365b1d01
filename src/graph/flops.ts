import { elementCount } from '@/shared/geometry';
import { type Graph, topologicalOrder, type Value } from './value';

/** Floating-point operations of one node, two per multiply-add. Only convolutions count, as is usual. */
export function flopsOf(value: Value): number {
  const isConv = value.op === 'conv3d' || value.op === 'convTranspose3d';
  if (!isConv) return 0;
  const [x, weight] = value.inputs;
  // Every output voxel of a convolution reads one weight per input channel and tap; every input voxel of a
  // transposed one writes one per output channel and tap.
  const [, ...perChannel] = weight.shape;
  const voxels = value.op === 'conv3d' ? elementCount(value.shape) : elementCount(x.shape);
  return 2 * voxels * elementCount(perChannel);
}

/** Floating-point operations of one forward pass in convolutions. */
export function countFlops(graph: Pick<Graph, 'outputs'>): number {
  return topologicalOrder(graph.outputs).reduce((sum, value) => sum + flopsOf(value), 0);
}
