// Between windows as they are here, `[c, …]`, and the tensors that foreign ONNX files take and give.

import { StudioError } from '@/shared/errors';
import { elementCount, formatShape } from '@/shared/geometry';
import type { OnnxOutput } from './onnxRuntime';

/** Where a file has its channels: `[n, c, …]` or `[n, …, c]`. */
export type ChannelPlace = 'first' | 'last';

/** The input tensor of a window `[c, patch…]`, batch 1. */
export function toFileOrder(
  window: Float32Array,
  channels: number,
  patchSize: readonly number[],
  channelsAre: ChannelPlace,
): { readonly values: Float32Array; readonly shape: readonly number[] } {
  if (channelsAre === 'first') return { values: window, shape: [1, channels, ...patchSize] };
  const voxels = elementCount(patchSize);
  const values = new Float32Array(window.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < voxels; i++) values[i * channels + c] = window[c * voxels + i];
  }
  return { values, shape: [1, ...patchSize, channels] };
}

/** The output tensor of one window as `[k, patch…]`. Throws `WrongOutput` where it is of another shape. */
export function toChannelsFirst(
  { data, shape }: OnnxOutput,
  channels: number,
  patchSize: readonly number[],
  channelsAre: ChannelPlace,
): Float32Array {
  const expected = channelsAre === 'first' ? [1, channels, ...patchSize] : [1, ...patchSize, channels];
  if (shape.join() !== expected.join()) {
    throw new StudioError(
      'WrongOutput',
      `The network gives ${formatShape(shape)}, where its description asks for ${formatShape(expected)}.`,
      'Correct labels, patch size or layout in the JSON beside the ONNX file.',
    );
  }
  if (channelsAre === 'first') return data;
  const voxels = elementCount(patchSize);
  const values = new Float32Array(data.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < voxels; i++) values[c * voxels + i] = data[i * channels + c];
  }
  return values;
}

/** The smallest and the largest probability that logits are taken of: beyond them float32 has none. */
const SMALLEST = 1e-37;
const LARGEST = 1 - 2 ** -24;

/** Logits that the activation would turn into `values`; for softmax up to a number that all classes share. */
export function activationToLogits(
  values: Float32Array,
  activation: 'none' | 'softmax' | 'sigmoid',
): Float32Array {
  if (activation === 'none') return values;
  return values.map((value) => {
    const p = Math.max(value, SMALLEST);
    return activation === 'softmax' ? Math.log(p) : Math.log(p / (1 - Math.min(p, LARGEST)));
  });
}
