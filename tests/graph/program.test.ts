import { describe, expect } from 'vitest';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { interpret } from '@/graph/interpreter';
import { add } from '@/graph/ops/add';
import { avgPool } from '@/graph/ops/avgPool';
import { concatChannels } from '@/graph/ops/concatChannels';
import { conv3d } from '@/graph/ops/conv3d';
import { instanceNorm } from '@/graph/ops/instanceNorm';
import { leakyRelu } from '@/graph/ops/leakyRelu';
import { input, parameter } from '@/graph/ops/leaves';
import type { StateTensors } from '@/graph/parameters';
import { planGraph } from '@/graph/plan';
import type { PlanDevice } from '@/graph/planBuilder';
import { compileProgram, type Program } from '@/graph/program';
import type { Graph } from '@/graph/value';
import type { Architecture } from '@/nn/architecture';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { relativeError } from '../kernels/device';
import { isotropicUNet } from '../nn/architectures';
import { test } from '../support/gpu';

/** Weights of which none is constant, so that a mixed-up tensor shows. */
function distinctWeights(graph: Graph, seed: number): StateTensors {
  const state = [...initialise(graph.parameters, seed)].map(([name, { shape, data }], j) => {
    const noise = randomNormal(data.length, seed + j);
    return [name, { shape, data: data.map((value, i) => value + 0.1 * noise[i]) }] as const;
  });
  return new Map(state);
}

function feed(gpu: Gpu, program: Program, data: Float32Array): void {
  const [x] = program.inputs.values();
  gpu.device.queue.writeBuffer(x.buffer, x.offset, data as GPUAllowSharedBufferSource);
}

async function outputsOf(gpu: Gpu, program: Program): Promise<Float32Array[]> {
  const outputs: Float32Array[] = [];
  for (const output of program.outputs) outputs.push(await readFloats(gpu, output));
  return outputs;
}

/** Largest error of any output against the f64 interpreter, relative to that output's largest value. */
async function errorAgainstInterpreter(
  gpu: Gpu,
  graph: Graph,
  limits: Partial<PlanDevice['limits']> = {},
): Promise<number> {
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = gpu.limits;
  const device = {
    facts: gpu.facts,
    limits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension, ...limits },
  };
  const program = await compileProgram(gpu, planGraph(graph, device));
  const state = distinctWeights(graph, 1);
  const [{ attributes, shape }] = graph.inputs;
  const x = randomNormal(elementCount(shape), 99);
  program.setParameters(state);
  feed(gpu, program, x);
  program.run();
  const actual = await outputsOf(gpu, program);
  program.destroy();
  const feeds = new Map([...state].map(([name, { data }]) => [name, data] as const));
  const expected = interpret(graph.outputs, feeds.set(attributes.name, x));
  return Math.max(...expected.map((output, i) => relativeError(actual[i], output)));
}

interface NetworkCase {
  readonly name: string;
  readonly architecture: Architecture;
  readonly patchSize: readonly number[];
  readonly batch?: number;
  readonly inputChannels?: number;
}

const SMALL = isotropicUNet([6, 9, 12]);

const NETWORKS: readonly NetworkCase[] = [
  { name: 'plain 3D, a batch, odd bottleneck', architecture: SMALL, patchSize: [12, 20, 8], batch: 2 },
  {
    name: 'residual, anisotropic',
    architecture: {
      ...SMALL,
      networkClass: 'ResidualEncoderUNet',
      featuresPerStage: [5, 8, 8],
      kernelSizes: [
        [1, 3, 3],
        [3, 3, 3],
        [3, 3, 3],
      ],
      strides: [
        [1, 1, 1],
        [1, 2, 2],
        [2, 2, 2],
      ],
      nConvPerStage: [1, 2, 2],
      nConvPerStageDecoder: [1, 1],
    },
    patchSize: [6, 12, 20],
    inputChannels: 3,
  },
  { name: 'plain 2D', architecture: isotropicUNet([8, 12], 2), patchSize: [22, 30], batch: 3 },
  {
    name: 'without convolution bias and affine norm',
    architecture: { ...isotropicUNet([4, 6]), convBias: false, normAffine: false },
    patchSize: [4, 6, 10],
  },
];

describe('program', () => {
  for (const { name, architecture, patchSize, batch = 1, inputChannels = 1 } of NETWORKS) {
    test(`gives the interpreter's outputs: ${name}`, async ({ gpu }) => {
      const options = { inputChannels, outputChannels: 3, batch, patchSize, deepSupervision: true };
      expect(await errorAgainstInterpreter(gpu, buildUNet(architecture, options))).toBeLessThan(1e-5);
    });
  }

  test('gives the same where a feature map exceeds the binding limit and a grid the workgroup limit', async ({
    gpu,
  }) => {
    const graph = buildUNet(isotropicUNet([6, 8]), {
      inputChannels: 1,
      outputChannels: 3,
      batch: 1,
      patchSize: [12, 20, 28],
      deepSupervision: false,
    });
    const limits = { maxStorageBufferBindingSize: 2 ** 17, maxComputeWorkgroupsPerDimension: 50 };
    expect(await errorAgainstInterpreter(gpu, graph, limits)).toBeLessThan(1e-5);
  });

  test("gives the interpreter's outputs where nothing fuses", async ({ gpu }) => {
    const x = input('x', [2, 3, 4, 5, 6]);
    const weight = parameter('w', [3, 6, 1, 1, 1], 'kaimingNormal');
    const normed = instanceNorm(x, undefined);
    const activated = leakyRelu(add(x, normed), 0.2);
    const joined = concatChannels(activated, x);
    const y = conv3d(joined, weight, undefined);
    const pooled = avgPool(joined, [2, 2, 3]);
    const graph = { inputs: [x], parameters: [weight], outputs: [y, pooled, normed, leakyRelu(y, 0.1)] };
    expect(await errorAgainstInterpreter(gpu, graph)).toBeLessThan(1e-5);
  });

  test('allocates what was planned, compiles nothing in a run, and gives all back', async ({ gpu }) => {
    const before = gpu.memory.currentBytes;
    const graph = buildUNet(SMALL, {
      inputChannels: 1,
      outputChannels: 2,
      batch: 1,
      patchSize: [8, 8, 16],
      deepSupervision: false,
    });
    const program = await compileProgram(gpu, planGraph(graph, gpu));
    expect(gpu.memory.currentBytes - before).toBe(program.plannedBytes);
    expect(program.allocatedBytes).toBe(program.plannedBytes);
    const compiled = gpu.pipelines.compiledCount;
    program.setParameters(initialise(graph.parameters, 1));
    program.run();
    await gpu.device.queue.onSubmittedWorkDone();
    expect(gpu.pipelines.compiledCount).toBe(compiled);
    expect(gpu.memory.currentBytes - before).toBe(program.plannedBytes);
    program.destroy();
    expect(gpu.memory.currentBytes).toBe(before);
  });

  test('keeps several sets of weights, each giving its own outputs on the same input', async ({ gpu }) => {
    const options = {
      inputChannels: 1,
      outputChannels: 2,
      batch: 1,
      patchSize: [4, 6, 10],
      deepSupervision: false,
    };
    const graph = buildUNet(isotropicUNet([4, 6]), options);
    const program = await compileProgram(gpu, planGraph(graph, gpu));
    const outputFor = async (run: () => void) => {
      run();
      const [output] = await outputsOf(gpu, program);
      return output;
    };
    feed(gpu, program, randomNormal(240, 5));
    program.setParameters(distinctWeights(graph, 1));
    const own = await outputFor(() => program.run());
    const compiled = gpu.pipelines.compiledCount;
    const second = await program.createParameters(distinctWeights(graph, 2));
    expect(gpu.pipelines.compiledCount).toBe(compiled);
    expect(program.allocatedBytes).toBe(program.plannedBytes + second.bytes);
    expect(relativeError(await outputFor(() => program.run(second)), own)).toBeGreaterThan(0.01);
    expect(await outputFor(() => program.run())).toEqual(own);
    second.write(distinctWeights(graph, 1));
    expect(await outputFor(() => program.run(second))).toEqual(own);
    second.destroy();
    expect(() => program.run(second)).toThrow(/destroyed/);
    program.destroy();
  });

  test('names a tensor that is missing or has another shape, and accepts 4-D weights of 2D networks', async ({
    gpu,
  }) => {
    const options = {
      inputChannels: 1,
      outputChannels: 2,
      batch: 1,
      patchSize: [6, 10],
      deepSupervision: false,
    };
    const graph = buildUNet(isotropicUNet([4, 6], 2), options);
    const program = await compileProgram(gpu, planGraph(graph, gpu));
    const state = new Map(initialise(graph.parameters, 1));
    const name = 'encoder.stages.1.0.convs.0.conv.weight';
    const data = new Float32Array(6 * 4 * 9);
    state.set(name, { shape: [6, 4, 3, 3], data });
    expect(() => program.setParameters(state)).not.toThrow();
    state.set(name, { shape: [6, 4, 9], data });
    expect(() => program.setParameters(state)).toThrow(
      /convs\.0\.conv\.weight is 6 × 4 × 9, but .* 6 × 4 × 1 × 3 × 3/,
    );
    state.delete(name);
    await expect(program.createParameters(state)).rejects.toThrow(
      /no tensor encoder\.stages\.1\.0\.convs\.0\.conv\.weight/,
    );
    program.destroy();
  });
});
