import type { Gpu } from '@/gpu/device';
import { planGraph } from '@/graph/plan';
import { compileProgram } from '@/graph/program';
import type { Architecture } from '@/nn/architecture';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';

/** Edges of the patches to try, voxels: the next one while a run is too short to time. */
const EDGES = [32, 64, 96, 128] as const;
const LONG_ENOUGH_MS = 200;
const RUNS = 3;
/** Once this is spent, fewer runs than that will do. */
const BUDGET_MS = 4000;

/** The finer half of nnU-Net's default network, where most of its arithmetic is. */
const NETWORK: Architecture = {
  networkClass: 'PlainConvUNet',
  nStages: 3,
  featuresPerStage: [32, 64, 128],
  kernelSizes: [1, 2, 3].map(() => [3, 3, 3]),
  strides: [1, 2, 2].map((step) => [step, step, step]),
  nConvPerStage: [2, 2, 2],
  nConvPerStageDecoder: [2, 2],
  convBias: true,
  normEps: 1e-5,
  normAffine: true,
  negativeSlope: 0.01,
};

/** Floating-point operations a second of a whole forward pass: the median of a few runs. */
export async function measureThroughput(gpu: Gpu): Promise<number> {
  let rate = 0;
  for (const edge of EDGES) {
    const measured = await measureAt(gpu, edge);
    rate = measured.flops / (measured.ms / 1000);
    if (measured.ms >= LONG_ENOUGH_MS) break;
  }
  return rate;
}

async function measureAt(gpu: Gpu, edge: number): Promise<{ ms: number; flops: number }> {
  const graph = buildUNet(NETWORK, {
    inputChannels: 1,
    outputChannels: 2,
    batch: 1,
    patchSize: [edge, edge, edge],
    deepSupervision: false,
  });
  const plan = planGraph(graph, gpu);
  const program = await compileProgram(gpu, plan);
  try {
    program.setParameters(initialise(graph.parameters, 1));
    const times: number[] = [];
    const started = performance.now();
    for (let run = 0; run <= RUNS; run++) {
      const begun = performance.now();
      program.run();
      await gpu.device.queue.onSubmittedWorkDone();
      if (run > 0) times.push(performance.now() - begun); // the first one also warms up
      if (run > 0 && performance.now() - started > BUDGET_MS) break;
    }
    return { ms: times.sort((a, b) => a - b)[times.length >> 1], flops: plan.flops };
  } finally {
    program.destroy();
  }
}
