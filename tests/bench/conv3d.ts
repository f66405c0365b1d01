import { allocate, arrayOf, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { prepare, submitDispatches } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { type Conv3dKernel, conv3dCandidates, conv3dForward, packConv3dWeight } from '@/kernels/conv3d';
import { type Conv3dShape, conv3dFlop, conv3dOutputSize } from '@/kernels/conv3dShape';
import { elementCount, formatShape, type Zyx } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import type { RunBench } from './bench';

/** One layer measured with one kernel. */
export interface Conv3dRow {
  readonly layer: string;
  readonly kernel: string;
  readonly gflop: number;
  /** From the description to the end of the first run. */
  readonly firstMs: number;
  readonly bestMs: number;
  readonly medianMs: number;
}

const RUNS = 7;

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
export const LAYERS: readonly Conv3dShape[] = [
  layer(1, 32, [32, 64, 64]),
  layer(16, 16, [64, 64, 64]),
  layer(32, 32, [16, 64, 64]),
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

/** Measures every layer with its default kernel, or with every candidate. */
export async function benchConv3d(gpu: Gpu, everyCandidate = false): Promise<Conv3dRow[]> {
  const rows: Conv3dRow[] = [];
  for (const shape of LAYERS) {
    const candidates = conv3dCandidates(shape, gpu);
    for (const kernel of everyCandidate ? candidates : candidates.slice(0, 1)) {
      const row = await measureConv3d(gpu, shape, kernel);
      const rate = (ms: number) => (row.gflop / (ms / 1000)).toFixed(1).padStart(6);
      console.log(
        `${row.layer.padEnd(52)} ${row.kernel.padEnd(22)} ${rate(row.bestMs)} best ${rate(row.medianMs)} median GFLOP/s, first ${row.firstMs.toFixed(0)} ms`,
      );
      rows.push(row);
    }
  }
  return rows;
}

/** Times one layer with one kernel. */
export async function measureConv3d(gpu: Gpu, shape: Conv3dShape, kernel: Conv3dKernel): Promise<Conv3dRow> {
  const { inChannels, outChannels, inputSize, kernelSize, stride } = shape;
  const weight = randomNormal(outChannels * inChannels * elementCount(kernelSize), 1);
  const x = await upload(gpu, randomNormal(inChannels * elementCount(inputSize), 2), 'x');
  const ySize = outChannels * elementCount(conv3dOutputSize(shape));
  const y = arrayOf(await allocate(gpu, ySize * 4, 'y'), ySize);
  const packed = await upload(gpu, packConv3dWeight(weight, shape, kernel), 'weight');
  const bias = await upload(gpu, randomNormal(outChannels, 3), 'bias');
  const start = performance.now();
  const prepared = conv3dForward({
    shape,
    kernel,
    limits: gpu.limits,
    x,
    weight: packed,
    bias,
    y,
    accumulate: false,
  }).map((dispatch) => prepare(gpu, dispatch));
  const runOnce = async () => {
    submitDispatches(gpu, prepared);
    await gpu.device.queue.onSubmittedWorkDone();
  };
  await runOnce();
  const firstMs = performance.now() - start;
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const begin = performance.now();
    await runOnce();
    times.push(performance.now() - begin);
  }
  for (const array of [x, y, packed, bias]) array.buffer.destroy();
  times.sort((a, b) => a - b);
  return {
    layer: `${inChannels} -> ${outChannels}, ${formatShape(inputSize)}, kernel ${kernelSize.join('')}, stride ${stride.join('')}`,
    kernel: kernel.name,
    gflop: conv3dFlop(shape) / 1e9,
    firstMs,
    bestMs: times[0],
    medianMs: times[RUNS >> 1],
  };
}

export const run: RunBench = async ({ isExhaustive }) => {
  const gpu = await openNodeGpu();
  console.log(`Convolution, ${gpu.facts.description}`);
  await benchConv3d(gpu, isExhaustive);
  gpu.close();
};
