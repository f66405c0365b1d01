import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import { differentiate } from '@/graph/differentiate';
import { compileFittingTraining, fittingMicroBatch } from '@/graph/fittingTraining';
import { interpret } from '@/graph/interpreter';
import { STEP_CONTROL } from '@/graph/ops/leaves';
import { lossGradient, targetInput } from '@/graph/ops/lossGradient';
import type { StateTensors } from '@/graph/parameters';
import { trainingGraph } from '@/graph/trainingGraph';
import {
  compileTraining,
  planTrainingStep,
  type TrainingPlanOptions,
  type TrainingProgram,
  type TrainingSetup,
} from '@/graph/trainingProgram';
import {
  crossEntropyLoss,
  diceAndBinaryCrossEntropyLoss,
  diceAndCrossEntropyLoss,
  diceAndTopKLoss,
  type LossOptions,
} from '@/kernels/losses/lossOptions';
import { packLabels, packRegions } from '@/kernels/losses/target';
import { DYNAMIC_LOSS_SCALING, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import type { Architecture } from '@/nn/architecture';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { randomNormal, seededRandom } from '@/shared/random';
import { isotropicUNet, PLAIN_3_STAGES, RESIDUAL_3_STAGES } from '../nn/architectures';
import { test } from '../support/gpu';

const CLASSES = 3;
/** Labels up to the number of classes; where one is ignored it is the last. */
const IGNORED = CLASSES;
const PATCH = [6, 10, 14];
const PLAIN = isotropicUNet([5, 6]);

/** Each with whether every micro-batch must go forward before the first gradient. */
const LOSSES: Record<string, { readonly loss: LossOptions; readonly isLossFirst: boolean }> = {
  'each sample its Dice': {
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
    isLossFirst: false,
  },
  'Dice of the batch': {
    loss: diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined }),
    isLossFirst: true,
  },
  'an ignore label': {
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: IGNORED }),
    isLossFirst: true,
  },
  regions: {
    loss: diceAndBinaryCrossEntropyLoss({ batchDice: false, hasIgnore: false }),
    isLossFirst: false,
  },
  'regions of the batch, some ignored': {
    loss: diceAndBinaryCrossEntropyLoss({ batchDice: true, hasIgnore: true }),
    isLossFirst: true,
  },
  'top k': { loss: diceAndTopKLoss({ batchDice: true, ignoreLabel: undefined }), isLossFirst: true },
  'cross entropy': { loss: crossEntropyLoss({ ignoreLabel: undefined }), isLossFirst: false },
};

interface Options {
  readonly loss: LossOptions;
  readonly architecture?: Architecture;
  readonly patchSize?: readonly number[];
  readonly batch?: number;
}

function setupOf({ loss, architecture = PLAIN, patchSize = PATCH, batch = 2 }: Options): TrainingSetup {
  const sizes = { inputChannels: 2, outputChannels: CLASSES, batch, patchSize, deepSupervision: true };
  const graph = buildUNet(architecture, sizes);
  const last = graph.outputs.length - 1;
  return {
    graph,
    loss,
    headWeights: graph.outputs.map((_, head) => (head === last && head > 0 ? 0 : 0.5 ** head)),
    optimiser: NNUNET_SGD,
    clipNorm: 12,
    lossScaling: undefined,
    dropoutSeed: 11,
  };
}

/** Weights of which none is constant, an image, and targets of every head; samples differ in what they show. */
function materialOf({ graph, loss }: TrainingSetup) {
  const state: StateTensors = new Map(
    [...initialise(graph.parameters, 1)].map(([name, { shape, data }], j) => {
      const noise = randomNormal(data.length, 10 + j);
      return [name, { shape, data: data.map((value, i) => value + 0.1 * noise[i]) }] as const;
    }),
  );
  const image = randomNormal(elementCount(graph.inputs[0].shape), 2);
  const random = seededRandom(3);
  const targets = graph.outputs.map(({ shape: [batch, , ...size] }) => {
    const voxels = elementCount(size);
    const channels = loss.target.kind === 'regions' ? CLASSES + Number(loss.target.hasIgnore) : 1;
    const kinds =
      loss.target.kind === 'regions' ? 2 : CLASSES + Number(loss.target.ignoreLabel !== undefined);
    // Later samples show more of the higher classes, or of what is ignored.
    const drawn = Uint8Array.from({ length: batch * channels * voxels }, (_, i) => {
      const sample = Math.floor(i / (channels * voxels));
      return Math.min(kinds - 1, Math.floor(random.uniform() ** (1 / (1 + sample)) * kinds));
    });
    return loss.target.kind === 'regions' ? packRegions(drawn, channels, voxels) : packLabels(drawn);
  });
  return { state, image, targets };
}

type Material = ReturnType<typeof materialOf>;

async function compiled(
  gpu: Gpu,
  setup: TrainingSetup,
  { state, image, targets }: Material,
  options: TrainingPlanOptions,
): Promise<TrainingProgram> {
  const program = await compileTraining(gpu, planTrainingStep(setup, gpu, options));
  program.setParameters(state);
  const [x] = program.inputs.values();
  gpu.device.queue.writeBuffer(x.buffer, x.offset, image as GPUAllowSharedBufferSource);
  for (const [head, target] of program.targets.entries()) {
    if (target)
      gpu.device.queue.writeBuffer(target.buffer, target.offset, targets[head] as GPUAllowSharedBufferSource);
  }
  return program;
}

/** What a program tells of one batch. */
async function toldOf(gpu: Gpu, setup: TrainingSetup, material: Material, options: TrainingPlanOptions) {
  const program = await compiled(gpu, setup, material, options);
  program.computeGradients();
  const loss = await program.readLoss();
  const gradients = await program.readGradients();
  program.evaluate();
  const told = {
    loss,
    gradients: new Map([...gradients].map(([name, { data }]) => [name, data])),
    evaluatedLoss: await program.readLoss(),
    counts: await program.readCounts(),
  };
  program.destroy();
  return told;
}

type Gradients = ReadonlyMap<string, ArrayLike<number>>;

/** Gradients of all parameters in f64, times the loss scale. */
function referenceGradients(setup: TrainingSetup, { state, image, targets }: Material): Gradients {
  const graph = trainingGraph(setup.graph, { dropoutSeed: setup.dropoutSeed ?? 0 });
  const fed = graph.outputs.map((logits, head) => targetInput(`target ${head}`, logits, setup.loss));
  const scale = setup.lossScaling?.initialScale ?? 1;
  const seeds = graph.outputs.map((logits, head) => {
    const weight = setup.headWeights[head];
    const loss = { options: setup.loss, weight: weight * scale, name: '' };
    return weight === 0 ? undefined : lossGradient(logits, fed[head], loss);
  });
  const { of } = differentiate(graph, seeds);
  const feeds = new Map<string, ArrayLike<number>>([...state].map(([name, { data }]) => [name, data]));
  feeds.set(graph.inputs[0].attributes.name, image);
  feeds.set(STEP_CONTROL, [0, 0]);
  for (const [head, target] of fed.entries()) feeds.set(target.attributes.name, targets[head]);
  const wanted = graph.parameters.filter((parameter) => of.has(parameter));
  const data = interpret(
    wanted.flatMap((parameter) => of.get(parameter) ?? []),
    feeds,
  );
  return new Map(wanted.map(({ attributes }, i) => [attributes.name, data[i]]));
}

/** Largest difference in each parameter, relative to its largest gradient or to a hundredth of the largest of all. */
function differences(actual: Gradients, expected: Gradients): { name: string; difference: number }[] {
  const largestOf = (data: ArrayLike<number>) =>
    Array.from(data).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const floor = 1e-2 * Math.max(...[...expected.values()].map(largestOf));
  return [...expected].map(([name, reference]) => {
    const found = actual.get(name) ?? [];
    const worst = largestOf(Array.from(reference, (value, i) => value - found[i]));
    return { name, difference: worst / Math.max(largestOf(reference), floor) };
  });
}

function expectNear(actual: Gradients, expected: Gradients, tolerance: number): void {
  for (const { name, difference } of differences(actual, expected))
    expect(difference, name).toBeLessThan(tolerance);
}

describe.each(Object.entries(LOSSES))('micro-batches, %s', (_, { loss, isLossFirst }) => {
  test.for([2, 3])('of one sample give what a batch of %i does', async (batch, { gpu }) => {
    const setup = setupOf({ loss, batch });
    const planned = planTrainingStep(setup, gpu, { microBatch: 1 });
    expect(planned.microBatches).toBe(batch);
    expect(planned.isLossFirst).toBe(isLossFirst);
    const material = materialOf(setup);
    const whole = await toldOf(gpu, setup, material, {});
    const parts = await toldOf(gpu, setup, material, { microBatch: 1 });
    expect(Math.abs(parts.loss / whole.loss - 1)).toBeLessThan(1e-6);
    expect(parts.evaluatedLoss).toBe(parts.loss);
    expect(parts.counts).toEqual(whole.counts);
    expectNear(parts.gradients, whole.gradients, 1e-5);
    expectNear(parts.gradients, referenceGradients(setup, material), 1e-4);
  });
});

describe('micro-batches', () => {
  const loss = diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined });

  test.for([
    ['2D', isotropicUNet([4, 8, 6], 2), [12, 20]],
    ['anisotropic', { ...PLAIN_3_STAGES, featuresPerStage: [5, 6, 7] }, [4, 8, 16]],
    ['residual', { ...RESIDUAL_3_STAGES, featuresPerStage: [4, 6, 8] }, [4, 12, 8]],
  ] as const)('give the gradients of other networks: %s', async ([, architecture, patchSize], { gpu }) => {
    for (const batchDice of [true, false]) {
      const setup = setupOf({ loss: { ...loss, batchDice }, architecture, patchSize, batch: 4 });
      const material = materialOf(setup);
      const { gradients } = await toldOf(gpu, setup, material, { microBatch: 2 });
      expectNear(gradients, referenceGradients(setup, material), 1e-4);
    }
  });

  test('of f16 feature maps, with a loss scale', async ({ gpu }) => {
    const plain = setupOf({ loss, architecture: { ...PLAIN, negativeSlope: 1 } });
    const setup = { ...plain, lossScaling: DYNAMIC_LOSS_SCALING };
    const material = materialOf(setup);
    const { gradients } = await toldOf(gpu, setup, material, { microBatch: 1, storage: 'f16' });
    expectNear(gradients, referenceGradients(setup, material), 1e-2);
  });

  test.for(['elements', 'channels'] as const)('drop the same %s as the whole batch', async (of, { gpu }) => {
    const setup = setupOf({ loss, architecture: { ...PLAIN, dropout: { probability: 0.25, of } }, batch: 3 });
    const material = materialOf(setup);
    const { gradients } = await toldOf(gpu, setup, material, { microBatch: 1 });
    expectNear(gradients, referenceGradients(setup, material), 1e-4);
  });

  test('must divide the batch', ({ gpu }) => {
    const setup = setupOf({ loss, batch: 3 });
    for (const microBatch of [2, 0, 4, 1.5]) {
      expect(() => planTrainingStep(setup, gpu, { microBatch })).toThrow('do not divide a batch of 3');
    }
    expect(planTrainingStep(setup, gpu, { microBatch: 3 }).bytes).toEqual(planTrainingStep(setup, gpu).bytes);
  });

  test('are as large as memory allows', ({ gpu }) => {
    const setup = setupOf({ loss, patchSize: [8, 16, 16], batch: 6 });
    const peakOf = (microBatch: number) => planTrainingStep(setup, gpu, { microBatch }).bytes.peak;
    expect(fittingMicroBatch(setup, gpu, peakOf(6))).toBe(6);
    expect(fittingMicroBatch(setup, gpu, peakOf(6) - 1)).toBe(3);
    expect(fittingMicroBatch(setup, gpu, peakOf(3) - 1)).toBe(2);
    expect(fittingMicroBatch(setup, gpu, peakOf(1))).toBe(1);
    expect(fittingMicroBatch(setup, gpu, peakOf(1) - 1)).toBeUndefined();
    const normed = setupOf({ loss, architecture: { ...PLAIN, batchNorm: { momentum: 0.1 } } });
    const { peak } = planTrainingStep(normed, gpu).bytes;
    expect([peak, peak - 1].map((bytes) => fittingMicroBatch(normed, gpu, bytes))).toEqual([2, undefined]);
  });

  test('are tried until one has room', async ({ gpu }) => {
    const setup = setupOf({ loss, patchSize: [8, 16, 16], batch: 4 });
    const largestOf = (microBatch: number) =>
      Math.max(...planTrainingStep(setup, gpu, { microBatch }).plan.memory.slotBytes);
    const { maxComputeWorkgroupsPerDimension, maxStorageBufferBindingSize } = gpu.limits;
    const compiledWithin = (maxBufferSize: number) => {
      const limits = { maxBufferSize, maxComputeWorkgroupsPerDimension, maxStorageBufferBindingSize };
      return compileFittingTraining({ ...gpu, limits: limits as GPUSupportedLimits }, setup);
    };
    const before = gpu.memory.currentBytes;
    for (const microBatch of [4, 2, 1]) {
      const program = await compiledWithin(largestOf(microBatch));
      expect(program.planned.microBatches).toBe(4 / microBatch);
      program.destroy();
    }
    await expect(compiledWithin(largestOf(1) - 1)).rejects.toMatchObject({ name: 'GpuOutOfMemory' });
    expect(gpu.memory.currentBytes).toBe(before);
  });

  test('are refused where batch norm needs the whole batch, and for the gradient of the input', ({ gpu }) => {
    const normed = setupOf({ loss, architecture: { ...PLAIN, batchNorm: { momentum: 0.1 } } });
    expect(() => planTrainingStep(normed, gpu, { microBatch: 1 })).toThrow('batch norm');
    const ofInputs = { ...setupOf({ loss }), ofInputs: true };
    expect(() => planTrainingStep(ofInputs, gpu, { microBatch: 1 })).toThrow('gradient of the input');
  });

  test.for([true, false])(
    'allocate what was planned, nothing in a step, and less than the whole batch: Dice of the batch %s',
    async (batchDice, { gpu }) => {
      const setup = setupOf({ loss: { ...loss, batchDice }, patchSize: [8, 16, 16], batch: 3 });
      const planned = planTrainingStep(setup, gpu, { microBatch: 1 });
      const whole = planTrainingStep(setup, gpu);
      expect(planned.bytes.temporaries).toBeLessThan(0.6 * whole.bytes.temporaries);
      expect(planned.bytes.parameters).toBe(whole.bytes.parameters);
      const before = gpu.memory.currentBytes;
      const program = await compiled(gpu, setup, materialOf(setup), { microBatch: 1 });
      expect(program.allocatedBytes).toBe(gpu.memory.currentBytes - before);
      expect(Math.abs(program.allocatedBytes / planned.bytes.peak - 1)).toBeLessThan(0.01);
      const pipelines = gpu.pipelines.compiledCount;
      gpu.memory.peakBytes = gpu.memory.currentBytes;
      for (let i = 0; i < 3; i++) program.step(0.01);
      program.evaluate();
      await gpu.device.queue.onSubmittedWorkDone();
      expect(gpu.pipelines.compiledCount).toBe(pipelines);
      expect(gpu.memory.peakBytes).toBe(before + program.allocatedBytes);
      program.destroy();
      expect(gpu.memory.currentBytes).toBe(before);
    },
  );

  test.for([true, false])(
    'learn, and go on from a saved state with the same bits: Dice of the batch %s',
    async (batchDice, { gpu }) => {
      const architecture = { ...PLAIN, dropout: { probability: 0.1, of: 'elements' } as const };
      const setup = setupOf({ loss: { ...loss, batchDice }, architecture });
      const material = materialOf(setup);
      const program = await compiled(gpu, setup, material, { microBatch: 1 });
      program.step(0.01);
      const first = await program.readLoss();
      for (let i = 0; i < 9; i++) program.step(0.01);
      const saved = { parameters: await program.readParameters(), optimiser: await program.readOptimiser() };
      for (let i = 0; i < 10; i++) program.step(0.01);
      const last = await program.readLoss();
      const undisturbed = await program.readParameters();
      program.destroy();
      expect(last).toBeLessThan(first - 0.05);

      const second = await compiled(gpu, setup, material, { microBatch: 1 });
      second.setParameters(new Map([...material.state, ...saved.parameters]));
      second.setOptimiser(saved.optimiser);
      for (let i = 0; i < 10; i++) second.step(0.01);
      const resumed = await second.readParameters();
      second.destroy();
      expect(resumed).toEqual(undisturbed);
    },
  );

  test('count the work of a step', ({ gpu }) => {
    const apart = { ...loss, batchDice: false };
    const whole = planTrainingStep(setupOf({ loss }), gpu).flops;
    expect(planTrainingStep(setupOf({ loss: apart }), gpu, { microBatch: 1 }).flops).toBe(whole);
    const { flops, plan } = planTrainingStep(setupOf({ loss }), gpu, { microBatch: 1 });
    const forward = plan.steps.slice(0, plan.forwardSteps).reduce((sum, step) => sum + step.flops, 0);
    expect(flops).toBe(whole + forward);
  });
});
