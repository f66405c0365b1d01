// Transposed convolution with kernel = stride, forward: choice of the tile, packing, launch. One thread computes every
// output voxel that four input voxels become, for a block of output channels.

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { elementCount } from '@/shared/geometry';
import type { ConvTranspose3dShape } from './convTranspose3dShape';
import { convTranspose3dSource, INPUT_VOXELS } from './convTranspose3dSource';
import {
  ALIGNMENT_ELEMENTS,
  bindingCapacity,
  bindRange,
  exceedsBinding,
  type KernelLimits,
  pieces,
} from './ranges';
import { featureDtypeOf } from './storage';

/** Accumulators (vectors of {@link INPUT_VOXELS}) that one thread should hold. */
const TARGET_ACCUMULATORS = 32;
const MAX_OUT_BLOCK = 8;
const MAX_WORKGROUP_SIZE = 64;
/** What a uniform binding may hold on every WebGPU device, f32 elements. */
const UNIFORM_ELEMENTS = 16_384;
const MAX_UNIFORM_DISPATCHES = 16;

/** Output channels one thread computes. */
function convTranspose3dOutBlock({ stride, outChannels }: ConvTranspose3dShape): number {
  const fitting = Math.floor(TARGET_ACCUMULATORS / elementCount(stride));
  return Math.max(1, Math.min(MAX_OUT_BLOCK, fitting, outChannels));
}

/** Elements one block of output channels takes per input channel, whole vectors of 4. */
function packedRow(shape: ConvTranspose3dShape): number {
  return Math.ceil((elementCount(shape.stride) * convTranspose3dOutBlock(shape)) / 4) * 4;
}

/** Elements of one block, so that each can begin a binding. */
function packedBlock(shape: ConvTranspose3dShape): number {
  return Math.ceil((shape.inChannels * packedRow(shape)) / ALIGNMENT_ELEMENTS) * ALIGNMENT_ELEMENTS;
}

/** Elements (f32) of the packed weight. A uniform binding has a fixed size, so one may begin at the last block. */
export function packedConvTranspose3dWeightSize(shape: ConvTranspose3dShape): number {
  return blockCount(shape) * packedBlock(shape) + UNIFORM_ELEMENTS;
}

/** How the packed weight is laid out, all in elements. */
export function convTranspose3dLayout(shape: ConvTranspose3dShape) {
  return { outBlock: convTranspose3dOutBlock(shape), row: packedRow(shape), block: packedBlock(shape) };
}

function blockCount(shape: ConvTranspose3dShape): number {
  return Math.ceil(shape.outChannels / convTranspose3dOutBlock(shape));
}

/** `[cin, cout, kz, ky, kx]` → `[blocks, cin, (tap, channel of the block)]`, filled up with zeros. */
export function packConvTranspose3dWeight(weight: Float32Array, shape: ConvTranspose3dShape): Float32Array {
  const packed = new Float32Array(packedConvTranspose3dWeightSize(shape));
  const { inChannels, outChannels } = shape;
  const outBlock = convTranspose3dOutBlock(shape);
  const taps = elementCount(shape.stride);
  for (let ci = 0; ci < inChannels; ci++) {
    for (let co = 0; co < outChannels; co++) {
      const block = Math.floor(co / outBlock) * packedBlock(shape);
      const start = block + ci * packedRow(shape) + (co % outBlock);
      for (let tap = 0; tap < taps; tap++) {
        packed[start + tap * outBlock] = weight[(ci * outChannels + co) * taps + tap];
      }
    }
  }
  return packed;
}

/**
 * Blocks whose weights one dispatch reads through a uniform binding, which software adapters read faster where all threads
 * want the same element; 0 where that would take too many dispatches, and on GPUs: a storage binding serves.
 */
function blocksPerUniform(shape: ConvTranspose3dShape, isSoftware: boolean): number {
  if (!isSoftware) return 0;
  const fitting = Math.floor(UNIFORM_ELEMENTS / packedBlock(shape));
  return fitting > 0 && blockCount(shape) / fitting <= MAX_UNIFORM_DISPATCHES ? fitting : 0;
}

export interface ConvTranspose3dArgs {
  readonly shape: ConvTranspose3dShape;
  readonly limits: KernelLimits;
  /** Whether the adapter computes on a CPU. */
  readonly isSoftware: boolean;
  /** `[n, cin, z, y, x]`, f32 or f16. */
  readonly x: GpuArray;
  /** As {@link packConvTranspose3dWeight} returns it. */
  readonly weight: GpuArray;
  /** `[cout]`. */
  readonly bias: GpuArray | undefined;
  /** `[n, cout, z·kz, y·ky, x·kx]`, f32 or f16, another buffer. */
  readonly y: GpuArray;
}

/** Half-open ranges of samples and channels that one dispatch covers. */
interface Part {
  readonly samples: { readonly start: number; readonly count: number };
  readonly outChannels: { readonly start: number; readonly count: number };
  readonly inChannels: { readonly start: number; readonly count: number };
}

/** `y = convTranspose3d(x, weight) + bias`. Run the dispatches in order. */
export function convTranspose3dForward(args: ConvTranspose3dArgs): Dispatch[] {
  return partsOf(args).map((part) => dispatchPart(args, part));
}

function partsOf({ shape, limits, isSoftware }: ConvTranspose3dArgs): Part[] {
  const { batch, inChannels, outChannels } = shape;
  const capacity = bindingCapacity(limits);
  const inLength = elementCount(shape.inputSize);
  const outLength = inLength * elementCount(shape.stride);
  const fits = batch * Math.max(inChannels * inLength, outChannels * outLength) <= capacity;
  const inStep = fits ? inChannels : Math.floor(capacity / inLength);
  const outStep = fits ? outChannels : Math.floor(capacity / outLength);
  if (outStep < 1) throw exceedsBinding(`one channel of ${outLength} voxels`, limits);
  return pieces(batch, fits ? batch : 1).flatMap((samples) =>
    outputPieces(shape, outStep, isSoftware).flatMap((out) =>
      pieces(inChannels, inStep).map((input) => ({ samples, outChannels: out, inChannels: input })),
    ),
  );
}

/** At most `step` output channels at once: whole blocks, or where not even one fits, parts of one. */
function outputPieces(
  shape: ConvTranspose3dShape,
  step: number,
  isSoftware: boolean,
): { start: number; count: number }[] {
  const outBlock = convTranspose3dOutBlock(shape);
  const blocksThatFit = step >= shape.outChannels ? blockCount(shape) : Math.floor(step / outBlock);
  const blocks = Math.min(blocksThatFit, blocksPerUniform(shape, isSoftware) || blocksThatFit);
  if (blocks > 0) return pieces(shape.outChannels, blocks * outBlock);
  return pieces(shape.outChannels, outBlock).flatMap(({ start, count }) =>
    pieces(count, step).map((piece) => ({ start: start + piece.start, count: piece.count })),
  );
}

function dispatchPart(
  { shape, limits, isSoftware, x, weight, bias, y }: ConvTranspose3dArgs,
  part: Part,
): Dispatch {
  const { inChannels, outChannels, inputSize } = shape;
  const inLength = elementCount(inputSize);
  const outBlock = convTranspose3dOutBlock(shape);
  const boundX = bindChannels(x, part.samples, inChannels, part.inChannels, inLength);
  const outLength = inLength * elementCount(shape.stride);
  const boundY = bindChannels(y, part.samples, outChannels, part.outChannels, outLength);
  const isUniform = blocksPerUniform(shape, isSoftware) > 0;
  const firstWeight = Math.floor(part.outChannels.start / outBlock) * packedBlock(shape);
  const quads = Math.ceil(inLength / INPUT_VOXELS);
  const workgroupSize = Math.min(MAX_WORKGROUP_SIZE, Math.max(8, 2 ** Math.ceil(Math.log2(quads))));
  const groupsPerPlane = Math.ceil(quads / workgroupSize);
  const blocks = Math.ceil(part.outChannels.count / outBlock);
  const adds = part.inChannels.start > 0;
  const hasBias = bias !== undefined && !adds;
  return {
    label: 'convTranspose3d',
    source: convTranspose3dSource({
      stride: shape.stride,
      outBlock,
      row: packedRow(shape),
      isWholeVectors: inLength % 4 === 0,
      isWholeRows: inputSize[2] % 4 === 0,
      weightElements: isUniform ? UNIFORM_ELEMENTS : undefined,
      hasBias,
      adds,
      storesInLoops: isSoftware,
      xStorage: featureDtypeOf(x),
      yStorage: featureDtypeOf(y),
    }),
    entryPoint: 'forward',
    constants: { workgroupSize },
    bindings: [
      boundX.array,
      isUniform ? { ...weight, offset: weight.offset + firstWeight * 4, size: UNIFORM_ELEMENTS } : weight,
      hasBias ? bias : undefined,
      boundY.array,
    ],
    uniform: Uint32Array.of(
      ...inputSize,
      inChannels,
      outChannels,
      part.samples.count,
      part.inChannels.start,
      part.inChannels.count,
      part.outChannels.start,
      part.outChannels.count,
      part.outChannels.start % outBlock,
      boundX.base,
      boundY.base,
      groupsPerPlane,
      blocks,
      packedBlock(shape) / 4,
      isUniform ? 0 : firstWeight / 4,
    ),
    workgroups: [...foldGrid({ limits }, part.samples.count * blocks * groupsPerPlane), 1],
  };
}

/** The planes of `[n, channels, length]` from the first to the last that a part touches. */
function bindChannels(
  array: GpuArray,
  samples: Part['samples'],
  channels: number,
  range: Part['inChannels'],
  length: number,
): { array: GpuArray; base: number } {
  const first = samples.start * channels + range.start;
  const count = (samples.count - 1) * channels + range.count;
  return bindRange(array, first * length, count * length);
}
