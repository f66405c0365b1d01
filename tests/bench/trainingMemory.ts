// Planned bytes of training steps, which are what the program allocates. Nothing runs, so no GPU is needed.
import {
  BENCHMARK_CLASSES,
  BENCHMARK_NETWORKS,
  type BenchmarkNetwork,
  plainUNet,
} from '@/app/system/benchmarkNetworks';
import { deepSupervisionWeights } from '@/core/training/deepSupervision';
import { memoryLowerBound } from '@/graph/memoryPlan';
import { planTrainingStep, type TrainingPlan, type TrainingPlanOptions } from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { NNUNET_CLIP_NORM, NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { buildUNet } from '@/nn/unet';
import { plannedDevice } from '../support/plannedDevice';

/** The networks of the benchmark, and a patch between. */
const CASES: readonly BenchmarkNetwork[] = [
  ...BENCHMARK_NETWORKS,
  {
    name: '64×64×64, features 32 to 256',
    architecture: plainUNet(3, [32, 64, 128, 256]),
    patchSize: [64, 64, 64],
    batch: 2,
  },
];

export async function run(): Promise<void> {
  console.log(
    `\nPlanned memory of a training step, GiB: f32 (and its peak where feature maps are f16, and where samples go one by one), ${BENCHMARK_CLASSES} classes, deep supervision, Dice + cross entropy, SGD with momentum;\n` +
      'a device of 2 GiB bindings and 4 GiB buffers\n',
  );
  const header = [
    'network',
    'temporaries',
    'at least',
    'parameters ×3',
    'peak',
    'f16 peak',
    'peak one by one',
    'f16 one by one',
    'TFLOP',
    'planned in',
  ];
  const rows = CASES.map((one) => [`${one.name}, batch ${one.batch}`, ...figures(one)]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
  for (const row of [header, ...rows]) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
    );
    console.log(`  ${cells.join('  ')}`);
  }
}

function figures(one: BenchmarkNetwork): string[] {
  plan(one); // the second run is timed: the first one also compiles this script
  const start = performance.now();
  const planned = plan(one);
  const ms = performance.now() - start;
  const { temporaries, parameters, peak } = planned.bytes;
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(3);
  return [
    gib(temporaries),
    gib(memoryLowerBound(planned.plan.requests)),
    gib(parameters),
    gib(peak),
    gib(plan(one, { storage: 'f16' }).bytes.peak),
    gib(plan(one, { microBatch: 1 }).bytes.peak),
    gib(plan(one, { microBatch: 1, storage: 'f16' }).bytes.peak),
    (planned.plan.flops / 1e12).toFixed(2),
    `${ms.toFixed(0)} ms`,
  ];
}

function plan(
  { architecture, patchSize, batch }: BenchmarkNetwork,
  options: TrainingPlanOptions = {},
): TrainingPlan {
  const graph = buildUNet(architecture, {
    inputChannels: 1,
    outputChannels: BENCHMARK_CLASSES,
    batch,
    patchSize,
    deepSupervision: true,
  });
  return planTrainingStep(
    {
      graph,
      loss: diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined }),
      headWeights: deepSupervisionWeights(graph.outputs.length),
      optimiser: NNUNET_SGD,
      clipNorm: NNUNET_CLIP_NORM,
      lossScaling: undefined,
    },
    plannedDevice(),
    options,
  );
}
