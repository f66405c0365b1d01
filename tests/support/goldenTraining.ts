// The golden networks as training runs: setup, weights, batches.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type NpyArray, readNpy, readNpz } from '@/core/io/npy';
import { readArchitecture } from '@/core/planning/readArchitecture';
import type { Gpu } from '@/gpu/device';
import type { StateTensors } from '@/graph/parameters';
import type { TrainingProgram, TrainingSetup } from '@/graph/trainingProgram';
import {
  diceAndBinaryCrossEntropyLoss,
  diceAndCrossEntropyLoss,
  type LossOptions,
} from '@/kernels/losses/lossOptions';
import { packLabels, packRegions } from '@/kernels/losses/target';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { buildUNet } from '@/nn/unet';
import { floats } from './golden';

/** Folders of the networks that golden data say how to train, by name. */
export function goldenTrainings(goldenFolder: string): { readonly name: string; readonly folder: string }[] {
  const root = path.join(goldenFolder, 'network');
  return readdirSync(root)
    .map((name) => ({ name, folder: path.join(root, name) }))
    .filter(({ folder }) => existsSync(path.join(folder, 'grads.npz')));
}

interface GoldenConfig {
  readonly num_classes: number;
  readonly architecture: unknown;
  readonly has_regions: boolean;
  readonly ignore_label: number | null;
  readonly batch_dice: boolean;
  readonly ds_weights: readonly number[];
  readonly loss_float64: number;
  readonly zero_gradient_parameters: readonly string[];
  readonly optim: Readonly<
    Record<string, { lr: number[]; loss: number[]; grad_norm_before_clip: number[] } | undefined>
  >;
}

export interface GoldenTraining {
  readonly config: GoldenConfig;
  readonly setup: TrainingSetup;
  readonly weights: StateTensors;
  readonly input: NpyArray;
  readonly targets: readonly NpyArray[];
}

export async function readTraining(folder: string): Promise<GoldenTraining> {
  const config: GoldenConfig = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
  const input = readNpy(bytesOf(folder, 'input.npy'));
  const [batch, inputChannels, ...patchSize] = input.shape;
  const graph = buildUNet(readArchitecture(config.architecture, folder), {
    inputChannels,
    outputChannels: config.num_classes,
    batch,
    patchSize,
    deepSupervision: true,
  });
  const targets = await readNpz(bytesOf(folder, 'targets.npz'));
  const setup: TrainingSetup = {
    graph,
    loss: lossOf(config),
    headWeights: graph.outputs.map((_, head) => config.ds_weights[head]),
    optimiser: NNUNET_SGD,
    clipNorm: NNUNET_CLIP_NORM,
    lossScaling: undefined,
    ofInputs: true,
  };
  return {
    config,
    setup,
    weights: stateOf(await readNpz(bytesOf(folder, 'weights.npz'))),
    input,
    targets: graph.outputs.flatMap((_, head) => targets.get(`target_${head}`) ?? []),
  };
}

function lossOf({ has_regions, ignore_label, batch_dice }: GoldenConfig): LossOptions {
  const hasIgnore = ignore_label !== null;
  return has_regions
    ? diceAndBinaryCrossEntropyLoss({ batchDice: batch_dice, hasIgnore })
    : diceAndCrossEntropyLoss({ batchDice: batch_dice, ignoreLabel: ignore_label ?? undefined });
}

/** Feeds the batch rolled by `step` along the batch axis, the image brighter by a tenth each step. */
export function feed(
  gpu: Gpu,
  program: TrainingProgram,
  { input, targets, config }: GoldenTraining,
  step: number,
): void {
  const [batch] = input.shape;
  const image = rolled(floats(input), batch, step).map((value) => value * (1 + 0.1 * step));
  const [x] = program.inputs.values();
  gpu.device.queue.writeBuffer(x.buffer, x.offset, image as GPUAllowSharedBufferSource);
  for (const [head, target] of program.targets.entries()) {
    if (!target) continue;
    const { data, shape } = targets[head];
    const values = rolled(Float32Array.from(data as ArrayLike<number>, Number), batch, step);
    const voxels = shape.slice(2).reduce((product, size) => product * size, 1);
    const words = config.has_regions ? packRegions(values, shape[1], voxels) : packLabels(values);
    gpu.device.queue.writeBuffer(target.buffer, target.offset, words as GPUAllowSharedBufferSource);
  }
}

/** Sample `i` is what was sample `i − step`. */
function rolled(data: Float32Array, batch: number, step: number): Float32Array {
  const size = data.length / batch;
  const result = new Float32Array(data.length);
  for (let i = 0; i < batch; i++) {
    const from = (((i - step) % batch) + batch) % batch;
    result.set(data.subarray(from * size, (from + 1) * size), i * size);
  }
  return result;
}

export function stateOf(arrays: ReadonlyMap<string, NpyArray>): StateTensors {
  return new Map([...arrays].map(([name, array]) => [name, { shape: array.shape, data: floats(array) }]));
}

export function bytesOf(folder: string, file: string): Uint8Array {
  return new Uint8Array(readFileSync(path.join(folder, file)));
}
