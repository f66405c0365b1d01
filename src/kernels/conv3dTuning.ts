// Measured choice of convolution kernels for the layers of a network.

import { allocate, arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type TuningStore, type TuningTask, tune } from '@/gpu/tuner';
import { elementCount, type Zyx } from '@/shared/geometry';
import { type Conv3dKernel, conv3dCandidates, conv3dForward, packedConv3dWeightSize } from './conv3d';
import { type Conv3dShape, conv3dFlop, conv3dOutputSize } from './conv3dShape';
import {
  conv3dWeightGradient,
  conv3dWeightGradientCandidates,
  conv3dWeightGradientScratchSize,
} from './conv3dWeightGradient';
import type { WeightGradientKernel } from './conv3dWeightGradientLaunch';

/** Part of every key: raise it when a kernel changes in speed. */
const CONV3D_VERSION = 3;
const WEIGHT_GRADIENT_VERSION = 4;
/** A layer is measured on fewer slices where it is larger than this. */
const LARGEST_FLOP = 2e9;

/**
 * Measures the candidates for each class of shapes, within `timeLimitMs` in all. Returns the choice for a shape, or
 * undefined for one of another class.
 */
export function tuneConv3d(
  gpu: Gpu,
  shapes: readonly Conv3dShape[],
  store: TuningStore,
  timeLimitMs: number,
): Promise<(shape: Conv3dShape) => Conv3dKernel | undefined> {
  const contest: Contest<Conv3dKernel> = {
    name: `conv3d ${CONV3D_VERSION}`,
    candidates: (shape) => conv3dCandidates(shape, gpu),
    launch: (shape, kernel) => launchConv3d(gpu, shape, kernel),
  };
  return tuneClasses(gpu, shapes, contest, store, timeLimitMs);
}

/** The same for the gradients of their weights. */
export async function tuneWeightGradient(
  gpu: Gpu,
  shapes: readonly Conv3dShape[],
  store: TuningStore,
  timeLimitMs: number,
): Promise<(shape: Conv3dShape) => WeightGradientKernel | undefined> {
  const contest: Contest<{ readonly name: WeightGradientKernel }> = {
    name: `conv3d weight gradient ${WEIGHT_GRADIENT_VERSION}`,
    candidates: (shape) => conv3dWeightGradientCandidates(shape, gpu.facts).map((name) => ({ name })),
    launch: (shape, { name }) => launchWeightGradient(gpu, shape, name),
  };
  const choose = await tuneClasses(gpu, shapes, contest, store, timeLimitMs);
  return (shape) => choose(shape)?.name;
}

/** What competes for a shape, and how it is run. */
interface Contest<Candidate extends { readonly name: string }> {
  /** With the version of its kernels. */
  readonly name: string;
  readonly candidates: (shape: Conv3dShape) => readonly Candidate[];
  readonly launch: (shape: Conv3dShape, candidate: Candidate) => ReturnType<TuningTask<Candidate>['launch']>;
}

async function tuneClasses<Candidate extends { readonly name: string }>(
  gpu: Gpu,
  shapes: readonly Conv3dShape[],
  { name, candidates, launch }: Contest<Candidate>,
  store: TuningStore,
  timeLimitMs: number,
): Promise<(shape: Conv3dShape) => Candidate | undefined> {
  const byClass = new Map(shapes.map((shape) => [shapeClass(shape), shape]));
  const deadline = performance.now() + timeLimitMs;
  const choices = new Map<string, Candidate>();
  for (const [key, shape] of byClass) {
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) break;
    const small = shrink(shape);
    const task = {
      key: `${name} ${key}`,
      candidates: candidates(shape),
      launch: (candidate: Candidate) => launch(small, candidate),
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

async function launchConv3d(gpu: Gpu, shape: Conv3dShape, kernel: Conv3dKernel) {
  const { arrays, free } = await workspace(gpu, [
    shape.inChannels * elementCount(shape.inputSize),
    packedConv3dWeightSize(shape, kernel),
    shape.outChannels * elementCount(conv3dOutputSize(shape)),
  ]);
  const [x, weight, y] = arrays;
  const { limits } = gpu;
  return { dispatches: conv3dForward({ shape, kernel, limits, x, weight, y, accumulate: false }), free };
}

async function launchWeightGradient(gpu: Gpu, shape: Conv3dShape, kernel: WeightGradientKernel) {
  const { facts, limits } = gpu;
  const { arrays, free } = await workspace(gpu, [
    shape.inChannels * elementCount(shape.inputSize),
    shape.outChannels * elementCount(conv3dOutputSize(shape)),
    shape.outChannels * shape.inChannels * elementCount(shape.kernelSize),
    Math.max(1, conv3dWeightGradientScratchSize(shape, facts, limits, { kernel })),
  ]);
  const [x, gy, gw, scratch] = arrays;
  const args = { shape, facts, limits, kernel, x, gy, gw, scratch, accumulate: false };
  return { dispatches: conv3dWeightGradient(args), free };
}

async function workspace(gpu: Gpu, sizes: readonly number[]) {
  const arrays = await Promise.all(
    sizes.map(async (size) => arrayOf(await allocate(gpu, size * 4, 'tuning'), size)),
  );
  const free = () => {
    for (const { buffer } of arrays) buffer.destroy();
  };
  return { arrays, free };
}
