import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { planGraph } from '@/graph/plan';
import { compileProgram } from '@/graph/program';
import { OURS } from './comparison';
import type { Contender } from './contender';

/** Our engine: planning and compiling belong to the first run; a run uploads the patch and reads the logits back. */
export function ourContender(gpu: Gpu, warmRuns: number): Contender {
  return {
    name: OURS,
    warmRuns,
    async open({ graph, weights, inputName, input }) {
      const program = await compileProgram(gpu, planGraph(graph, gpu));
      program.setParameters(weights);
      const x = program.inputs.get(inputName);
      const [logits] = program.outputs;
      if (!x) throw new Error(`the network has no input ${inputName}`);
      return {
        async run() {
          gpu.device.queue.writeBuffer(x.buffer, x.offset, input as GPUAllowSharedBufferSource);
          program.run();
          return readFloats(gpu, logits);
        },
        close: async () => program.destroy(),
      };
    },
  };
}
