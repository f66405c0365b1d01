// Whole networks, forward: time, rate, share of the peak, memory, compile time, and the rate of their convolutions alone.
import type { BenchmarkNetwork } from '@/app/system/benchmarkNetworks';
import { benchmarkGraph, measureForward } from '@/app/system/benchmarkPasses';
import { timeRuns } from '@/app/system/benchmarkTiming';
import { arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { prepare, submitDispatches } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { storeParameters } from '@/graph/parameters';
import { planGraph } from '@/graph/plan';
import type { Plan } from '@/graph/planBuilder';
import { initialise } from '@/nn/initialise';
import { benchNetworks, printedPeak, printPass, titleOf } from '../support/benchNetworks';
import type { BenchOptions } from './bench';

export async function run(options: BenchOptions): Promise<void> {
  const gpu = await openNodeGpu();
  console.log('\nWhole networks, forward');
  const peak = await printedPeak(gpu);
  for (const network of benchNetworks(gpu, options)) {
    console.log(titleOf(network));
    const figures = await measureForward(gpu, network);
    printPass('forward', figures, peak);
    await printConvolutions(gpu, network);
  }
  gpu.close();
}

async function printConvolutions(gpu: Gpu, network: BenchmarkNetwork): Promise<void> {
  const plan = planGraph(benchmarkGraph(network, 'forward'), gpu);
  const ms = await measureConvolutions(gpu, plan);
  console.log(`  convolutions   ${ms.toFixed(1)} ms alone: ${(plan.flops / ms / 1e6).toFixed(1)} GFLOP/s`);
}

/** The plan's convolutions one after the other, with nothing between them. */
async function measureConvolutions(gpu: Gpu, plan: Plan): Promise<number> {
  const slots = plan.memory.slotBytes.map((size) =>
    gpu.device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }),
  );
  const parameters = await storeParameters(gpu, plan);
  parameters.write(initialise(plan.graph.parameters, 1)); // kernels find their sizes among the weights
  const tensors = plan.tensors.map(({ size }, id) => {
    const { slot, offset } = plan.memory.placements[id];
    return arrayOf(slots[slot], size, 'f32', offset);
  });
  const arrays = {
    tensor: (id: number) => tensors[id],
    parameter: parameters.array,
    control: () => {
      throw new Error('a forward pass has no loss');
    },
    microBatch: 0,
  };
  const dispatches = plan.steps
    .filter(({ flops }) => flops > 0)
    .flatMap((step) => step.launch(arrays))
    .map((dispatch) => prepare(gpu, dispatch));
  const { ms } = await timeRuns(gpu, () => submitDispatches(gpu, dispatches));
  parameters.destroy();
  for (const slot of slots) slot.destroy();
  return ms;
}
