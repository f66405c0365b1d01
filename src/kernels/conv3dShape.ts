// What a convolution is, before any kernel: sizes, offsets, and the ranges that one dispatch can bind.

import type { Zyx } from '@/shared/geometry';
import { ALIGNMENT_ELEMENTS, exceedsBinding } from './ranges';

/**
 * Cross-correlation as PyTorch's `Conv3d`: `x` `[n, cin, z, y, x]`, weight `[cout, cin, kz, ky, kx]`, `y`
 * `[n, cout, z, y, x]`. 2D is depth 1.
 */
export interface Conv3dShape {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inputSize: Zyx;
  readonly kernelSize: Zyx;
  readonly stride: Zyx;
  /** Without it there is zero padding of `(k - 1) / 2` per axis, and kernel sizes are odd. */
  readonly isUnpadded?: true;
}

/** Zeros before the first voxel, per axis. */
export function paddingOf({ kernelSize, isUnpadded }: Pick<Conv3dShape, 'kernelSize' | 'isUnpadded'>): Zyx {
  if (isUnpadded) return [0, 0, 0];
  const even = kernelSize.find((size) => size % 2 !== 1);
  if (even !== undefined) throw new Error(`conv3d: kernel size ${even} is not odd`);
  return [(kernelSize[0] - 1) / 2, (kernelSize[1] - 1) / 2, (kernelSize[2] - 1) / 2];
}

/** Size of `y`, voxels: `floor((size + 2 · padding - kernel) / stride) + 1` per axis. */
export function conv3dOutputSize(shape: Conv3dShape): Zyx {
  const { inputSize, kernelSize, stride } = shape;
  const padding = paddingOf(shape);
  const along = (axis: 0 | 1 | 2) =>
    Math.floor((inputSize[axis] + 2 * padding[axis] - kernelSize[axis]) / stride[axis]) + 1;
  return [along(0), along(1), along(2)];
}

/** Multiply-adds counted as two operations, padding included: the figure that GFLOP/s are stated in. */
export function conv3dFlop(shape: Conv3dShape): number {
  const product = (size: Zyx) => size[0] * size[1] * size[2];
  return (
    2 *
    shape.batch *
    shape.inChannels *
    shape.outChannels *
    product(shape.kernelSize) *
    product(conv3dOutputSize(shape))
  );
}

/** `[start, end)`. */
export type AxisRange = readonly [number, number];

/**
 * The part of a convolution that one dispatch computes: every array range it needs fits one binding. `first` is false
 * where an earlier part already wrote these outputs, so that this one must add.
 */
export interface Conv3dPart {
  readonly batch: AxisRange;
  readonly outChannels: AxisRange;
  readonly inChannels: AxisRange;
  /** Output slices. */
  readonly z: AxisRange;
  readonly first: boolean;
  /** Whether only the part's own images and channels are bound, so that indices start there. */
  readonly isWindow: boolean;
}

/**
 * Splits a convolution so that no binding exceeds `bindingBytes`: one part if all fits, else a part per image and range
 * of channels, and slabs of slices where one channel alone is too large. Input channel ranges accumulate.
 * Packed weights are whole blocks of `outBlock` output channels, one after the other.
 */
export function splitConv3d(
  shape: Conv3dShape,
  bindingBytes: number,
  outBlock: number,
  packedWeightSize: number,
): Conv3dPart[] {
  const budget = Math.floor(bindingBytes / 4) - ALIGNMENT_ELEMENTS;
  const [inSlices, inRows, inColumns] = shape.inputSize;
  const [outSlices, outRows, outColumns] = conv3dOutputSize(shape);
  const inPlane = inRows * inColumns;
  const outPlane = outRows * outColumns;
  const weightBlockSize = packedWeightSize / Math.ceil(shape.outChannels / outBlock);
  const weightChannels = Math.floor(budget / weightBlockSize) * outBlock;
  if (weightChannels < 1)
    throw new Error('conv3d: the weights of one channel block exceed the binding limit');

  const fits =
    shape.batch * shape.inChannels * inSlices * inPlane <= budget &&
    shape.batch * shape.outChannels * outSlices * outPlane <= budget;
  if (fits && weightChannels >= shape.outChannels) {
    return [
      {
        batch: [0, shape.batch],
        outChannels: [0, shape.outChannels],
        inChannels: [0, shape.inChannels],
        z: [0, outSlices],
        first: true,
        isWindow: false,
      },
    ];
  }
  let inStep = Math.floor(budget / (inSlices * inPlane));
  let outStep = Math.min(weightChannels, Math.floor(budget / (outSlices * outPlane)));
  if (outStep > outBlock) outStep -= outStep % outBlock;
  let zStep = outSlices;
  if (inStep < 1 || outStep < 1) {
    inStep = 1;
    outStep = 1;
    const inputSlabs = Math.floor((Math.floor(budget / inPlane) - shape.kernelSize[0]) / shape.stride[0]) + 1;
    zStep = Math.min(outSlices, Math.floor(budget / outPlane), inputSlabs);
    if (zStep < 1) {
      throw exceedsBinding('a slice of one channel', { maxStorageBufferBindingSize: bindingBytes });
    }
  }
  const parts: Conv3dPart[] = [];
  for (const batch of ranges(shape.batch, fits ? shape.batch : 1)) {
    for (const outChannels of ranges(shape.outChannels, outStep)) {
      for (const z of ranges(outSlices, zStep)) {
        for (const inChannels of ranges(shape.inChannels, inStep)) {
          parts.push({ batch, outChannels, inChannels, z, first: inChannels[0] === 0, isWindow: false });
        }
      }
    }
  }
  return parts;
}

/** `[0, count)` in steps. */
export function ranges(count: number, step: number): AxisRange[] {
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => [
    i * step,
    Math.min(count, (i + 1) * step),
  ]);
}

/** A contiguous piece of an array that one binding covers, and where it lies. */
export interface BoundRange {
  /** First element bound, a multiple of the alignment. */
  readonly start: number;
  /** Elements bound. */
  readonly size: number;
  /** Elements bound before the first wanted one. */
  readonly skip: number;
}

/** The binding that covers elements `[start, end)` of an array in which bindings start at multiples of `alignment`. */
export function boundRange(start: number, end: number, alignment = ALIGNMENT_ELEMENTS): BoundRange {
  const aligned = Math.floor(start / alignment) * alignment;
  return { start: aligned, size: end - aligned, skip: start - aligned };
}

/** The elements of `[n, channels, size]` from the first to the last that a part touches. */
export function tensorRange(
  channels: number,
  size: Zyx,
  { batch, channel, z }: { readonly batch: AxisRange; readonly channel: AxisRange; readonly z: AxisRange },
  alignment: number,
): BoundRange {
  const plane = size[1] * size[2];
  const volume = size[0] * plane;
  const at = (n: number, c: number, slice: number) => (n * channels + c) * volume + slice * plane;
  return boundRange(at(batch[0], channel[0], z[0]), at(batch[1] - 1, channel[1] - 1, z[1]), alignment);
}

/** Input slices that output slices `z` read. */
export function inputSlices(shape: Conv3dShape, z: AxisRange): AxisRange {
  const { inputSize, kernelSize, stride } = shape;
  const [padding] = paddingOf(shape);
  return [
    Math.max(0, z[0] * stride[0] - padding),
    Math.min(inputSize[0], (z[1] - 1) * stride[0] - padding + kernelSize[0]),
  ];
}
