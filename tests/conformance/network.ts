// Networks of the real nnU-Net: every head with deep supervision, and the output without it, from its weights and input.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readNpy, readNpz } from '@/core/io/npy';
import { readArchitecture } from '@/core/planning/readArchitecture';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import type { StateTensors } from '@/graph/parameters';
import { planGraph } from '@/graph/plan';
import { compileProgram } from '@/graph/program';
import type { Architecture } from '@/nn/architecture';
import { buildUNet, UNET_INPUT } from '@/nn/unet';
import { floats, largestDifference, type Outcome, summarise } from '../support/golden';
import type { TopicResult } from './topic';

/** Of an array's largest value: ten times what float32 in PyTorch itself is off its float64. */
const HEAD_TOLERANCE = 2e-5;

export async function run(goldenFolder: string): Promise<TopicResult> {
  const root = path.join(goldenFolder, 'network');
  const names = readdirSync(root).filter((name) => existsSync(path.join(root, name, 'config.json')));
  const gpu = await openNodeGpu();
  const groups: Record<string, Outcome[]> = {};
  try {
    for (const name of names) groups[name] = await checkNetwork(gpu, path.join(root, name));
  } finally {
    gpu.close();
  }
  return summarise('network', groups);
}

interface GoldenNetwork {
  readonly architecture: Architecture;
  readonly input: { readonly shape: readonly number[]; readonly data: Float32Array };
  readonly outputChannels: number;
  readonly weights: StateTensors;
}

async function checkNetwork(gpu: Gpu, folder: string): Promise<Outcome[]> {
  const network = await readNetwork(folder);
  const heads = await readNpz(bytesOf(folder, 'heads.npz'));
  const expected = [...heads].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  const actual = await outputsOf(gpu, network, true);
  const outcomes = expected.map(([name, head], i) => compare(name, actual[i], floats(head)));
  if (actual.length !== expected.length) outcomes.push({ name: 'number of heads', error: 1, tolerance: 0 });
  const [single] = await outputsOf(gpu, network, false);
  const output = floats(readNpy(bytesOf(folder, 'output_no_ds.npy')));
  return [...outcomes, compare('without deep supervision', single, output)];
}

async function readNetwork(folder: string): Promise<GoldenNetwork> {
  const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
  const input = readNpy(bytesOf(folder, 'input.npy'));
  const weights = await readNpz(bytesOf(folder, 'weights.npz'));
  return {
    architecture: readArchitecture(config.architecture, folder),
    outputChannels: config.num_classes,
    input: { shape: input.shape, data: floats(input) },
    weights: new Map(
      [...weights].map(([name, array]) => [name, { shape: array.shape, data: floats(array) }]),
    ),
  };
}

async function outputsOf(
  gpu: Gpu,
  { architecture, input, outputChannels, weights }: GoldenNetwork,
  deepSupervision: boolean,
): Promise<Float32Array[]> {
  const [batch, inputChannels, ...patchSize] = input.shape;
  const graph = buildUNet(architecture, {
    inputChannels,
    outputChannels,
    batch,
    patchSize,
    deepSupervision,
  });
  const program = await compileProgram(gpu, planGraph(graph, gpu));
  try {
    program.setParameters(weights);
    const x = program.inputs.get(UNET_INPUT);
    if (!x) throw new Error('the network has no input');
    gpu.device.queue.writeBuffer(x.buffer, x.offset, input.data as GPUAllowSharedBufferSource);
    program.run();
    const outputs: Float32Array[] = [];
    for (const output of program.outputs) outputs.push(await readFloats(gpu, output));
    return outputs;
  } finally {
    program.destroy();
  }
}

function compare(name: string, actual: Float32Array, expected: Float32Array): Outcome {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { name, error: largestDifference(actual, expected) / largest, tolerance: HEAD_TOLERANCE };
}

function bytesOf(folder: string, file: string): Uint8Array {
  return new Uint8Array(readFileSync(path.join(folder, file)));
}
