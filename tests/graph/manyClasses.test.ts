// Training where the logits of one sample exceed what the device binds at once.
import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import {
  compileTraining,
  planTrainingStep,
  type TrainingPlanOptions,
  type TrainingSetup,
} from '@/graph/trainingProgram';
import {
  diceAndBinaryCrossEntropyLoss,
  diceAndCrossEntropyLoss,
  diceAndTopKLoss,
  type LossOptions,
} from '@/kernels/losses/lossOptions';
import { targetSize } from '@/kernels/losses/target';
import { DYNAMIC_LOSS_SCALING, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { randomNormal, seededRandom } from '@/shared/random';
import { isotropicUNet } from '../nn/architectures';
import { test } from '../support/gpu';
import { narrowGpu } from '../support/narrowGpu';

const CLASSES = 20;
/** Four channels of the finest head; the optimiser and the packed weights need about as much. */
const BINDING_BYTES = 70_000;

function setupOf(loss: LossOptions): TrainingSetup {
  const graph = buildUNet(isotropicUNet([4, 6]), {
    inputChannels: 1,
    outputChannels: CLASSES,
    batch: 2,
    patchSize: [16, 16, 16],
    deepSupervision: true,
  });
  const headWeights = graph.outputs.map((_, head) => 0.5 ** head);
  return { graph, loss, headWeights, optimiser: NNUNET_SGD, clipNorm: 12, lossScaling: undefined };
}

/** Gradients, loss and hard counts of one batch. */
async function resultsOf(gpu: Gpu, setup: TrainingSetup, options: TrainingPlanOptions) {
  const planned = planTrainingStep(setup, gpu, options);
  const before = gpu.memory.currentBytes;
  const program = await compileTraining(gpu, planned);
  expect(Math.abs((gpu.memory.currentBytes - before) / planned.bytes.peak - 1)).toBeLessThan(0.01);
  program.setParameters(initialise(setup.graph.parameters, 1));
  const write = (array: { buffer: GPUBuffer; offset: number } | undefined, data: ArrayBufferView) => {
    if (array) gpu.device.queue.writeBuffer(array.buffer, array.offset, data as GPUAllowSharedBufferSource);
  };
  const [image] = program.inputs.values();
  write(image, randomNormal(elementCount(setup.graph.inputs[0].shape), 2));
  const random = seededRandom(3);
  const isLabels = setup.loss.target.kind === 'labels';
  for (const [head, target] of program.targets.entries()) {
    const [batch, , ...size] = setup.graph.outputs[head].shape;
    const words = targetSize(setup.loss.target, CLASSES, batch, elementCount(size));
    const bytes = Uint8Array.from({ length: 4 * words }, () =>
      Math.floor(random.uniform() * (isLabels ? CLASSES : 256)),
    );
    write(target, new Uint32Array(bytes.buffer));
  }
  program.computeGradients();
  const gradients = await program.readGradients();
  const loss = await program.readLoss();
  program.clearCounts();
  program.evaluate();
  const counts = await program.readCounts();
  program.destroy();
  return { gradients, loss, counts };
}

const LOSSES: Record<string, LossOptions> = {
  'Dice and cross entropy': diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
  'Dice of the batch, ignored voxels': diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: 7 }),
  'Dice and top k': diceAndTopKLoss({ batchDice: true, ignoreLabel: undefined }),
  regions: diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: true }),
};
const WAYS: Record<string, TrainingPlanOptions> = {
  'the whole batch': {},
  'sample by sample': { microBatch: 1 },
  'stored as f16': { storage: 'f16' },
};

describe('a training step with more logits than one binding holds', () => {
  for (const [name, loss] of Object.entries(LOSSES)) {
    for (const [way, options] of Object.entries(WAYS)) {
      test(`is that of a device that binds them all: ${name}, ${way}`, async ({ gpu }) => {
        const isHalf = options.storage === 'f16';
        const setup = { ...setupOf(loss), lossScaling: isHalf ? DYNAMIC_LOSS_SCALING : undefined };
        const expected = await resultsOf(gpu, setup, options);
        const narrow = narrowGpu(gpu, BINDING_BYTES);
        const actual = await resultsOf(narrow.gpu, setup, options).finally(narrow.restore);
        expect(narrow.excesses).toEqual([]);
        expect(actual.counts).toEqual(expected.counts);
        expect(actual.loss).toBeCloseTo(expected.loss, 5);
        // Convolutions cut by channels add up halves.
        const tolerance = isHalf ? 1e-2 : 1e-5;
        for (const [parameter, { data }] of expected.gradients) {
          const found = actual.gradients.get(parameter)?.data ?? new Float32Array(data.length);
          const difference = Math.hypot(...data.map((value, i) => value - found[i]));
          expect(difference / Math.max(1e-3, Math.hypot(...data)), parameter).toBeLessThan(tolerance);
        }
      });
    }
  }
});
