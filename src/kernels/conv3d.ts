// Convolution, forward: choice of a kernel, packing of its weights, and its launch.

import type { AdapterFacts } from '@/gpu/device';
import { BYTES_PER_ELEMENT, type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { type DirectKernel, directSource, directWorkgroups, packDirectWeight } from './conv3dDirect';
import {
  hasScalarBinding,
  LANES_MODE,
  type LanesKernel,
  lanesCandidates,
  lanesParts,
  lanesSource,
  lanesWeightRange,
  lanesWorkgroups,
  packedLanesWeightSize,
  packLanesWeight,
  supportsLanes,
} from './conv3dLanes';
import type { Conv3dProblem } from './conv3dProblem';
import {
  type BoundRange,
  boundRange,
  type Conv3dPart,
  type Conv3dShape,
  conv3dOutputSize,
  inputSlices,
  splitConv3d,
  tensorRange,
} from './conv3dShape';
import {
  supportsTiled,
  type TiledKernel,
  tiledCandidates,
  tiledSource,
  tiledWorkgroups,
} from './conv3dTiled';
import { alignmentOf } from './ranges';
import { featureDtypeOf } from './storage';

/** A family of kernels and its tile: plain data, so that a tuner can store it. */
export type Conv3dKernel = DirectKernel | LanesKernel | TiledKernel;

/** Families whose weights are packed as blocks of output channels and bound by ranges of them. */
type BlockKernel = DirectKernel | TiledKernel;

/** The parts of a device that the choice depends on. */
export interface Conv3dDevice {
  readonly limits: Pick<GPUSupportedLimits, 'maxStorageBufferBindingSize'>;
  readonly facts: AdapterFacts;
}

/** The kernel to use where nothing was measured; `tuned` is what a tuner found, if it did. */
export function chooseConv3dKernel(
  shape: Conv3dShape,
  device: Conv3dDevice,
  tuned?: Conv3dKernel,
): Conv3dKernel {
  return tuned ?? conv3dCandidates(shape, device)[0];
}

const DIRECT: DirectKernel = {
  family: 'direct',
  name: 'direct 8x4',
  outBlock: 8,
  columns: 4,
  workgroupSize: 64,
};

/** Kernels worth measuring, the likely best first. */
export function conv3dCandidates(shape: Conv3dShape, { facts, limits }: Conv3dDevice): Conv3dKernel[] {
  const { subgroupSize, isSoftware, vendor } = facts;
  const lanes = isSoftware && subgroupSize !== undefined ? lanesCandidates(shape, subgroupSize) : [];
  const tiled = isSoftware ? [] : tiledCandidates(shape);
  // Apple's GPUs gain nothing from workgroup memory: their caches are as fast.
  const kernels = vendor === 'apple' ? [DIRECT, ...tiled] : [...lanes, ...tiled, DIRECT];
  return kernels.filter((kernel) => supportsConv3d(kernel, shape, limits.maxStorageBufferBindingSize));
}

/** Whether `kernel` can compute `shape` where one binding holds `bindingBytes`. */
export function supportsConv3d(kernel: Conv3dKernel, shape: Conv3dShape, bindingBytes: number): boolean {
  switch (kernel.family) {
    case 'direct':
      return blockFits(kernel, shape, bindingBytes);
    case 'tiled':
      return blockFits(kernel, shape, bindingBytes) && supportsTiled(kernel, shape);
    case 'lanes':
      return supportsLanes(kernel, shape, bindingBytes);
  }
}

/** Elements of the packed weight. */
export function packedConv3dWeightSize(shape: Conv3dShape, kernel: Conv3dKernel): number {
  switch (kernel.family) {
    case 'direct':
    case 'tiled':
      return Math.ceil(shape.outChannels / kernel.outBlock) * blockSize(shape, kernel);
    case 'lanes':
      return packedLanesWeightSize(kernel, shape);
  }
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
  switch (kernel.family) {
    case 'direct':
    case 'tiled':
      return packDirectWeight(weight, outChannels, inChannels, tapCount(shape), kernel.outBlock);
    case 'lanes':
      return packLanesWeight(weight, kernel, shape);
  }
}

/** Arguments of {@link conv3dForward}. */
export interface Conv3dForward {
  readonly shape: Conv3dShape;
  readonly kernel: Conv3dKernel;
  readonly limits: Pick<
    GPUSupportedLimits,
    'maxStorageBufferBindingSize' | 'maxComputeWorkgroupsPerDimension'
  >;
  /** `[n, cin, z, y, x]`, f32 or f16. */
  readonly x: GpuArray;
  /** As {@link packConv3dWeight} returns it. */
  readonly weight: GpuArray;
  /** `[cout]`. */
  readonly bias?: GpuArray;
  /** `[n, cout, z, y, x]`, f32 or f16; may not overlap `x`. */
  readonly y: GpuArray;
  /** Adds to `y`: a convolution over a concatenation runs once per source. */
  readonly accumulate: boolean;
}

/** `y = conv3d(x, weight) + bias`, or `y += …`. Run the dispatches in order. */
export function conv3dForward(args: Conv3dForward): Dispatch[] {
  const { shape, kernel, limits } = args;
  const bindingBytes = limits.maxStorageBufferBindingSize;
  switch (kernel.family) {
    case 'direct':
    case 'tiled': {
      const size = packedConv3dWeightSize(shape, kernel);
      return splitConv3d(shape, bindingBytes, kernel.outBlock, size).map((part) =>
        dispatchBlocks(args, kernel, part),
      );
    }
    case 'lanes':
      return lanesParts(kernel, shape, bindingBytes).map((part) => dispatchLanes(args, kernel, part));
  }
}

function dispatchBlocks(args: Conv3dForward, kernel: BlockKernel, part: Conv3dPart): Dispatch {
  const { shape, limits, x, weight, bias, y } = args;
  const size = blockSize(shape, kernel);
  const weights = boundRange(
    Math.floor(part.outChannels[0] / kernel.outBlock) * size,
    Math.ceil(part.outChannels[1] / kernel.outBlock) * size,
  );
  const biasRange = boundRange(part.outChannels[0], part.outChannels[1]);
  const { problem, xRange, yRange } = bindPart(args, part, weights.start, biasRange.start);
  const count =
    kernel.family === 'direct' ? directWorkgroups(kernel, problem) : tiledWorkgroups(kernel, problem);
  return {
    label: `conv3d ${kernel.name}`,
    source: kernel.family === 'direct' ? directSource(kernel, problem) : tiledSource(kernel, problem),
    entryPoint: 'main',
    bindings: [
      slice(x, xRange),
      slice(weight, weights),
      ...(bias && problem.hasBias ? [slice(bias, biasRange)] : []),
      slice(y, yRange),
    ],
    workgroups: [...foldGrid({ limits: limits as GPUSupportedLimits }, count), 1],
  };
}

function dispatchLanes(args: Conv3dForward, kernel: LanesKernel, part: Conv3dPart): Dispatch {
  const { shape, limits, x, weight, bias, y } = args;
  const { problem, xRange, yRange } = bindPart(args, part, 0, 0);
  const chunk = lanesWeightRange(kernel, shape, part);
  const mode =
    (problem.accumulate ? LANES_MODE.accumulate : 0) + (bias && problem.hasBias ? LANES_MODE.bias : 0);
  return {
    label: `conv3d ${kernel.name}`,
    source: lanesSource(kernel, problem),
    entryPoint: 'main',
    bindings: [
      slice(x, xRange),
      slice(weight, chunk),
      slice(weight, { start: chunk.start, size: mode + 1 }),
      bias && problem.hasBias ? bias : slice(weight, { start: chunk.start, size: 1 }),
      slice(y, yRange),
      ...(hasScalarBinding(problem) ? [slice(x, xRange)] : []),
    ],
    workgroups: [...foldGrid({ limits: limits as GPUSupportedLimits }, lanesWorkgroups(kernel, problem)), 1],
  };
}

/** What the source of a part depends on, and the ranges of `x` and `y` that it binds. */
function bindPart(args: Conv3dForward, part: Conv3dPart, weightBase: number, biasBase: number) {
  const { shape, limits, x, bias, y } = args;
  const outputSize = conv3dOutputSize(shape);
  const limit = limits.maxStorageBufferBindingSize / 4;
  const whole = (array: GpuArray): BoundRange => ({ start: 0, size: array.size, skip: 0 });
  const xRange =
    x.size <= limit && !part.isWindow
      ? whole(x)
      : tensorRange(
          shape.inChannels,
          shape.inputSize,
          { batch: part.batch, channel: part.inChannels, z: inputSlices(shape, part.z) },
          alignmentOf(x),
        );
  const yRange =
    y.size <= limit && !part.isWindow
      ? whole(y)
      : tensorRange(
          shape.outChannels,
          outputSize,
          { batch: part.batch, channel: part.outChannels, z: part.z },
          alignmentOf(y),
        );
  const problem: Conv3dProblem = {
    shape,
    outputSize,
    part,
    xBase: xRange.start,
    yBase: yRange.start,
    xSkip: xRange.skip,
    ySkip: yRange.skip,
    weightBase,
    biasBase,
    accumulate: args.accumulate || !part.first,
    hasBias: bias !== undefined && part.first,
    xAccess: x.buffer === y.buffer ? 'read_write' : 'read',
    xStorage: featureDtypeOf(x),
    yStorage: featureDtypeOf(y),
  };
  return { problem, xRange, yRange };
}

function slice(array: GpuArray, range: Pick<BoundRange, 'start' | 'size'>): GpuArray {
  return { ...array, offset: array.offset + range.start * BYTES_PER_ELEMENT[array.dtype], size: range.size };
}

/** Whether the weights of one block of output channels fit a binding, wherever it starts. */
function blockFits(kernel: BlockKernel, shape: Conv3dShape, bindingBytes: number): boolean {
  return (blockSize(shape, kernel) + 64) * 4 <= bindingBytes;
}

function blockSize(shape: Conv3dShape, { outBlock }: BlockKernel): number {
  return outBlock * shape.inChannels * tapCount(shape);
}

function tapCount({ kernelSize }: Conv3dShape): number {
  return kernelSize[0] * kernelSize[1] * kernelSize[2];
}
