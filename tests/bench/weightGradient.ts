import { allocate, arrayOf, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, type GpuArray, prepare, submitDispatches } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { chooseConv3dKernel, conv3dForward, packConv3dWeight } from '@/kernels/conv3d';
import { type Conv3dShape, conv3dFlop, conv3dOutputSize } from '@/kernels/conv3dShape';
import { conv3dWeightGradient, conv3dWeightGradientScratchSize } from '@/kernels/conv3dWeightGradient';
import { elementCount, formatShape, type Zyx } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import type { RunBench } from './bench';

const RUNS = 9;

function layer(
  inChannels: number,
  outChannels: number,
  inputSize: Zyx,
  kernelSize: Zyx = [3, 3, 3],
  stride: Zyx = [1, 1, 1],
): Conv3dShape {
  return { batch: 1, inChannels, outChannels, inputSize, kernelSize, stride };
}

/** Layers as nnU-Net's networks have them. */
const LAYERS: readonly Conv3dShape[] = [
  layer(1, 32, [32, 64, 64]),
  layer(16, 16, [64, 64, 64]),
  layer(32, 32, [64, 64, 64]),
  layer(64, 64, [32, 32, 32]),
  layer(128, 128, [16, 16, 16]),
  layer(256, 256, [8, 8, 8]),
  layer(320, 320, [4, 4, 4]),
  layer(32, 64, [32, 64, 64], [3, 3, 3], [2, 2, 2]),
  layer(32, 32, [1, 256, 256], [1, 3, 3]),
  layer(32, 32, [20, 64, 64], [1, 3, 3]),
  layer(32, 3, [64, 64, 64], [1, 1, 1]),
];

/** Forward and weight gradient of every layer by turns, so that a busy machine slows both alike. */
export const run: RunBench = async () => {
  const gpu = await openNodeGpu();
  console.log(`Weight gradient beside the forward pass, ${gpu.facts.description}`);
  for (const shape of LAYERS) {
    const { inChannels, outChannels, inputSize, kernelSize, stride } = shape;
    const name = `${inChannels} -> ${outChannels}, ${formatShape(inputSize)}, kernel ${kernelSize.join('')}, stride ${stride.join('')}`;
    const { forward, gradient, firstMs } = await measure(gpu, shape);
    const rate = (ms: number) => (conv3dFlop(shape) / 1e6 / ms).toFixed(1).padStart(6);
    console.log(
      `${name.padEnd(52)} forward ${rate(forward[0])} best ${rate(median(forward))} median, gradient ${rate(gradient[0])} best ${rate(median(gradient))} median GFLOP/s, ${((100 * forward[0]) / gradient[0]).toFixed(0).padStart(4)} %, first ${firstMs.toFixed(0)} ms`,
    );
  }
  gpu.close();
};

function median(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1];
}

/** Milliseconds of each pass, ascending, and of the gradient's first run, compilation included. */
async function measure(gpu: Gpu, shape: Conv3dShape) {
  const { inChannels, outChannels, inputSize, kernelSize } = shape;
  const { facts, limits } = gpu;
  const kernel = chooseConv3dKernel(shape, gpu);
  const xSize = inChannels * elementCount(inputSize);
  const ySize = outChannels * elementCount(conv3dOutputSize(shape));
  const x = await upload(gpu, randomNormal(xSize, 1), 'x');
  const gy = await upload(gpu, randomNormal(ySize, 2), 'gy');
  const weightSize = outChannels * inChannels * elementCount(kernelSize);
  const packed = packConv3dWeight(randomNormal(weightSize, 3), shape, kernel);
  const weight = await upload(gpu, packed, 'weight');
  const [y, gw, scratch] = await Promise.all(
    [ySize, weightSize, conv3dWeightGradientScratchSize(shape, facts, limits)].map(
      async (size): Promise<GpuArray> => arrayOf(await allocate(gpu, size * 4, 'bench'), size),
    ),
  );
  const runForward = runner(gpu, conv3dForward({ shape, kernel, limits, x, weight, y, accumulate: false }));
  await runForward();
  const start = performance.now();
  const runGradient = runner(
    gpu,
    conv3dWeightGradient({ shape, limits, facts, x, gy, gw, scratch, accumulate: false }),
  );
  await runGradient();
  const firstMs = performance.now() - start;
  const forward: number[] = [];
  const gradient: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    forward.push(await runForward());
    gradient.push(await runGradient());
  }
  for (const { buffer } of [x, gy, weight, y, gw, scratch]) buffer.destroy();
  const ascending = (a: number, b: number) => a - b;
  return { forward: forward.sort(ascending), gradient: gradient.sort(ascending), firstMs };
}

/** A function that runs the dispatches and returns the milliseconds. */
function runner(gpu: Gpu, dispatches: readonly Dispatch[]): () => Promise<number> {
  const prepared = dispatches.map((dispatch) => prepare(gpu, dispatch));
  return async () => {
    const begin = performance.now();
    submitDispatches(gpu, prepared);
    await gpu.device.queue.onSubmittedWorkDone();
    return performance.now() - begin;
  };
}
