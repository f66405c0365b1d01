// Training steps: time, rate and memory of the whole, and how the time divides among the kinds of kernels.
import { allocate, arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { encode, type PreparedDispatch, prepare } from '@/gpu/dispatch';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { storeParameters } from '@/graph/parameters';
import { planGraph } from '@/graph/plan';
import type { Plan } from '@/graph/planBuilder';
import { compileProgram } from '@/graph/program';
import { tensorArrays } from '@/graph/submits';
import { compileTraining, planTrainingStep, type TrainingSetup } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { formatShape } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { randomNormal } from '@/shared/random';
import { type BenchNetwork, NETWORKS } from '../support/benchNetworks';
import type { BenchOptions } from './bench';

const RUNS = 5;
const SHARE_RUNS = 2;
const CLASSES = 3;

export async function run({ isExhaustive }: BenchOptions): Promise<void> {
  const gpu = await openNodeGpu();
  console.log(
    `\nTraining steps, batch 1, deep supervision, Dice + cross entropy, SGD; ${gpu.facts.description}`,
  );
  for (const network of NETWORKS) {
    if (network.isLarge && gpu.facts.isSoftware && !isExhaustive) continue;
    console.log(`${network.name}, patch ${formatShape(network.patchSize)}`);
    await measure(gpu, network);
  }
  gpu.close();
}

async function measure(gpu: Gpu, { architecture, patchSize }: BenchNetwork): Promise<void> {
  const options = { inputChannels: 1, outputChannels: CLASSES, batch: 1, patchSize, deepSupervision: true };
  const graph = buildUNet(architecture, options);
  const setup: TrainingSetup = {
    graph,
    loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
    headWeights: graph.outputs.map((_, head) =>
      head > 0 && head === graph.outputs.length - 1 ? 0 : 0.5 ** head,
    ),
    optimiser: NNUNET_SGD,
    clipNorm: NNUNET_CLIP_NORM,
    lossScaling: undefined,
  };
  const planned = planTrainingStep(setup, gpu);
  const forward = await measureForward(gpu, setup);
  const program = await compileTraining(gpu, planned);
  program.setParameters(initialise(graph.parameters, 1));
  const [x] = program.inputs.values();
  gpu.device.queue.writeBuffer(x.buffer, x.offset, randomNormal(x.size, 2) as GPUAllowSharedBufferSource);
  const stepMs = await bestMs(gpu, () => program.step(1e-3));
  const { allocatedBytes, dispatchCount, compileMs } = program;
  program.destroy();
  const flops = planned.plan.flops;
  console.log(
    `  forward ${forward.toFixed(1)} ms; step ${stepMs.toFixed(1)} ms, ${(stepMs / forward).toFixed(2)} × forward, ${(flops / 1e9).toFixed(1)} GFLOP, ${(flops / stepMs / 1e6).toFixed(1)} GFLOP/s\n` +
      `  ${dispatchCount} dispatches, compiled in ${compileMs.toFixed(0)} ms; planned ${formatBytes(planned.bytes.peak)}, allocated ${formatBytes(allocatedBytes)}`,
  );
  await printShares(gpu, planned.plan);
}

async function measureForward(gpu: Gpu, { graph }: TrainingSetup): Promise<number> {
  const program = await compileProgram(gpu, planGraph({ ...graph, outputs: graph.outputs.slice(0, 1) }, gpu));
  program.setParameters(initialise(graph.parameters, 1));
  const ms = await bestMs(gpu, () => program.run());
  program.destroy();
  return ms;
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
  const arrays = { tensor: (id: number) => tensors[id], parameter: parameters.array, control: () => scale };
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
      submit(gpu, [prepared]);
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

function submit(gpu: Gpu, dispatches: readonly PreparedDispatch[]): void {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encode(pass, dispatches);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}

async function bestMs(gpu: Gpu, run: () => void): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= RUNS; i++) {
    const start = performance.now();
    run();
    await gpu.device.queue.onSubmittedWorkDone();
    if (i > 0) best = Math.min(best, performance.now() - start); // the first run compiles
  }
  return best;
}
