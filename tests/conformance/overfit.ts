// One patch of a real image learned by heart: with each 3D model's own plans, an untrained network must reach a Dice
// above 0.98 on the centre of the model's first test case that has labels, in under 200 steps of Adam.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { importModel } from '@/core/interop/importModel';
import type { NnunetModel } from '@/core/interop/model';
import { groupIntoCases } from '@/core/io/cases';
import { readCase } from '@/core/io/readers';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { preprocessCase } from '@/core/preprocessing/preprocessCase';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { compileTraining, planTrainingStep } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { packLabels } from '@/kernels/losses/target';
import { NNUNET_ADAM, NNUNET_CLIP_NORM } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { buildUNet, toZyx } from '@/nn/unet';
import { elementCount, type Zyx } from '@/shared/geometry';
import { meanDice } from '../support/dice';
import { type Outcome, summarise } from '../support/golden';
import type { RunTopic } from './topic';

const WANTED_DICE = 0.98;
const MAX_STEPS = 200;
const STEPS_BETWEEN_LOOKS = 20;
const LEARNING_RATE = 1e-3;
const SEED = 1;

export const run: RunTopic = async (goldenFolder, print) => {
  const root = path.join(goldenFolder, 'checkpoint');
  const outcomes: Outcome[] = [];
  const gpu = await openNodeGpu();
  try {
    for (const dataset of readdirSync(root).filter((name) => existsSync(path.join(root, name, 'labelsTs')))) {
      const patch = await firstPatch(gpu, path.join(root, dataset));
      if (patch) outcomes.push(await learnByHeart(gpu, dataset, patch, print));
    }
  } finally {
    gpu.close();
  }
  return summarise('overfit', { 'patches learned by heart': outcomes });
};

interface Patch {
  readonly model: NnunetModel;
  readonly size: Zyx;
  readonly image: Float32Array;
  readonly labels: Uint8Array;
}

/** The centre of the first labelled test case, prepared as the dataset's first whole-image 3D model wants it. */
async function firstPatch(gpu: Gpu, folder: string): Promise<Patch | undefined> {
  for (const name of readdirSync(folder).filter((entry) =>
    existsSync(path.join(folder, entry, 'plans.json')),
  )) {
    const [{ model }] = await importModel(filesOf(path.join(folder, name)));
    const { configuration, plans, labels } = model;
    if (configuration.patchSize.length < 3 || configuration.previousStage || labels.hasRegions) continue;
    const { cases } = groupIntoCases(filesOf(path.join(folder, 'imagesTs')));
    for (const { caseId, files } of cases) {
      const labelFile = path.join(folder, 'labelsTs', `${caseId}${model.fileEnding}`);
      if (!existsSync(labelFile)) continue;
      const image = await readCase(files, plans.imageReaderWriter);
      const reference = await readCase(
        [memoryFile(readFileSync(labelFile), labelFile)],
        plans.imageReaderWriter,
      );
      const prepared = await preprocessCase({
        image,
        plans,
        configuration,
        gpu,
        seg: Int16Array.from(reference.data),
      });
      const [channels, ...shape] = prepared.shape;
      const size = toZyx(configuration.patchSize);
      return {
        model,
        size,
        image: centre(prepared.data, channels, [shape[0], shape[1], shape[2]], size),
        labels: Uint8Array.from(
          centre(Float32Array.from(prepared.seg ?? []), 1, [shape[0], shape[1], shape[2]], size),
          (label) => Math.max(0, label),
        ),
      };
    }
  }
  return undefined;
}

/** The middle `size` voxels; zeros where the image ends. */
function centre(data: Float32Array, channels: number, shape: Zyx, size: Zyx): Float32Array {
  const first = shape.map((length, axis) => Math.floor((length - size[axis]) / 2));
  const patch = new Float32Array(channels * elementCount(size));
  for (let i = 0; i < patch.length; i++) {
    const voxel = i % elementCount(size);
    const at = [
      Math.floor(voxel / (size[1] * size[2])),
      Math.floor(voxel / size[2]) % size[1],
      voxel % size[2],
    ];
    const [z, y, x] = at.map((position, axis) => position + first[axis]);
    if ([z, y, x].some((position, axis) => position < 0 || position >= shape[axis])) continue;
    const channel = Math.floor(i / elementCount(size));
    patch[i] = data[((channel * shape[0] + z) * shape[1] + y) * shape[2] + x];
  }
  return patch;
}

async function learnByHeart(
  gpu: Gpu,
  name: string,
  patch: Patch,
  print: (line: string) => void,
): Promise<Outcome> {
  const { model, image, labels } = patch;
  const graph = buildUNet(model.configuration.architecture, {
    inputChannels: model.channelNames.length,
    outputChannels: model.labels.outputChannels,
    batch: 1,
    patchSize: model.configuration.patchSize,
    deepSupervision: false,
  });
  const planned = planTrainingStep(
    {
      graph,
      loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
      headWeights: [1],
      optimiser: NNUNET_ADAM,
      clipNorm: NNUNET_CLIP_NORM,
      lossScaling: undefined,
    },
    gpu,
  );
  const program = await compileTraining(gpu, planned);
  program.setParameters(initialise(graph.parameters, SEED));
  const [x] = program.inputs.values();
  gpu.device.queue.writeBuffer(x.buffer, x.offset, image as GPUAllowSharedBufferSource);
  const [target] = program.targets;
  if (!target) throw new Error(`${name}: no target to feed`);
  gpu.device.queue.writeBuffer(
    target.buffer,
    target.offset,
    packLabels(labels) as GPUAllowSharedBufferSource,
  );

  let dice = 0;
  let steps = 0;
  const start = performance.now();
  while (steps < MAX_STEPS && dice <= WANTED_DICE) {
    for (let i = 0; i < STEPS_BETWEEN_LOOKS; i++, steps++) program.step(LEARNING_RATE);
    dice = meanDice(await readFloats(gpu, program.outputs[0]), labels, model.labels.outputChannels);
    print(`${name}: step ${steps}, loss ${(await program.readLoss()).toFixed(4)}, Dice ${dice.toFixed(4)}`);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  program.destroy();
  return {
    name,
    error: 1 - dice,
    tolerance: 1 - WANTED_DICE,
    note: `Dice ${dice.toFixed(4)} after ${steps} steps, ${seconds} s`,
  };
}

function filesOf(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => memoryFile(readFileSync(file), path.relative(path.dirname(folder), file)));
}
