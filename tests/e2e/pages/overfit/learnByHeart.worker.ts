// A tiny 3D U-Net on one patch: nnU-Net's loss, Adam, until it knows the patch by heart.

import { expose } from 'comlink';
import { plainUNet } from '@/app/system/benchmarkNetworks';
import { readFloats } from '@/gpu/buffers';
import { openGpu } from '@/gpu/device';
import { compileTraining, planTrainingStep } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { packLabels } from '@/kernels/losses/target';
import { NNUNET_ADAM, NNUNET_CLIP_NORM } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { messageOf } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { meanDice } from '../../../support/dice';

export interface LearntPatch {
  readonly adapter: string;
  readonly steps: number;
  /** Mean over the foreground labels. */
  readonly dice: number;
  /** After the first step, and after the last. */
  readonly losses: readonly [number, number];
  readonly compileSeconds: number;
  readonly seconds: number;
}

export type LearnByHeart = () => Promise<LearntPatch>;

const SIZE = [16, 16, 16] as const;
const CLASSES = 3;
const WANTED_DICE = 0.98;
const MOST_STEPS = 199;
const STEPS_BETWEEN_LOOKS = 10;
const LEARNING_RATE = 1e-2;

const learnByHeart: LearnByHeart = async () => {
  const gpu = await openGpu(navigator.gpu);
  try {
    const graph = buildUNet(plainUNet(3, [4, 8]), {
      inputChannels: 1,
      outputChannels: CLASSES,
      batch: 1,
      patchSize: SIZE,
      deepSupervision: false,
    });
    const setup = {
      graph,
      loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
      headWeights: [1],
      optimiser: NNUNET_ADAM,
      clipNorm: NNUNET_CLIP_NORM,
      lossScaling: undefined,
    };
    const program = await compileTraining(gpu, planTrainingStep(setup, gpu));
    program.setParameters(initialise(graph.parameters, 1));
    const { image, labels } = twoOrgans();
    const [x] = program.inputs.values();
    const [target] = program.targets;
    if (!target) throw new Error('there is no target to feed');
    gpu.device.queue.writeBuffer(x.buffer, x.offset, image);
    gpu.device.queue.writeBuffer(
      target.buffer,
      target.offset,
      packLabels(labels) as GPUAllowSharedBufferSource,
    );

    const started = performance.now();
    program.step(LEARNING_RATE);
    const firstLoss = await program.readLoss();
    let steps = 1;
    let dice = 0;
    while (steps < MOST_STEPS && dice <= WANTED_DICE) {
      const until = Math.min(MOST_STEPS, steps + STEPS_BETWEEN_LOOKS);
      for (; steps < until; steps++) program.step(LEARNING_RATE);
      dice = meanDice(await readFloats(gpu, program.outputs[0]), labels, CLASSES);
    }
    const result: LearntPatch = {
      adapter: gpu.facts.description,
      steps,
      dice,
      losses: [firstLoss, await program.readLoss()],
      compileSeconds: program.compileMs / 1000,
      seconds: (performance.now() - started) / 1000,
    };
    program.destroy();
    if (gpu.errors.length > 0) throw new Error(gpu.errors.join('\n'));
    return result;
  } finally {
    gpu.close();
  }
};

/** A ball with a brighter half, each with its label, under noise as strong as half the contrast. */
function twoOrgans(): { readonly image: Float32Array<ArrayBuffer>; readonly labels: Uint8Array } {
  const [depth, height, width] = SIZE;
  const labels = new Uint8Array(elementCount(SIZE));
  for (let z = 0, i = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const isInside = (z - 7.5) ** 2 + (y - 7) ** 2 + (x - 8) ** 2 < 5.5 ** 2;
        if (isInside) labels[i] = x < 8 ? 1 : 2;
      }
    }
  }
  const noise = randomNormal(labels.length, 1);
  return { image: Float32Array.from(labels, (label, i) => label - 1 + 0.5 * noise[i]), labels };
}

// Of an error only name and message cross to the page.
expose(() =>
  learnByHeart().catch((error: unknown) => {
    throw new Error(messageOf(error));
  }),
);
