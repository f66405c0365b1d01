// Convolution, forward: choice of a kernel, packing of its weights, and its launch.

import type { AdapterFacts } from '@/gpu/device';
import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { type DirectKernel, directSource, directWorkgroups, packDirectWeight } from './conv3dDirect';
import type { Conv3dProblem } from './conv3dProblem';
import {
  boundRange,
  type Conv3dPart,
  type Conv3dShape,
  conv3dOutputSize,
  inputSlices,
  splitConv3d,
  tensorRange,
} from './conv3dShape';

/** A family of kernels and its tile: plain data, so that a tuner can store it. */
export type Conv3dKernel = DirectKernel;

/** The parts of a device that the choice depends on. */
export interface Conv3dDevice {
  readonly limits: Pick<GPUSupportedLimits, 'maxStorageBufferBindingSize'>;
  readonly facts: AdapterFacts;
}

/** The kernel to use where nothing was measured; `tuned` is what a tuner found, if it did. */
export function chooseConv3dKernel(
  _shape: Conv3dShape,
  _device: Conv3dDevice,
  tuned?: Conv3dKernel,
): Conv3dKernel {
  return tuned ?? { family: 'direct', name: 'direct 8x4', outBlock: 8, columns: 4, workgroupSize: 64 };
}

/** Elements of the packed weight. */
export function packedConv3dWeightSize(shape: Conv3dShape, { outBlock }: Conv3dKernel): number {
  return Math.ceil(shape.outChannels / outBlock) * outBlock * shape.inChannels * tapCount(shape);
}

/** Reorders `[cout, cin, kz, ky, kx]` for `kernel`. */
export function packConv3dWeight(
  weight: Float32Array,
  shape: Conv3dShape,
  kernel: Conv3dKernel,
): Float32Array {
  const { inChannels, outChannels } = shape;
  if (weight.length !== outChannels * inChannels * tapCount(shape)) {
    throw new Error(`conv3d: weight has ${weight.length} elements`);
  }
  return packDirectWeight(weight, outChannels, inChannels, tapCount(shape), kernel.outBlock);
}

/** Arguments of {@link conv3dForward}. */
export interface Conv3dForward {
  readonly shape: Conv3dShape;
  readonly kernel: Conv3dKernel;
  readonly limits: Pick<
    GPUSupportedLimits,
    'maxStorageBufferBindingSize' | 'maxComputeWorkgroupsPerDimension'
  >;
  /** `[n, cin, z, y, x]`. */
  readonly x: GpuArray;
  /** As {@link packConv3dWeight} returns it. */
  readonly weight: GpuArray;
  /** `[cout]`. */
  readonly bias?: GpuArray;
  /** `[n, cout, z, y, x]`; may not overlap `x`. */
  readonly y: GpuArray;
  /** Adds to `y`: a convolution over a concatenation runs once per source. */
  readonly accumulate: boolean;
}

/** `y = conv3d(x, weight) + bias`, or `y += …`. Run the dispatches in order. */
export function conv3dForward(args: Conv3dForward): Dispatch[] {
  const { shape, kernel, limits } = args;
  const parts = splitConv3d(
    shape,
    limits.maxStorageBufferBindingSize,
    kernel.outBlock,
    packedConv3dWeightSize(shape, kernel),
  );
  return parts.map((part) => dispatchPart(args, part));
}

function dispatchPart(args: Conv3dForward, part: Conv3dPart): Dispatch {
  const { shape, kernel, limits, x, weight, bias, y } = args;
  const outputSize = conv3dOutputSize(shape);
  const xRange = tensorRange(
    shape.inChannels,
    shape.inputSize,
    part.batch,
    part.inChannels,
    inputSlices(shape, part.z),
  );
  const yRange = tensorRange(shape.outChannels, outputSize, part.batch, part.outChannels, part.z);
  const biasRange = boundRange(part.outChannels[0], part.outChannels[1]);
  const weights = weightRange(shape, kernel, part);
  const problem: Conv3dProblem = {
    shape,
    outputSize,
    part,
    xBase: xRange.start,
    yBase: yRange.start,
    weightBase: weights.start,
    biasBase: biasRange.start,
    accumulate: args.accumulate || !part.first,
    hasBias: bias !== undefined && part.first,
    xAccess: x.buffer === y.buffer ? 'read_write' : 'read',
  };
  return {
    label: `conv3d ${kernel.name}`,
    source: directSource(kernel, problem),
    entryPoint: 'main',
    bindings: [
      slice(x, xRange),
      slice(weight, weights),
      ...(bias && problem.hasBias ? [slice(bias, biasRange)] : []),
      slice(y, yRange),
    ],
    workgroups: [...foldGrid({ limits: limits as GPUSupportedLimits }, directWorkgroups(kernel, problem)), 1],
  };
}

function weightRange(shape: Conv3dShape, kernel: Conv3dKernel, part: Conv3dPart) {
  const blockSize = kernel.outBlock * shape.inChannels * tapCount(shape);
  return boundRange(
    Math.floor(part.outChannels[0] / kernel.outBlock) * blockSize,
    Math.ceil(part.outChannels[1] / kernel.outBlock) * blockSize,
  );
}

function slice(array: GpuArray, range: { start: number; size: number }): GpuArray {
  return { ...array, offset: array.offset + range.start * 4, size: range.size };
}

function tapCount({ kernelSize }: Conv3dShape): number {
  return kernelSize[0] * kernelSize[1] * kernelSize[2];
}
