// Training steps of the real nnU-Net: losses, the gradient of every parameter and of the input, and parameters after
// steps of its optimisers, for every network found in the folder.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readNpz } from '@/core/io/npy';
import { readFloats } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { compileTraining, planTrainingStep, type TrainingPlanOptions } from '@/graph/trainingProgram';
import {
  NNUNET_ADAMW,
  NNUNET_ADAMW_AMSGRAD,
  NNUNET_SGD,
  type Optimiser,
} from '@/kernels/optimisers/optimiserOptions';
import { type Outcome, summarise } from '../support/golden';
import {
  bytesOf,
  feed,
  type GoldenTraining,
  goldenTrainings,
  readTraining,
  stateOf,
} from '../support/goldenTraining';
import type { TopicResult } from './topic';

const LOSS_TOLERANCE = 2e-6;
/** Of an array's largest value. */
const GRADIENT_TOLERANCE = 1e-4;
const ALL_GRADIENTS_TOLERANCE = 2e-5;
/** Of the largest gradient of all, where a gradient is zero but for rounding. */
const ZERO_TOLERANCE = 1e-5;
const SGD_TOLERANCE = 3e-6;
const ADAM_TOLERANCE = 2e-5;
/** Share of elements that may be beyond it. */
const ADAM_OUTLIERS = 0.005;
/** Of a norm before clipping. */
const NORM_TOLERANCE = 1e-4;

export async function run(goldenFolder: string): Promise<TopicResult> {
  const gpu = await openNodeGpu();
  const groups: Record<string, Outcome[]> = {};
  try {
    for (const { name, folder } of goldenTrainings(goldenFolder))
      groups[name] = await checkNetwork(gpu, folder);
  } finally {
    gpu.close();
  }
  return summarise('training', groups);
}

const OPTIMISERS: Readonly<Record<string, Optimiser>> = {
  sgd: NNUNET_SGD,
  adamw: NNUNET_ADAMW,
  adamw_amsgrad: NNUNET_ADAMW_AMSGRAD,
};

async function checkNetwork(gpu: Gpu, folder: string): Promise<Outcome[]> {
  const golden = await readTraining(folder);
  const outcomes = await checkGradients(gpu, folder, golden);
  for (const [name, optimiser] of Object.entries(OPTIMISERS)) {
    for (const steps of [1, 5]) {
      const file = path.join(folder, `${name}_step${steps}.npz`);
      if (existsSync(file)) outcomes.push(...(await checkSteps(gpu, file, golden, name, optimiser, steps)));
    }
  }
  // Once more with the samples one by one and their gradients added up.
  const file = path.join(folder, 'sgd_step5.npz');
  if (existsSync(file))
    outcomes.push(...(await checkSteps(gpu, file, golden, 'sgd', NNUNET_SGD, 5, { microBatch: 1 })));
  return outcomes;
}

async function checkGradients(gpu: Gpu, folder: string, golden: GoldenTraining): Promise<Outcome[]> {
  const program = await compileTraining(gpu, planTrainingStep(golden.setup, gpu));
  program.setParameters(golden.weights);
  feed(gpu, program, golden, 0);
  program.computeGradients();
  const loss = await program.readLoss();
  const found = new Map<string, Float32Array>();
  for (const [name, { data }] of await program.readGradients()) found.set(name, data);
  found.set('__input__', await readFloats(gpu, program.outputs[program.outputs.length - 1]));
  program.destroy();

  const { config } = golden;
  const expected = stateOf(await readNpz(bytesOf(folder, 'grads.npz')));
  const largest = Math.max(...[...expected.values()].map(({ data }) => largestOf(data)));
  let [difference, total] = [0, 0];
  const outcomes: Outcome[] = [
    { name: 'loss', error: Math.abs(loss - config.loss_float64), tolerance: LOSS_TOLERANCE },
  ];
  for (const [name, { data }] of expected) {
    const isZero = config.zero_gradient_parameters.includes(name);
    const actual = found.get(name) ?? (isZero ? new Float32Array(data.length) : undefined);
    const scale = isZero ? largest : largestOf(data);
    let worst = actual?.length === data.length ? 0 : Number.POSITIVE_INFINITY;
    for (let i = 0; i < data.length && actual; i++) {
      worst = Math.max(worst, Math.abs(actual[i] - data[i]) / scale);
      difference += (actual[i] - data[i]) ** 2;
      total += data[i] ** 2;
    }
    outcomes.push({
      name: `gradient ${name}`,
      error: worst,
      tolerance: isZero ? ZERO_TOLERANCE : GRADIENT_TOLERANCE,
    });
  }
  const error = Math.sqrt(difference / total);
  return [...outcomes, { name: 'all gradients, relative L2', error, tolerance: ALL_GRADIENTS_TOLERANCE }];
}

async function checkSteps(
  gpu: Gpu,
  file: string,
  golden: GoldenTraining,
  name: string,
  optimiser: Optimiser,
  steps: number,
  options: TrainingPlanOptions = {},
): Promise<Outcome[]> {
  const log = golden.config.optim[name];
  if (!log) throw new Error(`${file}: config.json says nothing of ${name}`);
  const setup = { ...golden.setup, optimiser, ofInputs: false };
  const program = await compileTraining(gpu, planTrainingStep(setup, gpu, options));
  program.setParameters(golden.weights);
  const label = `${name}, ${steps} steps${options.microBatch ? ' of micro-batches' : ''}:`;
  let [lossError, normError] = [0, 0];
  for (let step = 0; step < steps; step++) {
    feed(gpu, program, golden, step);
    program.step(log.lr[step]);
    lossError = Math.max(lossError, Math.abs((await program.readLoss()) - log.loss[step]));
    const { gradientNorm } = await program.readControl();
    normError = Math.max(normError, Math.abs(gradientNorm / log.grad_norm_before_clip[step] - 1));
  }
  const actual = await program.readParameters();
  program.destroy();

  const expected = stateOf(await readNpz(new Uint8Array(readFileSync(file))));
  const zero = new Set(name === 'sgd' ? [] : golden.config.zero_gradient_parameters);
  let [worst, beyond, count] = [0, 0, 0];
  for (const [parameter, { data }] of expected) {
    const found = actual.get(parameter)?.data;
    if (!found) throw new Error(`${file}: ${parameter} is not learned`);
    if (zero.has(parameter)) continue;
    for (let i = 0; i < data.length; i++) {
      const error = Math.abs(found[i] - data[i]);
      worst = Math.max(worst, error);
      if (!(error <= ADAM_TOLERANCE)) beyond++;
      count++;
    }
  }
  const parameters: Outcome =
    name === 'sgd'
      ? { name: `${label} parameters`, error: worst, tolerance: SGD_TOLERANCE }
      : { name: `${label} share of parameters off`, error: beyond / count, tolerance: ADAM_OUTLIERS };
  return [
    parameters,
    { name: `${label} loss`, error: lossError, tolerance: 5 * LOSS_TOLERANCE },
    { name: `${label} gradient norm`, error: normError, tolerance: NORM_TOLERANCE },
  ];
}

function largestOf(data: Float32Array): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
