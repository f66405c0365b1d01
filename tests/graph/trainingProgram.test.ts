import { describe, expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import { differentiate } from '@/graph/differentiate';
import { interpret } from '@/graph/interpreter';
import { lossGradient, targetInput } from '@/graph/ops/lossGradient';
import type { StateTensors } from '@/graph/parameters';
import { trainingGraph } from '@/graph/trainingGraph';
import {
  compileTraining,
  planTrainingStep,
  type TrainingProgram,
  type TrainingSetup,
} from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { packLabels } from '@/kernels/losses/target';
import { NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import type { Architecture } from '@/nn/architecture';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { randomNormal, seededRandom } from '@/shared/random';
import { isotropicUNet, PLAIN_3_STAGES, RESIDUAL_3_STAGES } from '../nn/architectures';
import { test } from '../support/gpu';

const CLASSES = 3;

function setupOf(architecture: Architecture, patchSize: readonly number[]): TrainingSetup {
  const graph = buildUNet(architecture, {
    inputChannels: 2,
    outputChannels: CLASSES,
    batch: 2,
    patchSize,
    deepSupervision: true,
  });
  const headWeights = graph.outputs.map((_, head) =>
    head === graph.outputs.length - 1 && head > 0 ? 0 : 0.5 ** head,
  );
  const loss = diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined });
  return { graph, loss, headWeights, optimiser: NNUNET_SGD, clipNorm: 12, lossScaling: undefined };
}

/** Weights of which none is constant, an image, and label maps of every head. */
function materialOf({ graph }: TrainingSetup) {
  const state: StateTensors = new Map(
    [...initialise(graph.parameters, 1)].map(([name, { shape, data }], j) => {
      const noise = randomNormal(data.length, 10 + j);
      return [name, { shape, data: data.map((value, i) => value + 0.1 * noise[i]) }] as const;
    }),
  );
  const image = randomNormal(elementCount(graph.inputs[0].shape), 2);
  const random = seededRandom(3);
  const targets = graph.outputs.map(({ shape }) => {
    const labels = Uint8Array.from({ length: elementCount(shape) / CLASSES }, () =>
      Math.floor(random.uniform() * CLASSES),
    );
    return packLabels(labels);
  });
  return { state, image, targets };
}

type Material = ReturnType<typeof materialOf>;

function feed(gpu: Gpu, program: TrainingProgram, { image, targets }: Omit<Material, 'state'>): void {
  const [x] = program.inputs.values();
  gpu.device.queue.writeBuffer(x.buffer, x.offset, image as GPUAllowSharedBufferSource);
  for (const [head, target] of program.targets.entries()) {
    if (target)
      gpu.device.queue.writeBuffer(target.buffer, target.offset, targets[head] as GPUAllowSharedBufferSource);
  }
}

/** Gradients of all parameters in f64. */
function referenceGradients(
  setup: TrainingSetup,
  { state, image, targets }: Material,
): Map<string, Float64Array> {
  const graph = trainingGraph(setup.graph);
  const fed = graph.outputs.map((logits, head) => targetInput(`target ${head}`, logits, setup.loss));
  const seeds = graph.outputs.map((logits, head) =>
    setup.headWeights[head] === 0
      ? undefined
      : lossGradient(logits, fed[head], { options: setup.loss, weight: setup.headWeights[head], name: '' }),
  );
  const { of } = differentiate(graph, seeds);
  const feeds = new Map<string, ArrayLike<number>>([...state].map(([name, { data }]) => [name, data]));
  feeds.set(graph.inputs[0].attributes.name, image);
  for (const [head, target] of fed.entries()) feeds.set(target.attributes.name, targets[head]);
  const wanted = graph.parameters.filter((parameter) => of.has(parameter));
  const data = interpret(
    wanted.flatMap((parameter) => of.get(parameter) ?? []),
    feeds,
  );
  return new Map(wanted.map(({ attributes }, i) => [attributes.name, data[i]]));
}

const NETWORKS = [
  ['plain 3D', isotropicUNet([6, 9]), [8, 10, 12]],
  ['plain 2D', isotropicUNet([4, 8, 6], 2), [16, 20]],
  ['plain, anisotropic', { ...PLAIN_3_STAGES, featuresPerStage: [5, 6, 7] }, [4, 8, 16]],
  ['residual', { ...RESIDUAL_3_STAGES, featuresPerStage: [4, 6, 8] }, [4, 12, 8]],
] as const;

describe('gradients on the device', () => {
  for (const [name, architecture, patchSize] of NETWORKS) {
    test(`are the interpreter's: ${name}`, async ({ gpu }) => {
      const setup = setupOf(architecture, patchSize);
      const material = materialOf(setup);
      const program = await compileTraining(gpu, planTrainingStep(setup, gpu));
      program.setParameters(material.state);
      feed(gpu, program, material);
      program.computeGradients();
      const actual = await program.readGradients();
      program.destroy();
      const expected = referenceGradients(setup, material);
      const largest = Math.max(
        ...[...expected.values()].flatMap((data) => data.map(Math.abs)).map((data) => Math.max(...data)),
      );
      for (const [parameter, { data }] of actual) {
        const reference = expected.get(parameter) ?? new Float64Array(data.length);
        const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - reference[i])), 0);
        const scale = Math.max(...reference.map(Math.abs), 1e-2 * largest);
        expect(worst / scale, parameter).toBeLessThan(1e-4);
      }
    });
  }
});

describe('a training program', () => {
  test('allocates what was planned, and nothing in a step', async ({ gpu }) => {
    const setup = setupOf(isotropicUNet([6, 9]), [8, 10, 12]);
    const planned = planTrainingStep(setup, gpu);
    const before = gpu.memory.currentBytes;
    const program = await compileTraining(gpu, planned);
    expect(program.allocatedBytes).toBe(gpu.memory.currentBytes - before);
    expect(Math.abs(program.allocatedBytes / planned.bytes.peak - 1)).toBeLessThan(0.01);
    const material = materialOf(setup);
    program.setParameters(material.state);
    feed(gpu, program, material);
    const pipelines = gpu.pipelines.compiledCount;
    gpu.memory.peakBytes = gpu.memory.currentBytes;
    for (let i = 0; i < 3; i++) program.step(0.01);
    await gpu.device.queue.onSubmittedWorkDone();
    expect(gpu.pipelines.compiledCount).toBe(pipelines);
    expect(gpu.memory.peakBytes).toBe(before + program.allocatedBytes);
    program.destroy();
    expect(gpu.memory.currentBytes).toBe(before);
  });

  test('learns, and goes on from a saved state with the same bits', async ({ gpu }) => {
    const setup = setupOf(isotropicUNet([6, 9]), [8, 10, 12]);
    const planned = planTrainingStep(setup, gpu);
    const material = materialOf(setup);
    const program = await compileTraining(gpu, planned);
    program.setParameters(material.state);
    feed(gpu, program, material);
    program.step(0.01);
    const first = await program.readLoss();
    for (let i = 0; i < 9; i++) program.step(0.01);
    const saved = { parameters: await program.readParameters(), optimiser: await program.readOptimiser() };
    for (let i = 0; i < 10; i++) program.step(0.01);
    const last = await program.readLoss();
    const undisturbed = await program.readParameters();
    program.destroy();
    expect(last).toBeLessThan(first - 0.05);

    const second = await compileTraining(gpu, planned);
    second.setParameters(new Map([...material.state, ...saved.parameters]));
    second.setOptimiser(saved.optimiser);
    feed(gpu, second, material);
    for (let i = 0; i < 10; i++) second.step(0.01);
    const resumed = await second.readParameters();
    second.destroy();
    for (const [name, { data }] of undisturbed) expect(resumed.get(name)?.data, name).toEqual(data);
  });
});
