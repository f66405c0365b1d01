import { describe, expect } from 'vitest';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { differentiate } from '@/graph/differentiate';
import { interpret } from '@/graph/interpreter';
import { add } from '@/graph/ops/add';
import { batchNorm } from '@/graph/ops/batchNorm';
import { conv3d } from '@/graph/ops/conv3d';
import { dropout } from '@/graph/ops/dropout';
import { leakyRelu } from '@/graph/ops/leakyRelu';
import { buffer, input, parameter, STEP_CONTROL } from '@/graph/ops/leaves';
import { lossGradient, targetInput } from '@/graph/ops/lossGradient';
import type { StateTensors } from '@/graph/parameters';
import { planGraph } from '@/graph/plan';
import { compileProgram } from '@/graph/program';
import { trainingGraph } from '@/graph/trainingGraph';
import {
  compileTraining,
  planTrainingStep,
  type TrainingProgram,
  type TrainingSetup,
} from '@/graph/trainingProgram';
import type { Graph } from '@/graph/value';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { packLabels } from '@/kernels/losses/target';
import { optimiserReference } from '@/kernels/optimisers/optimiser.reference';
import { NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import type { FeatureDtype } from '@/kernels/storage';
import type { Architecture } from '@/nn/architecture';
import { initialise } from '@/nn/initialise';
import { buildUNet, countParameters } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { randomNormal, seededRandom } from '@/shared/random';
import { relativeError } from '../kernels/device';
import { isotropicUNet, RESIDUAL_3_STAGES } from '../nn/architectures';
import { test } from '../support/gpu';

const CLASSES = 3;
const LEARNING_RATE = 0.05;
const BATCH_NORM = { batchNorm: { momentum: 0.1 } } as const;
const DROPOUT = { dropout: { probability: 0.25, of: 'channels' } } as const;

const PLAIN: Architecture = { ...isotropicUNet([6, 9]), ...BATCH_NORM };
const RESIDUAL: Architecture = { ...RESIDUAL_3_STAGES, featuresPerStage: [4, 6, 8], ...BATCH_NORM };

function networkOf(architecture: Architecture, patchSize: readonly number[], batch = 2): Graph {
  const sizes = { inputChannels: 2, outputChannels: CLASSES, batch, patchSize };
  return buildUNet(architecture, { ...sizes, deepSupervision: true });
}

/** A convolution with dropout, norm and activation, and a head: few kernels to compile. */
function oneUnit(): Graph {
  const x = input('x', [2, 2, 8, 10, 12]);
  const parameters = {
    weight: parameter('conv.weight', [6, 2, 3, 3, 3], 'kaimingNormal'),
    scale: parameter('norm.weight', [6], 'ones'),
    shift: parameter('norm.bias', [6], 'zeros'),
    mean: buffer('norm.running_mean', [6], 'zeros'),
    variance: buffer('norm.running_var', [6], 'ones'),
    batchCount: buffer('norm.num_batches_tracked', [], 'zeros'),
    head: parameter('head.weight', [CLASSES, 6, 1, 1, 1], 'kaimingNormal'),
  };
  const { weight, scale, shift, head } = parameters;
  const dropped = dropout(conv3d(x, weight, undefined), DROPOUT.dropout);
  const affine = { weight: scale, bias: shift };
  const normed = batchNorm(dropped, parameters, affine, { eps: 1e-5, momentum: 0.1 });
  const outputs = [conv3d(leakyRelu(normed, 0.01), head, undefined)];
  return { inputs: [x], parameters: Object.values(parameters), outputs };
}

/** Weights of which none is constant, and running statistics of batches that were seen. */
function stateOf(graph: Graph): StateTensors {
  return new Map(
    [...initialise(graph.parameters, 1)].map(([name, { shape, data }], j) => {
      const noise = randomNormal(data.length, 10 + j);
      const moved = (value: number, i: number) =>
        name.endsWith('running_var') ? Math.exp(noise[i]) : value + 0.1 * noise[i];
      return [name, { shape, data: name.endsWith('tracked') ? data : data.map(moved) }] as const;
    }),
  );
}

function setupOf(architecture: Architecture, patchSize: readonly number[]): TrainingSetup {
  const graph = networkOf(architecture, patchSize);
  return {
    graph,
    loss: diceAndCrossEntropyLoss({ batchDice: true, ignoreLabel: undefined }),
    headWeights: graph.outputs.map((_, head) => (head < 2 ? 0.5 ** head : 0)),
    optimiser: NNUNET_SGD,
    clipNorm: undefined,
    lossScaling: undefined,
    dropoutSeed: 11,
  };
}

/** The image of a step, and label maps of every head. */
function batchOf({ graph }: TrainingSetup, step: number) {
  const image = randomNormal(elementCount(graph.inputs[0].shape), 100 + step);
  const random = seededRandom(200 + step);
  const targets = graph.outputs.map(({ shape }) =>
    packLabels(
      Uint8Array.from({ length: elementCount(shape) / CLASSES }, () =>
        Math.floor(random.uniform() * CLASSES),
      ),
    ),
  );
  return { image, targets };
}

function feed(gpu: Gpu, program: TrainingProgram, { image, targets }: ReturnType<typeof batchOf>): void {
  const [x] = program.inputs.values();
  gpu.device.queue.writeBuffer(x.buffer, x.offset, image as GPUAllowSharedBufferSource);
  for (const [head, target] of program.targets.entries()) {
    if (target)
      gpu.device.queue.writeBuffer(target.buffer, target.offset, targets[head] as GPUAllowSharedBufferSource);
  }
}

async function trained(gpu: Gpu, setup: TrainingSetup, steps: number, storage: FeatureDtype = 'f32') {
  const program = await compileTraining(gpu, planTrainingStep(setup, gpu, { storage }));
  program.setParameters(stateOf(setup.graph));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    feed(gpu, program, batchOf(setup, step));
    program.step(LEARNING_RATE);
    losses.push(await program.readLoss());
  }
  const parameters = await program.readParameters();
  program.destroy();
  return { parameters, losses };
}

/** The same in f64. */
function trainedReference(setup: TrainingSetup, steps: number): Map<string, Float64Array> {
  const graph = trainingGraph(setup.graph, { dropoutSeed: setup.dropoutSeed ?? 0 });
  const fed = graph.outputs.map((logits, head) => targetInput(`target ${head}`, logits, setup.loss));
  const seeds = graph.outputs.map((logits, head) => {
    const weight = setup.headWeights[head];
    return weight === 0
      ? undefined
      : lossGradient(logits, fed[head], { options: setup.loss, weight, name: '' });
  });
  const { of } = differentiate(graph, seeds);
  const updates = graph.updates ?? [];
  const state = new Map(
    [...stateOf(setup.graph)].map(([name, { data }]) => [name, Float64Array.from(data)] as const),
  );
  const tensor = (name: string) => state.get(name) ?? new Float64Array();
  const momenta = new Map([...state].map(([name, data]) => [name, new Float64Array(data.length)] as const));
  const learned = graph.parameters.filter((parameter) => of.has(parameter));
  for (let step = 0; step < steps; step++) {
    const { image, targets } = batchOf(setup, step);
    const feeds = new Map<string, ArrayLike<number>>([
      ...state,
      [graph.inputs[0].attributes.name, image],
      ...fed.map(({ attributes }, head) => [attributes.name, targets[head]] as const),
      [STEP_CONTROL, [step, 0]],
    ]);
    const gradients = learned.flatMap((parameter) => of.get(parameter) ?? []);
    const results = interpret([...gradients, ...updates], feeds);
    for (const [i, { attributes }] of learned.entries()) {
      const momentum = momenta.get(attributes.name) ?? new Float64Array();
      optimiserReference(setup.optimiser, step + 1, LEARNING_RATE, tensor(attributes.name), results[i], [
        momentum,
      ]);
    }
    for (const [i, { inputs }] of updates.entries()) {
      let start = 0;
      for (const parameter of inputs.slice(1, 4)) {
        if (parameter.op !== 'parameter') throw new Error(`${parameter.op} is no running statistic`);
        const size = elementCount(parameter.shape);
        tensor(parameter.attributes.name).set(results[learned.length + i].subarray(start, start + size));
        start += size;
      }
    }
  }
  return state;
}

const NETWORKS = [
  ['plain 3D', PLAIN, [8, 10, 12]],
  ['plain 2D', { ...isotropicUNet([4, 8, 6], 2), ...BATCH_NORM }, [16, 20]],
  ['residual', RESIDUAL, [4, 12, 8]],
  ['plain 3D with dropout', { ...PLAIN, ...DROPOUT }, [8, 10, 12]],
  [
    'instance norm with dropout of elements',
    { ...isotropicUNet([6, 9]), dropout: { probability: 0.1, of: 'elements' } },
    [8, 10, 12],
  ],
] as const;

describe('inference with batch norm', () => {
  async function errorOf(
    gpu: Gpu,
    graph: Graph,
    state: StateTensors,
    storage?: FeatureDtype,
  ): Promise<number> {
    const program = await compileProgram(gpu, planGraph(graph, gpu, storage ? { storage } : {}));
    program.setParameters(state);
    const [x] = program.inputs.values();
    const image = randomNormal(x.size, 7);
    gpu.device.queue.writeBuffer(x.buffer, x.offset, image as GPUAllowSharedBufferSource);
    program.run();
    const outputs: Float32Array[] = [];
    for (const output of program.outputs) outputs.push(await readFloats(gpu, output));
    program.destroy();
    const feeds = new Map<string, ArrayLike<number>>([...state].map(([name, { data }]) => [name, data]));
    const expected = interpret(graph.outputs, feeds.set(graph.inputs[0].attributes.name, image));
    return Math.max(...expected.map((output, i) => relativeError(outputs[i], output)));
  }

  for (const [name, architecture, patchSize] of [
    ...NETWORKS,
    ['what learns nothing', { ...PLAIN, convBias: false, normAffine: false }, [4, 6, 10]] as const,
  ]) {
    test(`gives the interpreter's outputs: ${name}`, async ({ gpu }) => {
      const graph = networkOf(architecture, patchSize);
      expect(await errorOf(gpu, graph, stateOf(graph))).toBeLessThan(1e-5);
    });
  }

  test("gives the interpreter's outputs where nothing fuses", async ({ gpu }) => {
    const x = input('x', [2, 3, 4, 5, 6]);
    const running = {
      mean: buffer('norm.running_mean', [3], 'zeros'),
      variance: buffer('norm.running_var', [3], 'ones'),
      batchCount: buffer('norm.num_batches_tracked', [], 'zeros'),
    };
    const normed = batchNorm(x, running, undefined, { eps: 1e-3, momentum: 0.1 });
    const dropped = dropout(x, DROPOUT.dropout);
    const parameters = Object.values(running);
    const graph = { inputs: [x], parameters, outputs: [add(dropped, normed), normed, dropped] };
    expect(await errorOf(gpu, graph, stateOf(graph))).toBeLessThan(1e-5);
  });

  test('asks for running statistics by name, and not for the count of batches', async ({ gpu }) => {
    const graph = networkOf(PLAIN, [4, 6, 10]);
    const program = await compileProgram(gpu, planGraph(graph, gpu));
    const [state, tracked, mean] = [
      new Map(stateOf(graph)),
      'encoder.stages.0.0.convs.0.norm.num_batches_tracked',
      'encoder.stages.0.0.convs.0.norm.running_mean',
    ];
    state.delete(tracked);
    expect(() => program.setParameters(state)).not.toThrow();
    state.delete(mean);
    expect(() => program.setParameters(state)).toThrow(mean);
    program.destroy();
  });
});

describe('training with batch norm and dropout', () => {
  for (const [name, architecture, patchSize] of NETWORKS) {
    test(`gives the interpreter's parameters and statistics after three steps: ${name}`, async ({ gpu }) => {
      const setup = setupOf(architecture, patchSize);
      const { parameters } = await trained(gpu, setup, 3);
      const expected = trainedReference(setup, 3);
      expect([...parameters.keys()].sort()).toEqual(
        [...expected.keys()].filter((key) => parameters.has(key)).sort(),
      );
      expect(parameters.size).toBeGreaterThan(setup.graph.parameters.length - 3);
      for (const [key, { data }] of parameters) {
        const reference = expected.get(key) ?? new Float64Array();
        const worst = reference.reduce((most, value, i) => Math.max(most, Math.abs(value - data[i])), 0);
        expect(worst, key).toBeLessThan(2e-5 * Math.max(1, ...reference.map(Math.abs)));
        if (key.endsWith('num_batches_tracked')) expect([...data]).toEqual([3]);
      }
    });
  }

  test('with feature maps stored as f16 stays near', async ({ gpu }) => {
    const setup = { ...setupOf(PLAIN, [8, 10, 12]), graph: oneUnit(), headWeights: [1] };
    const halves = await trained(gpu, setup, 3, 'f16');
    for (const [name, data] of trainedReference(setup, 3)) {
      const scale = Math.max(0.1, ...data.map(Math.abs));
      const found = halves.parameters.get(name)?.data ?? [];
      expect(Math.max(...data.map((value, i) => Math.abs(value - found[i]))) / scale, name).toBeLessThan(
        2e-3,
      );
    }
  });

  test('repeats bit by bit, also from a saved state; other seeds drop other channels', async ({ gpu }) => {
    const setup = setupOf({ ...PLAIN, ...DROPOUT }, [8, 10, 12]);
    const first = await trained(gpu, setup, 4);
    expect(await trained(gpu, setup, 4)).toEqual(first);
    const other = await trained(gpu, { ...setup, dropoutSeed: 12 }, 4);
    expect(other.losses[0]).not.toBe(first.losses[0]);

    const planned = planTrainingStep(setup, gpu);
    const program = await compileTraining(gpu, planned);
    program.setParameters(stateOf(setup.graph));
    for (const step of [0, 1]) {
      feed(gpu, program, batchOf(setup, step));
      program.step(LEARNING_RATE);
    }
    const saved = { parameters: await program.readParameters(), optimiser: await program.readOptimiser() };
    program.destroy();
    const second = await compileTraining(gpu, planned);
    second.setParameters(new Map([...stateOf(setup.graph), ...saved.parameters]));
    second.setOptimiser(saved.optimiser);
    for (const step of [2, 3]) {
      feed(gpu, second, batchOf(setup, step));
      second.step(LEARNING_RATE);
    }
    const resumed = await second.readParameters();
    second.destroy();
    expect(resumed).toEqual(first.parameters);
  });

  test('evaluates as inference does, and evaluation leaves no trace', async ({ gpu }) => {
    const setup = setupOf({ ...PLAIN, ...DROPOUT }, [8, 10, 12]);
    const program = await compileTraining(gpu, planTrainingStep(setup, gpu));
    const state = stateOf(setup.graph);
    const batch = batchOf(setup, 0);
    program.setParameters(state);
    feed(gpu, program, batch);
    program.evaluate();
    const evaluated = await readFloats(gpu, program.outputs[0]);
    const feeds = new Map<string, ArrayLike<number>>([...state].map(([name, { data }]) => [name, data]));
    const [expected] = interpret(
      setup.graph.outputs,
      feeds.set(setup.graph.inputs[0].attributes.name, batch.image),
    );
    expect(relativeError(evaluated, expected)).toBeLessThan(1e-5);
    for (const [name, { data }] of await program.readParameters())
      expect(data, name).toEqual(state.get(name)?.data);
    program.computeGradients();
    expect(relativeError(await readFloats(gpu, program.outputs[0]), expected)).toBeGreaterThan(0.1);
    program.destroy();
  });

  test('allocates what was planned; running statistics have no gradient and no momentum', async ({ gpu }) => {
    const setup = setupOf({ ...PLAIN, ...DROPOUT }, [8, 10, 12]);
    const planned = planTrainingStep(setup, gpu);
    const withoutDropout = planTrainingStep(setupOf(PLAIN, [8, 10, 12]), gpu);
    expect(planned.bytes).toEqual(withoutDropout.bytes);
    const before = gpu.memory.currentBytes;
    const program = await compileTraining(gpu, planned);
    expect(program.allocatedBytes).toBe(gpu.memory.currentBytes - before);
    expect(Math.abs(program.allocatedBytes / planned.bytes.peak - 1)).toBeLessThan(0.01);
    const isRunning = (name: string) => /running_|num_batches/.test(name);
    program.setParameters(stateOf(setup.graph));
    program.computeGradients();
    expect([...(await program.readGradients()).keys()].some(isRunning)).toBe(false);
    expect([...(await program.readOptimiser()).states[0].keys()].some(isRunning)).toBe(false);
    program.destroy();
    expect(countParameters(setup.graph)).toBe(countParameters(networkOf(isotropicUNet([6, 9]), [8, 10, 12])));
  });

  test('is refused where a channel is a single value', ({ gpu }) => {
    const setup = { ...setupOf(PLAIN, [2, 2, 2]), graph: networkOf(PLAIN, [2, 2, 2], 1) };
    expect(() => planTrainingStep(setup, gpu)).toThrow('more than one value per channel');
  });
});
