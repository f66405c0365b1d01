// Measured choice of convolution kernels for the layers of a network.

import { allocate, arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type TuningStore, tune } from '@/gpu/tuner';
import { elementCount, type Zyx } from '@/shared/geometry';
import { type Conv3dKernel, conv3dCandidates, conv3dForward, packedConv3dWeightSize } from './conv3d';
import { type Conv3dShape, conv3dFlop, conv3dOutputSize } from './conv3dShape';

/** Part of every key: raise it when a kernel changes in speed. */
const KERNEL_VERSION = 3;
/** A layer is measured on fewer slices where it is larger than this. */
const LARGEST_FLOP = 2e9;

/**
 * Measures the candidates for each class of shapes, within `timeLimitMs` in all. Returns the choice for a shape, or
 * undefined for one of another class.
 */
export async function tuneConv3d(
  gpu: Gpu,
  shapes: readonly Conv3dShape[],
  store: TuningStore,
  timeLimitMs: number,
): Promise<(shape: Conv3dShape) => Conv3dKernel | undefined> {
  const byClass = new Map(shapes.map((shape) => [shapeClass(shape), shape]));
  const deadline = performance.now() + timeLimitMs;
  const choices = new Map<string, Conv3dKernel>();
  for (const [key, shape] of byClass) {
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) break;
    const small = shrink(shape);
    const task = {
      key: `conv3d ${KERNEL_VERSION} ${key}`,
      candidates: conv3dCandidates(shape, gpu),
      launch: (kernel: Conv3dKernel) => launch(gpu, small, kernel),
    };
    choices.set(key, await tune(gpu, task, store, remainingMs));
  }
  return (shape) => choices.get(shapeClass(shape));
}

/** Shapes of one class share a kernel: same kernel, stride and row width, channels and size to a factor of two. */
function shapeClass(shape: Conv3dShape): string {
  const { batch, inChannels, outChannels, inputSize, kernelSize, stride } = shape;
  const log = (value: number) => Math.round(Math.log2(value));
  const [depth, height, width] = inputSize;
  const padding = shape.isUnpadded ? ['unpadded'] : [];
  return [
    kernelSize,
    stride,
    padding,
    [log(batch), log(inChannels), log(outChannels), log(depth), log(height), width],
  ]
    .map((numbers) => numbers.join('.'))
    .join(' ');
}

/** The shape with a batch of one and fewer slices, so that a run stays short. */
function shrink(shape: Conv3dShape): Conv3dShape {
  const one = { ...shape, batch: 1 };
  const share = Math.min(1, LARGEST_FLOP / conv3dFlop(one));
  const [depth, height, width] = one.inputSize;
  const inputSize: Zyx = [Math.max(Math.min(depth, 8), Math.floor(depth * share)), height, width];
  return { ...one, inputSize };
}

async function launch(gpu: Gpu, shape: Conv3dShape, kernel: Conv3dKernel) {
  const sizes = [
    shape.inChannels * elementCount(shape.inputSize),
    packedConv3dWeightSize(shape, kernel),
    shape.outChannels * elementCount(conv3dOutputSize(shape)),
  ];
  const [x, weight, y] = await Promise.all(
    sizes.map(async (size) => arrayOf(await allocate(gpu, size * 4, 'tuning'), size)),
  );
  return {
    dispatches: conv3dForward({ shape, kernel, limits: gpu.limits, x, weight, y, accumulate: false }),
    free: () => {
      for (const { buffer } of [x, weight, y]) buffer.destroy();
    },
  };
}
