import { expect } from 'vitest';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { conv3d } from '@/graph/ops/conv3d';
import { input, parameter } from '@/graph/ops/leaves';
import { planGraph } from '@/graph/plan';
import type { PlanOptions } from '@/graph/planBuilder';
import { compileProgram } from '@/graph/program';
import { compileTraining, planTrainingStep, type TrainingSetup } from '@/graph/trainingProgram';
import { tuneGraph, tuneTraining } from '@/graph/tuneGraph';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { randomNormal } from '@/shared/random';
import { relativeError } from '../kernels/device';
import { test } from '../support/gpu';

function countingStore() {
  const remembered = new Map<string, string>();
  const store = {
    writes: 0,
    get: async (key: string) => remembered.get(key),
    set: async (key: string, value: string) => {
      store.writes++;
      remembered.set(key, value);
    },
  };
  return store;
}

test('a graph with measured kernels computes the same, and is measured once', async ({ gpu }) => {
  const x = input('x', [1, 2, 1, 6, 7]);
  const weight = parameter('weight', [3, 2, 1, 1, 1], 'zeros');
  const graph = { inputs: [x], parameters: [weight], outputs: [conv3d(x, weight, undefined)] };
  const weights = new Map([['weight', { shape: [3, 2, 1, 1, 1], data: randomNormal(6, 2) }]]);
  const image = randomNormal(2 * 6 * 7, 1);
  const store = countingStore();
  const run = async (isTuned: boolean) => {
    const choices = isTuned ? await tuneGraph(gpu, graph, store, 60_000) : {};
    const program = await compileProgram(gpu, planGraph(graph, gpu, choices));
    program.setParameters(weights);
    const [fed] = program.inputs.values();
    gpu.device.queue.writeBuffer(fed.buffer, fed.offset, image as GPUAllowSharedBufferSource);
    program.run();
    const output = await readFloats(gpu, program.outputs[0]);
    program.destroy();
    return output;
  };
  const byRule = await run(false);
  expect(relativeError(await run(true), byRule)).toBeLessThan(1e-5);
  expect(store.writes).toBe(1);
  expect(relativeError(await run(true), byRule)).toBeLessThan(1e-5);
  expect(store.writes).toBe(1);
});

test('a training step with measured kernels learns the same', async ({ gpu: software }) => {
  // As on a GPU: its families are two, and quick to compile.
  const gpu: Gpu = Object.create(software, { facts: { value: { ...software.facts, isSoftware: false } } });
  const x = input('x', [1, 1, 1, 8, 8]);
  const first = parameter('first', [3, 1, 1, 1, 1], 'kaimingNormal');
  const second = parameter('second', [2, 3, 1, 1, 1], 'kaimingNormal');
  const logits = conv3d(conv3d(x, first, undefined), second, undefined);
  const graph = { inputs: [x], parameters: [first, second], outputs: [logits] };
  const setup: TrainingSetup = {
    graph,
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
    headWeights: [1],
    optimiser: NNUNET_SGD,
    clipNorm: 12,
    lossScaling: undefined,
  };
  const store = countingStore();
  const run = async (options: PlanOptions) => {
    const program = await compileTraining(gpu, planTrainingStep(setup, gpu, options));
    program.setParameters(initialise(graph.parameters, 1));
    const [fed] = program.inputs.values();
    gpu.device.queue.writeBuffer(fed.buffer, fed.offset, randomNormal(64, 2) as GPUAllowSharedBufferSource);
    program.computeGradients();
    const gradients = await program.readGradients();
    program.destroy();
    return Float32Array.from([...gradients.values()].flatMap(({ data }) => [...data]));
  };
  const byRule = await run({});
  const choices = await tuneTraining(gpu, setup, store, 60_000);
  expect(relativeError(await run(choices), byRule)).toBeLessThan(1e-5);
  const { writes } = store;
  expect(writes).toBe(5); // two convolutions, one gradient of an input, two of weights
  await tuneTraining(gpu, setup, store, 60_000);
  expect(store.writes).toBe(writes);
  // Whatever wins: the family that a weight gradient is told to use is the one that runs.
  const direct = { tunedWeightGradient: () => 'direct' as const };
  expect(relativeError(await run(direct), byRule)).toBeLessThan(1e-5);
});
