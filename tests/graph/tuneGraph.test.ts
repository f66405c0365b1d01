import { expect } from 'vitest';
import { readFloats } from '@/gpu/buffers';
import { conv3d } from '@/graph/ops/conv3d';
import { input, parameter } from '@/graph/ops/leaves';
import { planGraph } from '@/graph/plan';
import { compileProgram } from '@/graph/program';
import { tuneGraph } from '@/graph/tuneGraph';
import { randomNormal } from '@/shared/random';
import { relativeError } from '../kernels/device';
import { test } from '../support/gpu';

test('a graph with measured kernels computes the same, and is measured once', async ({ gpu }) => {
  const x = input('x', [1, 2, 1, 6, 7]);
  const weight = parameter('weight', [3, 2, 1, 1, 1], 'zeros');
  const graph = { inputs: [x], parameters: [weight], outputs: [conv3d(x, weight, undefined)] };
  const weights = new Map([['weight', { shape: [3, 2, 1, 1, 1], data: randomNormal(6, 2) }]]);
  const image = randomNormal(2 * 6 * 7, 1);
  const remembered = new Map<string, string>();
  let writes = 0;
  const store = {
    get: async (key: string) => remembered.get(key),
    set: async (key: string, value: string) => {
      writes++;
      remembered.set(key, value);
    },
  };
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
  expect(writes).toBe(1);
  expect(relativeError(await run(true), byRule)).toBeLessThan(1e-5);
  expect(writes).toBe(1);
});
