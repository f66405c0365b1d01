// Whole networks, forward: time, rate, memory, compile time, and the rate of their convolutions alone.
import { arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { encode, type PreparedDispatch, prepare } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { countFlops } from '@/graph/flops';
import { storeParameters } from '@/graph/parameters';
import { planGraph } from '@/graph/plan';
import { compileProgram, type Program } from '@/graph/program';
import { initialise } from '@/nn/initialise';
import { buildUNet, UNET_INPUT } from '@/nn/unet';
import { formatShape } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { randomNormal } from '@/shared/random';
import { type BenchNetwork, NETWORKS } from '../support/benchNetworks';
import type { BenchOptions } from './bench';

const TIMED_RUNS = 5;
/** Once this is spent, fewer runs than that will do. */
const TIME_BUDGET_MS = 20_000;

export async function run({ isExhaustive }: BenchOptions): Promise<void> {
  const gpu = await openNodeGpu();
  console.log('\nWhole networks, forward, batch 1');
  for (const network of NETWORKS) {
    const { name, patchSize } = network;
    console.log(`${name}, patch ${formatShape(patchSize)}`);
    if (network.isLarge && gpu.facts.isSoftware && !isExhaustive) {
      console.log('  left out on a software adapter; -- --all runs it');
    } else {
      await measure(gpu, network);
    }
  }
  gpu.close();
}

async function measure(gpu: Gpu, { architecture, patchSize }: BenchNetwork): Promise<void> {
  const options = { inputChannels: 1, outputChannels: 3, batch: 1, patchSize, deepSupervision: false };
  const graph = buildUNet(architecture, options);
  const flops = countFlops(graph);
  const program = await compileProgram(gpu, planGraph(graph, gpu));
  program.setParameters(initialise(graph.parameters, 1));
  const input = program.inputs.get(UNET_INPUT);
  if (!input) throw new Error('the network has no input');
  gpu.device.queue.writeBuffer(input.buffer, input.offset, randomNormal(input.size, 2));
  const wholeMs = await medianMs(gpu, () => program.run());
  const { compileMs, dispatchCount, plannedBytes, allocatedBytes } = program;
  program.destroy();
  const convolutionsMs = await measureConvolutions(gpu, program);
  const rate = (ms: number) => `${(flops / ms / 1e6).toFixed(1)} GFLOP/s`;
  console.log(
    `  forward        ${wholeMs.toFixed(1)} ms for ${(flops / 1e9).toFixed(1)} GFLOP: ${rate(wholeMs)}`,
  );
  console.log(`  convolutions   ${convolutionsMs.toFixed(1)} ms alone: ${rate(convolutionsMs)}`);
  console.log(`  dispatches     ${dispatchCount}, compiled in ${compileMs.toFixed(0)} ms`);
  console.log(
    `  memory         planned ${formatBytes(plannedBytes)}, allocated ${formatBytes(allocatedBytes)}`,
  );
}

/** The plan's convolutions one after the other, with nothing between them. */
async function measureConvolutions(gpu: Gpu, { plan }: Program): Promise<number> {
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
  };
  const dispatches = plan.steps
    .filter(({ flops }) => flops > 0)
    .flatMap((step) => step.launch(arrays))
    .map((dispatch) => prepare(gpu, dispatch));
  const ms = await medianMs(gpu, () => submit(gpu, dispatches));
  parameters.destroy();
  for (const slot of slots) slot.destroy();
  return ms;
}

function submit(gpu: Gpu, dispatches: readonly PreparedDispatch[]): void {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encode(pass, dispatches);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}

/** Of several runs, after one that is not counted. */
async function medianMs(gpu: Gpu, work: () => void): Promise<number> {
  const times: number[] = [];
  const started = performance.now();
  for (let i = 0; i <= TIMED_RUNS; i++) {
    const begun = performance.now();
    work();
    await gpu.device.queue.onSubmittedWorkDone();
    if (i > 0) times.push(performance.now() - begun);
    if (times.length > 0 && performance.now() - started > TIME_BUDGET_MS) break;
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}
