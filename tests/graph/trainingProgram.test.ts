import { describe, expect } from 'vitest';
import { readFloats } from '@/gpu/buffers';
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
import { packLabels, unpackTarget } from '@/kernels/losses/target';
import { DYNAMIC_LOSS_SCALING, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import type { FeatureDtype } from '@/kernels/storage';
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

/** Gradients of all parameters in f64, times the loss scale. */
function referenceGradients(
  setup: TrainingSetup,
  { state, image, targets }: Material,
): Map<string, Float64Array> {
  const graph = trainingGraph(setup.graph);
  const fed = graph.outputs.map((logits, head) => targetInput(`target ${head}`, logits, setup.loss));
  const seeds = graph.outputs.map((logits, head) =>
    setup.headWeights[head] === 0
      ? undefined
      : lossGradient(logits, fed[head], {
          options: setup.loss,
          weight: setup.headWeights[head] * (setup.lossScaling?.initialScale ?? 1),
          name: '',
        }),
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

/** Gradients of all parameters on the device, times the loss scale. */
async function gradientsOf(gpu: Gpu, setup: TrainingSetup, material: Material, storage: FeatureDtype) {
  const program = await compileTraining(gpu, planTrainingStep(setup, gpu, { storage }));
  program.setParameters(material.state);
  feed(gpu, program, material);
  program.computeGradients();
  const gradients = await program.readGradients();
  program.destroy();
  return new Map([...gradients].map(([name, { data }]) => [name, data]));
}

/** Length of the difference, relative to the length of the reference or to a hundredth of the longest of all. */
function distances(
  actual: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float64Array>,
): { readonly name: string; readonly distance: number }[] {
  const lengths = new Map([...expected].map(([name, data]) => [name, Math.hypot(...data)]));
  const floor = 1e-2 * Math.max(...lengths.values());
  return [...actual].map(([name, data]) => {
    const reference = expected.get(name) ?? new Float64Array(data.length);
    const difference = Math.hypot(...data.map((value, i) => value - reference[i]));
    return { name, distance: difference / Math.max(lengths.get(name) ?? 0, floor) };
  });
}

/**
 * Roundings move few gradients where all is smooth. With LeakyReLU some voxels come to lie on the other side of zero, and
 * in networks of a few hundred voxels a handful of them weighs.
 */
const TOLERANCES = [
  { negativeSlope: 1, tolerance: 1e-2 },
  { negativeSlope: 0.01, tolerance: 0.15 },
];

describe.each(TOLERANCES)(
  'gradients with feature maps stored as f16, slope $negativeSlope',
  ({ negativeSlope, tolerance }) => {
    for (const [name, architecture, patchSize] of NETWORKS) {
      test(`are near the interpreter's: ${name}`, async ({ gpu }) => {
        const plain = setupOf({ ...architecture, negativeSlope }, patchSize);
        const setup = { ...plain, lossScaling: DYNAMIC_LOSS_SCALING };
        const material = materialOf(setup);
        const actual = await gradientsOf(gpu, setup, material, 'f16');
        for (const { name: parameter, distance } of distances(actual, referenceGradients(setup, material))) {
          expect(distance, parameter).toBeLessThan(tolerance);
        }
      });
    }
  },
);

describe('training with feature maps stored as f16', () => {
  const setup = { ...setupOf(isotropicUNet([6, 9]), [8, 10, 12]), lossScaling: DYNAMIC_LOSS_SCALING };

  /** Losses before each step. */
  async function curveOf(gpu: Gpu, storage: FeatureDtype, steps: number): Promise<number[]> {
    const program = await compileTraining(gpu, planTrainingStep(setup, gpu, { storage }));
    const material = materialOf(setup);
    program.setParameters(material.state);
    feed(gpu, program, material);
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      program.step(0.01);
      losses.push(await program.readLoss());
    }
    program.destroy();
    return losses;
  }

  test('follows the curve of f32', async ({ gpu }) => {
    const exact = await curveOf(gpu, 'f32', 20);
    const halves = await curveOf(gpu, 'f16', 20);
    expect(halves[0] - halves[19]).toBeGreaterThan(0.1);
    for (const [i, loss] of exact.entries())
      expect(Math.abs(halves[i] - loss), `step ${i}`).toBeLessThan(1e-3);
  });

  test('leaves the weights alone where gradients overflow, and finds a scale where they do not', async ({
    gpu,
  }) => {
    const overflowing = { ...setup, lossScaling: { ...DYNAMIC_LOSS_SCALING, initialScale: 2 ** 40 } };
    const program = await compileTraining(gpu, planTrainingStep(overflowing, gpu, { storage: 'f16' }));
    const material = materialOf(overflowing);
    program.setParameters(material.state);
    feed(gpu, program, material);
    program.step(0.01);
    const parameters = await program.readParameters();
    for (const [name, { data }] of parameters) expect(material.state.get(name)?.data, name).toEqual(data);
    expect((await program.readControl()).lossScale).toBe(2 ** 39);
    const first = await program.readLoss();
    for (let i = 0; i < 40; i++) program.step(0.01);
    const { lossScale } = await program.readControl();
    const last = await program.readLoss();
    program.destroy();
    expect(lossScale).toBeGreaterThan(2 ** 8);
    expect(lossScale).toBeLessThan(2 ** 35);
    expect(last).toBeLessThan(first - 0.1);
  });

  test('takes half the temporaries, and allocates what was planned', async ({ gpu }) => {
    const large = setupOf(isotropicUNet([8, 12]), [64, 64, 64]);
    const [halves, floats] = (['f16', 'f32'] as const).map(
      (storage) => planTrainingStep(large, gpu, { storage }).bytes,
    );
    expect(halves.temporaries / floats.temporaries).toBeLessThan(0.6);
    expect(halves.parameters).toBe(floats.parameters);
    const planned = planTrainingStep(setup, gpu, { storage: 'f16' });
    const before = gpu.memory.currentBytes;
    const program = await compileTraining(gpu, planned);
    expect(program.allocatedBytes).toBe(gpu.memory.currentBytes - before);
    expect(Math.abs(program.allocatedBytes / planned.bytes.peak - 1)).toBeLessThan(0.01);
    program.destroy();
  });

  test('is refused where the device has no f16', ({ gpu }) => {
    const device = { limits: gpu.limits, facts: { ...gpu.facts, hasF16: false } };
    expect(() => planTrainingStep(setup, device, { storage: 'f16' })).toThrow('f16');
  });
});

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

/** Counts of `times` looks at the same logits `[n, CLASSES, voxels]`. */
function hardCountsOf(logits: Float32Array, labels: ArrayLike<number>, voxels: number, times: number) {
  const row = () => new Array<number>(CLASSES).fill(0);
  const counts = { truePositives: row(), falsePositives: row(), falseNegatives: row() };
  for (let i = 0; i < labels.length; i++) {
    const first = Math.floor(i / voxels) * CLASSES * voxels + (i % voxels);
    const values = Array.from({ length: CLASSES }, (_, k) => logits[first + k * voxels]);
    const found = values.indexOf(Math.max(...values));
    if (found === labels[i]) counts.truePositives[found] += times;
    else {
      counts.falsePositives[found] += times;
      counts.falseNegatives[labels[i]] += times;
    }
  }
  return counts;
}

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

  test.for(NETWORKS)(
    'evaluates: losses of a step, hard predictions counted: %s',
    async ([, architecture, patchSize], { gpu }) => {
      const setup = setupOf(architecture, patchSize);
      const material = materialOf(setup);
      const program = await compileTraining(gpu, planTrainingStep(setup, gpu));
      program.setParameters(material.state);
      feed(gpu, program, material);
      program.computeGradients();
      const loss = await program.readLoss();
      const gradients = await program.readGradients();
      program.clearCounts();
      program.evaluate();
      expect(await program.readLoss()).toBe(loss);
      program.evaluate();
      const counts = await program.readCounts();
      const logits = await readFloats(gpu, program.outputs[0]);
      expect(await program.readGradients()).toEqual(gradients);
      program.destroy();

      const [batch, , ...size] = setup.graph.outputs[0].shape;
      const labels = unpackTarget(
        setup.loss.target,
        { batch, classes: CLASSES, voxels: elementCount(size) },
        material.targets[0],
      );
      expect(counts).toEqual(hardCountsOf(logits, labels, elementCount(size), 2));
    },
  );

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
