import { expect } from 'vitest';
import { readFloats } from '@/gpu/buffers';
import { planGraph } from '@/graph/plan';
import { compileProgram } from '@/graph/program';
import { tuneGraph } from '@/graph/tuneGraph';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { elementCount } from '@/shared/geometry';
import { randomNormal } from '@/shared/random';
import { relativeError } from '../kernels/device';
import { isotropicUNet } from '../nn/architectures';
import { test } from '../support/gpu';

test('a graph with measured kernels computes the same, and is measured once', async ({ gpu }) => {
  const patchSize = [8, 16, 16];
  const graph = buildUNet(isotropicUNet([4, 8]), {
    inputChannels: 1,
    outputChannels: 2,
    batch: 1,
    patchSize,
    deepSupervision: false,
  });
  const remembered = new Map<string, string>();
  let writes = 0;
  const store = {
    get: async (key: string) => remembered.get(key),
    set: async (key: string, value: string) => {
      writes++;
      remembered.set(key, value);
    },
  };
  const x = randomNormal(elementCount([8, 16, 16]), 1);
  const run = async (tuned: boolean) => {
    const choices = tuned ? await tuneGraph(gpu, graph, store, 60_000) : {};
    const program = await compileProgram(gpu, planGraph(graph, gpu, choices));
    program.setParameters(initialise(graph.parameters, 3));
    const [input] = program.inputs.values();
    gpu.device.queue.writeBuffer(input.buffer, input.offset, x as GPUAllowSharedBufferSource);
    program.run();
    const output = await readFloats(gpu, program.outputs[0]);
    program.destroy();
    return output;
  };
  const byRule = await run(false);
  expect(relativeError(await run(true), byRule)).toBeLessThan(1e-5);
  expect(writes).toBeGreaterThan(0);
  const measured = writes;
  expect(relativeError(await run(true), byRule)).toBeLessThan(1e-5);
  expect(writes).toBe(measured);
});
