// From the real nnU-Net's weights and gradients: the norm of its gradients and the weights after its first SGD step.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readNpz } from '@/core/io/npy';
import { allocate, arrayOf, readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type GpuArray, runDispatches } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { readControl, writeControl } from '@/kernels/optimisers/control';
import { gradientNormPartialsSize, optimiserDispatches } from '@/kernels/optimisers/optimiser';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { ALIGNMENT_ELEMENTS } from '@/kernels/ranges';
import { floats, largestDifference, type Outcome, summarise } from '../support/golden';
import type { TopicResult } from './topic';

/** Relative. */
const NORM_TOLERANCE = 1e-6;
/** Absolute, as recommended for five steps. */
const PARAMETER_TOLERANCE = 3e-6;

export async function run(goldenFolder: string): Promise<TopicResult> {
  const root = path.join(goldenFolder, 'network');
  const names = readdirSync(root).filter((name) => existsSync(path.join(root, name, 'config.json')));
  const groups: Record<string, Outcome[]> = {};
  const gpu = await openNodeGpu();
  try {
    for (const name of names) groups[name] = await checkFirstStep(gpu, path.join(root, name));
  } finally {
    gpu.close();
  }
  return summarise('optimisers', groups);
}

type Tensors = ReadonlyMap<string, Float32Array>;

async function readTensors(folder: string, file: string): Promise<Tensors> {
  const arrays = await readNpz(new Uint8Array(readFileSync(path.join(folder, file))));
  return new Map([...arrays].map(([name, array]) => [name, floats(array)]));
}

async function checkFirstStep(gpu: Gpu, folder: string): Promise<Outcome[]> {
  const { optim } = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
  const { lr, grad_norm_before_clip } = optim.sgd;
  const weights = await readTensors(folder, 'weights.npz');
  const gradients = await readTensors(folder, 'grads.npz');
  const { norm, parameters } = await step(gpu, weights, gradients, lr[0]);
  const outcomes: Outcome[] = [
    {
      name: 'gradient norm',
      error: Math.abs(norm / grad_norm_before_clip[0] - 1),
      tolerance: NORM_TOLERANCE,
    },
  ];
  if (!existsSync(path.join(folder, 'sgd_step1.npz'))) return outcomes;
  for (const [name, expected] of await readTensors(folder, 'sgd_step1.npz')) {
    const error = largestDifference(parameters.get(name) ?? [], expected);
    outcomes.push({ name, error, tolerance: PARAMETER_TOLERANCE });
  }
  return outcomes;
}

function paddedLength(length: number): number {
  return Math.ceil(length / ALIGNMENT_ELEMENTS) * ALIGNMENT_ELEMENTS;
}

/** All tensors, one after another at multiples of 64 elements, and one SGD step of those that have a gradient. */
async function step(gpu: Gpu, weights: Tensors, gradients: Tensors, learningRate: number) {
  const starts = new Map<string, number>();
  let size = 0;
  for (const [name, { length }] of weights) {
    starts.set(name, size);
    size += paddedLength(length);
  }
  const uploadAll = (tensors: Tensors): Promise<GpuArray> => {
    const all = new Float32Array(size);
    for (const [name, start] of starts) all.set(tensors.get(name) ?? [Number.NaN], start);
    return upload(gpu, all, 'tensors');
  };
  const parameters = await uploadAll(weights);
  const allGradients = await uploadAll(gradients);
  const velocities = arrayOf(await allocate(gpu, size * 4, 'velocities'), size);
  const control = await upload(gpu, writeControl({ lossScale: 1, learningRate }), 'control');
  const arenas = [...starts]
    .filter(([name]) => gradients.get(name)?.some((value) => value !== 0))
    .map(([name, start]) => {
      const range = (array: GpuArray): GpuArray => ({
        ...array,
        offset: start * 4,
        size: paddedLength(weights.get(name)?.length ?? 0),
      });
      return {
        parameters: range(parameters),
        gradients: range(allGradients),
        states: [range(velocities)],
      };
    });
  const partialsSize = gradientNormPartialsSize(arenas.map((arena) => arena.parameters.size));
  const partials = arrayOf(await allocate(gpu, partialsSize * 4, 'partials'), partialsSize);
  runDispatches(
    gpu,
    optimiserDispatches({
      optimiser: NNUNET_SGD,
      arenas,
      control,
      partials,
      clipNorm: NNUNET_CLIP_NORM,
      lossScaling: undefined,
      limits: gpu.limits,
    }),
  );
  const result = await readFloats(gpu, parameters);
  const { gradientNorm } = readControl(await readFloats(gpu, control));
  const own = [parameters, allGradients, velocities, control, partials];
  for (const { buffer } of own) buffer.destroy();
  const updated = [...starts].map(
    ([name, start]) => [name, result.slice(start, start + (weights.get(name)?.length ?? 0))] as const,
  );
  return { norm: gradientNorm, parameters: new Map(updated) };
}
