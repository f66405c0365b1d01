// Training steps: time, rate and memory of the whole, and how the time divides among the kinds of kernels.
import { measureForward, measureTrainingStep, planBenchmarkStep } from '@/app/system/benchmarkPasses';
import { allocate, arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { prepare, submitDispatches } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { storeParameters } from '@/graph/parameters';
import type { Plan } from '@/graph/planBuilder';
import { tensorArrays } from '@/graph/submits';
import { initialise } from '@/nn/initialise';
import { benchNetworks, printedPeak, printPass, titleOf } from '../support/benchNetworks';
import type { BenchOptions } from './bench';

const SHARE_RUNS = 2;

export async function run(options: BenchOptions): Promise<void> {
  const gpu = await openNodeGpu();
  console.log(
    `\nTraining steps, deep supervision, Dice + cross entropy, SGD with momentum; ${gpu.facts.description}`,
  );
  const peak = await printedPeak(gpu);
  for (const network of benchNetworks(gpu, options)) {
    console.log(titleOf(network));
    const forward = await measureForward(gpu, network);
    const step = await measureTrainingStep(gpu, network);
    printPass('forward', forward, peak);
    printPass('training step', step, peak);
    console.log(`  the step takes ${(step.ms / forward.ms).toFixed(2)} × forward`);
    await printShares(gpu, planBenchmarkStep(network, gpu).plan);
  }
  gpu.close();
}

/** Time of each kind of step, every dispatch submitted and waited for by itself; the largest first. */
async function printShares(gpu: Gpu, plan: Plan): Promise<void> {
  const buffers: GPUBuffer[] = [];
  const allocated = async (bytes: number) => {
    const buffer = await allocate(gpu, bytes, 'bench');
    buffers.push(buffer);
    return buffer;
  };
  const slots: GPUBuffer[] = [];
  for (const bytes of plan.memory.slotBytes) slots.push(await allocated(bytes));
  const gradients: GPUBuffer[] = [];
  for (const bytes of plan.parameterBufferBytes) gradients.push(await allocated(bytes));
  const scale = arrayOf(await allocated(64), 16);
  const parameters = await storeParameters(gpu, plan);
  const tensors = tensorArrays(plan, slots, (id) => {
    const { buffer, offset } = plan.parameterPlacements[id];
    return arrayOf(gradients[buffer], plan.parameters[id].size, 'f32', offset);
  });
  const arrays = {
    tensor: (id: number) => tensors[id],
    parameter: parameters.array,
    control: () => scale,
    microBatch: 0,
  };
  parameters.write(initialise(plan.graph.parameters, 1));
  // In the step's order, so that each dispatch finds what the ones before it wrote.
  const dispatches = plan.steps.flatMap((step) =>
    step.launch(arrays).map((dispatch, _, all) => ({
      kind: dispatch.label.startsWith('packWeight') ? 'packWeight' : step.op,
      flops: step.flops / all.length,
      prepared: prepare(gpu, dispatch),
    })),
  );
  const shares = new Map<string, { ms: number; flops: number; dispatches: number }>();
  for (let run = 0; run <= SHARE_RUNS; run++) {
    for (const { kind, flops, prepared } of dispatches) {
      const start = performance.now();
      submitDispatches(gpu, [prepared]);
      await gpu.device.queue.onSubmittedWorkDone();
      if (run === 0) continue; // compiles
      const share = shares.get(kind) ?? { ms: 0, flops: 0, dispatches: 0 };
      share.ms += (performance.now() - start) / SHARE_RUNS;
      share.flops += flops / SHARE_RUNS;
      share.dispatches += 1 / SHARE_RUNS;
      shares.set(kind, share);
    }
  }
  const rows = [...shares].map(([op, share]) => ({ op, ...share }));
  for (const { op, ms, flops, dispatches } of rows.sort((a, b) => b.ms - a.ms)) {
    const rate = flops > 0 ? `, ${(flops / ms / 1e6).toFixed(1)} GFLOP/s` : '';
    console.log(
      `    ${op.padEnd(30)} ${ms.toFixed(1).padStart(8)} ms in ${Math.round(dispatches)} dispatches${rate}`,
    );
  }
  parameters.destroy();
  for (const buffer of buffers) buffer.destroy();
}
