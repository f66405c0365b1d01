// A whole-body model on an adapter of small bindings: 118 classes at 128×112×112, of which one sample's logits are 0.7 GiB.
// What the device makes of them is compared with the same loss computed in parts, slab by slab of voxels, in float64.
import { deepSupervisionWeights } from '@/core/training/deepSupervision';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import {
  compileTraining,
  planTrainingStep,
  type TrainingProgram,
  type TrainingSetup,
} from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss, type LossOptions } from '@/kernels/losses/lossOptions';
import { packLabels } from '@/kernels/losses/target';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { randomNormal, seededRandom } from '@/shared/random';
import { isotropicUNet } from '../nn/architectures';
import { type Outcome, summarise } from '../support/golden';
import { runLoss } from '../support/losses';
import { labelLossInParts } from '../support/lossInParts';
import type { TopicResult } from './topic';

const CLASSES = 118;
const PATCH = [128, 112, 112] as const;
/** Of networks that a test can afford. */
const FEATURES = [4, 6, 8];
/** Absolute. */
const LOSS_TOLERANCE = 2e-6;
/** Of the largest gradient. */
const GRADIENT_TOLERANCE = 5e-6;
/** Of the largest gradient of a head's biases, which are sums over a million voxels and more. */
const BIAS_TOLERANCE = 1e-4;

export async function run(_: string, print: (line: string) => void): Promise<TopicResult> {
  const gpu = await openNodeGpu();
  const { maxStorageBufferBindingSize } = gpu.limits;
  const voxels = elementCount(PATCH);
  print(
    `${CLASSES} classes × ${PATCH.join('×')}: ${formatBytes(4 * CLASSES * voxels)}; one binding holds ${formatBytes(maxStorageBufferBindingSize)}`,
  );
  try {
    const options = diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: CLASSES });
    const groups = {
      'the loss alone': await checkLoss(gpu, options, voxels),
      'a training step': await checkStep(gpu, print),
    };
    return summarise('many_classes', groups);
  } finally {
    gpu.close();
  }
}

/** Loss and gradient of any logits, 1 voxel of 16 ignored. */
async function checkLoss(gpu: Gpu, options: LossOptions, voxels: number): Promise<Outcome[]> {
  const random = seededRandom(1);
  const logits = Float32Array.from({ length: CLASSES * voxels }, () => 8 * random.uniform() - 4);
  const target = Uint8Array.from({ length: voxels }, () =>
    random.uniform() < 1 / 16 ? CLASSES : Math.floor(random.uniform() * CLASSES),
  );
  const shape = { batch: 1, classes: CLASSES, voxels };
  const { sums, gradient } = await runLoss(gpu, { options, shape, logits, target });
  const expected = labelLossInParts(options, { classes: CLASSES, voxels }, logits, target);
  let [worst, largest] = [0, 0];
  expected.gradient((start, part) => {
    for (let c = 0; c < CLASSES; c++) {
      const length = part.length / CLASSES;
      for (let i = 0; i < length; i++) {
        const value = part[c * length + i];
        const difference = Math.abs(gradient[c * voxels + start + i] - value);
        worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
        largest = Math.max(largest, Math.abs(value));
      }
    }
  });
  return [
    { name: 'loss', error: Math.abs(sums[0] - expected.loss), tolerance: LOSS_TOLERANCE },
    { name: 'gradient of the logits', error: worst / largest, tolerance: GRADIENT_TOLERANCE },
  ];
}

/** One step of a narrow network: its loss, the gradients of its heads' biases, its hard counts, and that it learns. */
async function checkStep(gpu: Gpu, print: (line: string) => void): Promise<Outcome[]> {
  const graph = buildUNet(isotropicUNet(FEATURES), {
    inputChannels: 1,
    outputChannels: CLASSES,
    batch: 1,
    patchSize: [...PATCH],
    deepSupervision: true,
  });
  const setup: TrainingSetup = {
    graph,
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
    headWeights: deepSupervisionWeights(graph.outputs.length),
    optimiser: NNUNET_SGD,
    clipNorm: NNUNET_CLIP_NORM,
    lossScaling: undefined,
  };
  const planned = planTrainingStep(setup, gpu);
  const program = await compileTraining(gpu, planned);
  program.setParameters(initialise(graph.parameters, 1));
  const targets = feed(gpu, program, setup);
  program.evaluate();
  const counts = await program.readCounts();
  program.clearCounts();
  const started = performance.now();
  program.step(0.01);
  const first = await program.readLoss();
  const seconds = (performance.now() - started) / 1000;
  print(`a training step takes ${seconds.toFixed(1)} s and ${formatBytes(program.allocatedBytes)}`);
  program.computeGradients();
  const second = await program.readLoss();
  const gradients = await program.readGradients();
  const outcomes: Outcome[] = [];
  let expectedLoss = 0;
  for (const [head, weight] of setup.headWeights.entries()) {
    if (weight === 0) continue;
    const logits = await readFloats(gpu, program.outputs[head]);
    const voxels = logits.length / CLASSES;
    const expected = labelLossInParts(setup.loss, { classes: CLASSES, voxels }, logits, targets[head]);
    expectedLoss += weight * expected.loss;
    const sums = new Float64Array(CLASSES);
    expected.gradient((_, part) => {
      for (const [i, value] of part.entries())
        sums[Math.floor((i * CLASSES) / part.length)] += weight * value;
    });
    outcomes.push(checkBias(gradients, head, sums));
  }
  program.destroy();
  const total = counts.truePositives.reduce((sum, count, c) => sum + count + counts.falseNegatives[c], 0);
  return [
    { name: 'loss', error: Math.abs(second - expectedLoss), tolerance: LOSS_TOLERANCE },
    ...outcomes,
    {
      name: 'loss falls',
      error: second - first,
      tolerance: 0,
      note: `from ${first.toFixed(5)} to ${second.toFixed(5)}`,
    },
    { name: 'every voxel is counted', error: Math.abs(total - elementCount(PATCH)), tolerance: 0 },
  ];
}

/** Writes an image and label maps of blocks; returns the label maps by head. */
function feed(gpu: Gpu, program: TrainingProgram, { graph }: TrainingSetup): Uint8Array[] {
  const [image] = program.inputs.values();
  const write = (
    { buffer, offset }: { buffer: GPUBuffer; offset: number },
    data: Float32Array | Uint32Array,
  ) => gpu.device.queue.writeBuffer(buffer, offset, data as GPUAllowSharedBufferSource);
  write(image, randomNormal(elementCount(graph.inputs[0].shape), 2));
  return graph.outputs.map(({ shape }, head) => {
    const [, , depth, height, width] = shape;
    const labels = Uint8Array.from({ length: depth * height * width }, (_, i) => {
      const at = [
        Math.floor(i / (height * width)) / depth,
        (Math.floor(i / width) % height) / height,
        (i % width) / width,
      ];
      const [z, y, x] = at.map((share) => Math.floor(5 * share));
      return (25 * z + 5 * y + x) % CLASSES;
    });
    const target = program.targets[head];
    if (target) write(target, packLabels(labels));
    return labels;
  });
}

/** Heads lie from the coarsest to the finest in the decoder. */
function checkBias(
  gradients: Awaited<ReturnType<TrainingProgram['readGradients']>>,
  head: number,
  expected: Float64Array,
): Outcome {
  const name = `decoder.seg_layers.${FEATURES.length - 2 - head}.bias`;
  const found = gradients.get(name)?.data ?? new Float32Array();
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = expected.reduce((most, value, c) => {
    const difference = Math.abs(value - found[c]);
    return Math.max(most, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }, 0);
  return { name: `gradient of ${name}`, error: worst / largest, tolerance: BIAS_TOLERANCE };
}
