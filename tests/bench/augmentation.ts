// Augmentation of a batch: milliseconds on the CPU in this thread and on the GPU, transform by transform, and the mean
// over drawn parameters. Handing over is what this thread does for the GPU.
import { loadavg } from 'node:os';
import { applyAugmentation, type Sample } from '@/core/augmentation/applyAugmentation';
import { planAugmenter } from '@/core/augmentation/augmenterMemory';
import {
  type AugmentationParameters,
  drawAugmentation,
  type Transform,
} from '@/core/augmentation/drawAugmentation';
import { type Augmenter, createAugmenter } from '@/core/augmentation/gpuAugmenter';
import { planeLength } from '@/core/augmentation/patch';
import { type AugmentationSettings, augmentationSettings } from '@/core/augmentation/settings';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { formatShape } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { keyedRandom, randomNormal } from '@/shared/random';
import { augmenterOutputs } from '../support/augmenter';
import type { BenchOptions } from './bench';

const BATCH = 2;
const PATCHES = [
  { size: 64, isLarge: false },
  { size: 128, isLarge: true },
] as const;
const DRAWN_BATCHES = 20;
const REPEATS = 5;

const SPATIAL: Transform = { kind: 'spatial', angles: undefined, scales: undefined };
const TRANSFORMS: Readonly<Record<string, readonly Transform[]>> = {
  'crop only': [SPATIAL],
  'rotation and scaling': [{ kind: 'spatial', angles: [0.3, -0.2, 0.4], scales: [1.2, 1.2, 1.2] }],
  noise: [SPATIAL, { kind: 'gaussianNoise', sigma: 0.1, seed: 1 }],
  blur: [SPATIAL, { kind: 'gaussianBlur', sigmas: [[0.99, 0.99, 0.99]] }],
  brightness: [SPATIAL, { kind: 'brightness', factors: [1.2] }],
  contrast: [SPATIAL, { kind: 'contrast', factors: [1.2], preserveRange: true }],
  'low resolution': [SPATIAL, { kind: 'simulateLowResolution', scales: [[0.6, 0.6, 0.6]] }],
  gamma: [SPATIAL, { kind: 'gamma', gammas: [1.3], invertImage: false, retainStats: true }],
  mirroring: [SPATIAL, { kind: 'mirror', axes: [0, 1, 2] }],
};

export async function run({ isExhaustive }: BenchOptions): Promise<void> {
  const gpu = await openNodeGpu();
  console.log(`Augmentation, ${gpu.facts.description}; load of the machine ${loadavg()[0].toFixed(1)}`);
  for (const { size, isLarge } of PATCHES) if (isExhaustive || !isLarge) await measure(gpu, size);
  gpu.close();
}

async function measure(gpu: Gpu, size: number): Promise<void> {
  const settings = augmentationSettings({
    patchSize: [size, size, size],
    channels: 1,
    useMaskForNorm: [false],
    labels: { allLabels: [0, 1, 2, 3], hasRegions: false, foregroundRegions: [], ignoreLabel: undefined },
    hasPreviousStage: false,
    strides: [1, 2, 2, 2].map((stride) => [stride, stride, stride]),
  });
  const plan = planAugmenter(settings, BATCH, gpu.limits);
  const outputs = await augmenterOutputs(gpu, settings, BATCH);
  const startMs = performance.now();
  const augmenter = await createAugmenter(gpu, plan, outputs);
  const compileMs = performance.now() - startMs;
  console.log(
    `Patch ${formatShape(settings.patchSize)} of ${formatShape(settings.initialPatchSize)}, batch ${BATCH}; ${formatBytes(plan.bytes)} on the GPU, ready in ${compileMs.toFixed(0)} ms`,
  );
  const samples = Array.from({ length: BATCH }, (_, i) => sampleOf(settings, i));
  console.log('  ms a batch              CPU (busy)      GPU (busy)  handing over');
  for (const [name, transforms] of Object.entries(TRANSFORMS)) {
    const parameters = samples.map(() => ({ transforms, binaryOperations: [], componentRemovals: [] }));
    const batches = Array.from({ length: REPEATS }, () => parameters);
    await printRow(gpu, name, augmenter, samples, settings, batches);
  }
  const drawn = Array.from({ length: DRAWN_BATCHES }, (_, iteration) =>
    samples.map((_, i) => drawAugmentation(keyedRandom(1, iteration, i), settings)),
  );
  await printRow(gpu, `${DRAWN_BATCHES} drawn`, augmenter, samples, settings, drawn);
  augmenter.destroy();
  for (const { buffer } of [outputs.image, ...outputs.targets]) buffer.destroy();
}

async function printRow(
  gpu: Gpu,
  name: string,
  augmenter: Augmenter,
  samples: readonly Sample[],
  settings: AugmentationSettings,
  batches: readonly (readonly AugmentationParameters[])[],
): Promise<void> {
  const onCpu = async (parameters: readonly AugmentationParameters[]) => {
    for (const [i, sample] of samples.entries()) applyAugmentation(sample, parameters[i], settings);
  };
  let threadMs = 0;
  const onGpu = async (parameters: readonly AugmentationParameters[]) => {
    const startMs = performance.now();
    augmenter.augment(samples, parameters);
    threadMs += performance.now() - startMs;
    await gpu.device.queue.onSubmittedWorkDone();
  };
  await onCpu(batches[0]);
  await onGpu(batches[0]);
  threadMs = 0;
  const times = [await meanMs(batches, onCpu), await meanMs(batches, onGpu)];
  const columns = times.map(
    ({ wall, busy }) => `${wall.toFixed(0).padStart(9)} ${`(${busy.toFixed(0)})`.padStart(6)}`,
  );
  const handing = (threadMs / batches.length).toFixed(0).padStart(14);
  console.log(`  ${name.padEnd(20)}${columns.join('')}${handing}`);
}

/** Time that passes, and time in which processors were busy for this process: what others do on the machine is not in it. */
async function meanMs<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<{ wall: number; busy: number }> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  for (const item of items) await work(item);
  const { user, system } = process.cpuUsage(before);
  const wall = (performance.now() - startMs) / items.length;
  return { wall, busy: (user + system) / 1000 / items.length };
}

/** Noise, and labels in blocks, as large as the loader cuts them. */
function sampleOf({ initialPatchSize: shape }: AugmentationSettings, seed: number): Sample {
  const voxels = planeLength({ shape });
  const labels = Int16Array.from({ length: voxels }, (_, voxel) => Math.floor(voxel / 5) % 4);
  return {
    image: { data: randomNormal(voxels, seed), channels: 1, shape },
    labels: { data: labels, channels: 1, shape },
  };
}
