// Transposed convolution with kernel = stride, forward: choice of the tile, packing, launch. One thread computes every
// output voxel that four input voxels become, for a block of output channels.

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { elementCount } from '@/shared/geometry';
import type { ConvTranspose3dShape } from './convTranspose3dShape';
import { convTranspose3dSource, INPUT_VOXELS } from './convTranspose3dSource';
import { bindingCapacity, bindRange, type KernelLimits, pieces } from './ranges';

/** Accumulators (vectors of {@link INPUT_VOXELS}) that one thread should hold. */
const TARGET_ACCUMULATORS = 32;
const MAX_OUT_BLOCK = 8;
const MAX_WORKGROUP_SIZE = 64;

/** Output channels one thread computes. */
export function convTranspose3dOutBlock({ stride, outChannels }: ConvTranspose3dShape): number {
  const fitting = Math.floor(TARGET_ACCUMULATORS / elementCount(stride));
  return Math.max(1, Math.min(MAX_OUT_BLOCK, fitting, outChannels));
}

/** Elements one block of output channels takes per input channel, whole vectors of 4. */
function packedRow(shape: ConvTranspose3dShape): number {
  return Math.ceil((elementCount(shape.stride) * convTranspose3dOutBlock(shape)) / 4) * 4;
}

/** Elements (f32) of the packed weight. */
export function packedConvTranspose3dWeightSize(shape: ConvTranspose3dShape): number {
  return Math.ceil(shape.outChannels / convTranspose3dOutBlock(shape)) * shape.inChannels * packedRow(shape);
}

/** `[cin, cout, kz, ky, kx]` → `[blocks, cin, (tap, channel of the block)]`, filled up with zeros. */
export function packConvTranspose3dWeight(weight: Float32Array, shape: ConvTranspose3dShape): Float32Array {
  const packed = new Float32Array(packedConvTranspose3dWeightSize(shape));
  const { inChannels, outChannels } = shape;
  const outBlock = convTranspose3dOutBlock(shape);
  const taps = elementCount(shape.stride);
  const row = packedRow(shape);
  for (let ci = 0; ci < inChannels; ci++) {
    for (let co = 0; co < outChannels; co++) {
      const start = (Math.floor(co / outBlock) * inChannels + ci) * row + (co % outBlock);
      for (let tap = 0; tap < taps; tap++) {
        packed[start + tap * outBlock] = weight[(ci * outChannels + co) * taps + tap];
      }
    }
  }
  return packed;
}

export interface ConvTranspose3dArgs {
  readonly shape: ConvTranspose3dShape;
  readonly limits: KernelLimits;
  /** `[n, cin, z, y, x]`. */
  readonly x: GpuArray;
  /** As {@link packConvTranspose3dWeight} returns it. */
  readonly weight: GpuArray;
  /** `[cout]`. */
  readonly bias: GpuArray | undefined;
  /** `[n, cout, z·kz, y·ky, x·kx]`, another buffer. */
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
  return partsOf(args.shape, args.limits).map((part) => dispatchPart(args, part));
}

function partsOf(shape: ConvTranspose3dShape, limits: KernelLimits): Part[] {
  const { batch, inChannels, outChannels } = shape;
  const capacity = bindingCapacity(limits);
  const inLength = elementCount(shape.inputSize);
  const outLength = inLength * elementCount(shape.stride);
  const whole = (count: number) => ({ start: 0, count });
  if (batch * Math.max(inChannels * inLength, outChannels * outLength) <= capacity) {
    return [{ samples: whole(batch), outChannels: whole(outChannels), inChannels: whole(inChannels) }];
  }
  const outBlock = convTranspose3dOutBlock(shape);
  const outStep = Math.floor(capacity / outLength / outBlock) * outBlock;
  const inStep = Math.floor(capacity / inLength);
  if (outStep < 1) {
    throw new Error(
      `convTranspose3d: ${outBlock} channels of ${outLength} voxels exceed the binding limit of this adapter`,
    );
  }
  return pieces(batch, 1).flatMap((samples) =>
    pieces(outChannels, outStep).flatMap((out) =>
      pieces(inChannels, inStep).map((input) => ({ samples, outChannels: out, inChannels: input })),
    ),
  );
}

function dispatchPart({ shape, limits, x, weight, bias, y }: ConvTranspose3dArgs, part: Part): Dispatch {
  const { inChannels, outChannels } = shape;
  const inLength = elementCount(shape.inputSize);
  const outLength = inLength * elementCount(shape.stride);
  const channelsOf = (channels: number, range: Part['inChannels']) => ({
    start: part.samples.start * channels + range.start,
    count: (part.samples.count - 1) * channels + range.count,
  });
  const inPlanes = channelsOf(inChannels, part.inChannels);
  const outPlanes = channelsOf(outChannels, part.outChannels);
  const boundX = bindRange(x, inPlanes.start * inLength, inPlanes.count * inLength);
  const boundY = bindRange(y, outPlanes.start * outLength, outPlanes.count * outLength);
  const outBlock = convTranspose3dOutBlock(shape);
  const quads = Math.ceil(inLength / INPUT_VOXELS);
  const workgroupSize = Math.min(MAX_WORKGROUP_SIZE, Math.max(8, 2 ** Math.ceil(Math.log2(quads))));
  const groupsPerPlane = Math.ceil(quads / workgroupSize);
  const blocks = Math.ceil(part.outChannels.count / outBlock);
  const adds = part.inChannels.start > 0;
  const hasBias = bias !== undefined && !adds;
  return {
    label: 'convTranspose3d',
    source: convTranspose3dSource({ ...shape, outBlock, row: packedRow(shape), hasBias, adds }),
    entryPoint: 'forward',
    constants: {
      workgroupSize,
      groupsPerPlane,
      blocks,
      samples: part.samples.count,
      firstOut: part.outChannels.start,
      outCount: part.outChannels.count,
      firstIn: part.inChannels.start,
      inCount: part.inChannels.count,
      xBase: boundX.base,
      yBase: boundY.base,
    },
    bindings: [boundX.array, weight, hasBias ? bias : undefined, boundY.array],
    workgroups: [...foldGrid({ limits }, part.samples.count * blocks * groupsPerPlane), 1],
  };
}
