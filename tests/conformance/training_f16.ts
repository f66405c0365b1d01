// Training with feature maps stored as halves: on every golden network the curve of the loss stays beside that of f32.
// As a measure of f32's own noise a third curve starts from weights that were rounded to halves once.
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import type { StateTensors } from '@/graph/parameters';
import { compileTraining, planTrainingStep } from '@/graph/trainingProgram';
import { DYNAMIC_LOSS_SCALING } from '@/kernels/optimisers/optimiserOptions';
import type { FeatureDtype } from '@/kernels/storage';
import { fromFloat16Bits, toFloat16Bits } from '@/shared/numeric';
import { largestDifference, type Outcome, summarise } from '../support/golden';
import { feed, type GoldenTraining, goldenTrainings, readTraining } from '../support/goldenTraining';
import type { TopicResult } from './topic';

const STEPS = 30;
const LEARNING_RATE = 0.01;
/** Batches that take turns. */
const BATCHES = 5;
/** Of what the loss falls by. */
const TOLERANCE = 0.02;

export async function run(goldenFolder: string): Promise<TopicResult> {
  const gpu = await openNodeGpu();
  const groups: Record<string, Outcome[]> = {};
  try {
    for (const { name, folder } of goldenTrainings(goldenFolder))
      groups[name] = [await evaluate(gpu, folder)];
  } finally {
    gpu.close();
  }
  return summarise('training_f16', groups);
}

async function evaluate(gpu: Gpu, folder: string): Promise<Outcome> {
  const golden = await readTraining(folder);
  const single = await curveOf(gpu, golden, 'f32');
  const half = await curveOf(gpu, golden, 'f16');
  const noisy = await curveOf(gpu, { ...golden, weights: roundedToHalves(golden.weights) }, 'f32');
  const [first, last] = [single[0], single[STEPS - 1]];
  const share = (curve: readonly number[]) => largestDifference(curve, single) / (first - last);
  return {
    name: `losses of ${STEPS} steps`,
    error: share(half),
    tolerance: TOLERANCE,
    note: `from ${first.toFixed(3)} to ${last.toFixed(3)}; noise ${share(noisy).toExponential(1)}`,
  };
}

async function curveOf(gpu: Gpu, golden: GoldenTraining, storage: FeatureDtype): Promise<number[]> {
  const lossScaling = storage === 'f16' ? DYNAMIC_LOSS_SCALING : undefined;
  const setup = { ...golden.setup, lossScaling, ofInputs: false };
  const program = await compileTraining(gpu, planTrainingStep(setup, gpu, { storage }));
  program.setParameters(golden.weights);
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    feed(gpu, program, golden, step % BATCHES);
    program.step(LEARNING_RATE);
    losses.push(await program.readLoss());
  }
  program.destroy();
  return losses;
}

function roundedToHalves(state: StateTensors): StateTensors {
  const rounded = (value: number) => fromFloat16Bits(toFloat16Bits(value));
  return new Map([...state].map(([name, { shape, data }]) => [name, { shape, data: data.map(rounded) }]));
}
