// Packing on the device: while a network learns, its weights change with every step.

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { elementCount } from '@/shared/geometry';
import { type Conv3dKernel, packedConv3dWeightSize } from './conv3d';
import { lanesLayout } from './conv3dLanes';
import { type Conv3dShape, conv3dOutputSize } from './conv3dShape';
import { convTranspose3dLayout, packedConvTranspose3dWeightSize } from './convTranspose3d';
import type { ConvTranspose3dShape } from './convTranspose3dShape';
import source from './packWeight.wgsl?raw';
import type { KernelLimits } from './ranges';

const WORKGROUP_SIZE = 64;
const HEADER_NUMBERS = 20;

/** Where the elements `[out, in, tap]` that a kernel wants lie in a raw weight. */
export interface RawWeight {
  readonly array: GpuArray;
  /** Element of out 0, in 0, tap 0. */
  readonly start: number;
  /** Elements from one out, and from one in, to the next. */
  readonly outStep: number;
  readonly inStep: number;
  /** Taps in reverse order: the gradient of an input is a convolution with the weight turned round. */
  readonly isFlipped: boolean;
}

/** As `packConv3dWeight` does on the host. */
export function packConv3dWeightOnDevice(
  raw: RawWeight,
  shape: Conv3dShape,
  kernel: Conv3dKernel,
  packed: GpuArray,
  limits: KernelLimits,
): Dispatch {
  const [kz, ky, kx] = shape.kernelSize;
  const sizes = { ...shape, rowTaps: kz * ky, columnTaps: kx };
  if (kernel.family !== 'lanes')
    return packBlocks(raw, { ...sizes, outBlock: kernel.outBlock }, packed, limits);
  const { chunkSize, headerSize, runs, runStep, perChannel } = lanesLayout(kernel, shape);
  const chunks = packedConv3dWeightSize(shape, kernel) / chunkSize;
  const count = chunks * (headerSize + runStep * kernel.outBlock * sizes.rowTaps);
  return {
    label: 'packWeight.chunks',
    source,
    entryPoint: 'chunks',
    constants: {
      workgroupSize: WORKGROUP_SIZE,
      isFlipped: Number(raw.isFlipped),
      outBlock: kernel.outBlock,
      isWinograd: Number(kernel.useWinograd),
    },
    uniform: Uint32Array.of(
      ...sharedSizes(raw, sizes, count),
      chunkSize,
      headerSize,
      runs,
      runStep,
      perChannel,
      shape.batch,
      ...shape.inputSize,
      ...conv3dOutputSize(shape),
    ),
    bindings: [raw.array, packed],
    workgroups: [...foldGrid({ limits }, Math.ceil(count / WORKGROUP_SIZE)), 1],
  };
}

/** What {@link packBlocks} packs. */
export interface BlockLayout {
  readonly outChannels: number;
  readonly inChannels: number;
  /** Taps along z and y together, and along x. */
  readonly rowTaps: number;
  readonly columnTaps: number;
  readonly outBlock: number;
}

/** Elements of {@link packBlocks}. */
export function packedBlocksSize({
  outChannels,
  inChannels,
  rowTaps,
  columnTaps,
  outBlock,
}: BlockLayout): number {
  return Math.ceil(outChannels / outBlock) * outBlock * inChannels * rowTaps * columnTaps;
}

/** `[out / outBlock, in, tap, outBlock]`, the last block filled up with zeros. */
export function packBlocks(
  raw: RawWeight,
  layout: BlockLayout,
  packed: GpuArray,
  limits: KernelLimits,
): Dispatch {
  const count = packedBlocksSize(layout);
  const head = sharedSizes(raw, layout, count);
  return {
    label: 'packWeight.blocks',
    source,
    entryPoint: 'blocks',
    constants: {
      workgroupSize: WORKGROUP_SIZE,
      isFlipped: Number(raw.isFlipped),
      outBlock: layout.outBlock,
    },
    uniform: Uint32Array.of(...head, ...Array(HEADER_NUMBERS - head.length).fill(0)),
    bindings: [raw.array, packed],
    workgroups: [...foldGrid({ limits }, Math.ceil(count / WORKGROUP_SIZE)), 1],
  };
}

function sharedSizes(
  { start, outStep, inStep }: RawWeight,
  { outChannels, inChannels, rowTaps, columnTaps }: Omit<BlockLayout, 'outBlock'>,
  count: number,
): number[] {
  return [count, outChannels, inChannels, rowTaps, columnTaps, start, outStep, inStep];
}

/** As `packConvTranspose3dWeight` does on the host, from `[in, out, taps]`. */
export function packConvTranspose3dWeightOnDevice(
  array: GpuArray,
  shape: ConvTranspose3dShape,
  packed: GpuArray,
  limits: KernelLimits,
): Dispatch {
  const { inChannels, outChannels } = shape;
  const taps = elementCount(shape.stride);
  const count = packedConvTranspose3dWeightSize(shape);
  const { outBlock, row, block } = convTranspose3dLayout(shape);
  const raw = { array, start: 0, outStep: taps, inStep: outChannels * taps, isFlipped: false };
  const head = sharedSizes(raw, { outChannels, inChannels, rowTaps: 1, columnTaps: taps }, count);
  const layout = [...head, block, 0, 0, 0, row];
  return {
    label: 'packWeight.rows',
    source,
    entryPoint: 'rows',
    constants: { workgroupSize: WORKGROUP_SIZE, isFlipped: 0, outBlock },
    uniform: Uint32Array.of(...layout, ...Array(HEADER_NUMBERS - layout.length).fill(0)),
    bindings: [raw.array, packed],
    workgroups: [...foldGrid({ limits }, Math.ceil(count / WORKGROUP_SIZE)), 1],
  };
}
