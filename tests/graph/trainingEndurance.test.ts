import { expect } from 'vitest';
import type { Gpu } from '@/gpu/device';
import { openNodeGpu } from '@/gpu/nodeGpu';
import type { StateTensors } from '@/graph/parameters';
import {
  compileTraining,
  type OptimiserState,
  planTrainingStep,
  type TrainingPlan,
  type TrainingProgram,
} from '@/graph/trainingProgram';
import { diceAndCrossEntropyLoss } from '@/kernels/losses/lossOptions';
import { packLabels } from '@/kernels/losses/target';
import { NNUNET_SGD } from '@/kernels/optimisers/optimiserOptions';
import { initialise } from '@/nn/initialise';
import { buildUNet } from '@/nn/unet';
import { randomNormal, seededRandom } from '@/shared/random';
import { isotropicUNet } from '../nn/architectures';
import { test } from '../support/gpu';

const SIZE = 8;
const VOXELS = SIZE ** 3;
const LEARNING_RATE = 0.01;

function planned(gpu: Gpu): TrainingPlan {
  const graph = buildUNet(isotropicUNet([4, 6]), {
    inputChannels: 1,
    outputChannels: 2,
    batch: 1,
    patchSize: [SIZE, SIZE, SIZE],
    deepSupervision: false,
  });
  const loss = diceAndCrossEntropyLoss({ batchDice: false, ignoreLabel: undefined });
  const optimiser = NNUNET_SGD;
  return planTrainingStep(
    { graph, loss, headWeights: [1], optimiser, clipNorm: 12, lossScaling: undefined },
    gpu,
  );
}

/** The batch of a step, the same whenever it is asked for. */
function feed(gpu: Gpu, program: TrainingProgram, step: number): void {
  const random = seededRandom(step);
  const labels = Uint8Array.from({ length: VOXELS }, () => Math.round(random.uniform()));
  const [x] = program.inputs.values();
  const [target] = program.targets;
  if (!target) throw new Error('no target to feed');
  gpu.device.queue.writeBuffer(x.buffer, x.offset, randomNormal(VOXELS, step) as GPUAllowSharedBufferSource);
  gpu.device.queue.writeBuffer(
    target.buffer,
    target.offset,
    packLabels(labels) as GPUAllowSharedBufferSource,
  );
}

test('1,000 steps allocate and compile nothing', { timeout: 300_000 }, async ({ gpu }) => {
  const plan = planned(gpu);
  const program = await compileTraining(gpu, plan);
  program.setParameters(initialise(plan.setup.graph.parameters, 1));
  const pipelines = gpu.pipelines.compiledCount;
  const bytes = gpu.memory.currentBytes;
  gpu.memory.peakBytes = bytes;
  for (let step = 0; step < 1000; step++) {
    if (step % 50 === 0) {
      feed(gpu, program, step);
      await gpu.device.queue.onSubmittedWorkDone();
    }
    program.step(LEARNING_RATE);
  }
  expect((await program.readControl()).step).toBe(1000);
  expect(Number.isFinite(await program.readLoss())).toBe(true);
  expect(gpu.memory.currentBytes).toBe(bytes);
  expect(gpu.memory.peakBytes).toBe(bytes);
  expect(gpu.pipelines.compiledCount).toBe(pipelines);
  program.destroy();
});

interface Saved {
  readonly step: number;
  readonly parameters: StateTensors;
  readonly optimiser: OptimiserState;
}

test('a device destroyed in the middle of a step, 20 times: the curve is that of an undisturbed run, bit for bit', {
  timeout: 300_000,
}, async () => {
  const steps = 40;
  const undisturbed = await train(steps, () => false);
  const random = seededRandom(5);
  const losses = new Set(Array.from({ length: 20 }, (_, i) => 2 * i + Math.round(random.uniform())));
  const disturbed = await train(steps, (step) => losses.delete(step));
  expect(losses.size).toBe(0);
  expect(disturbed.curve).toEqual(undisturbed.curve);
  for (const [name, { data }] of undisturbed.parameters) {
    expect(disturbed.parameters.get(name)?.data, name).toEqual(data);
  }
});

/** Trains, saving every fourth step; where `isLost` says so the device is destroyed with the step under way. */
async function train(steps: number, isLost: (step: number) => boolean) {
  const curve: number[] = [];
  let saved: Saved | undefined;
  for (;;) {
    const gpu = await openNodeGpu();
    const plan = planned(gpu);
    const program = await compileTraining(gpu, plan);
    program.setParameters(saved?.parameters ?? initialise(plan.setup.graph.parameters, 1));
    if (saved) program.setOptimiser(saved.optimiser);
    let step = saved?.step ?? 0;
    let hasDevice = true;
    while (step < steps && hasDevice) {
      feed(gpu, program, step);
      program.step(LEARNING_RATE);
      if (isLost(step)) {
        gpu.device.destroy();
        hasDevice = false;
        break;
      }
      curve[step] = await program.readLoss();
      step++;
      if (step % 4 === 0) {
        saved = {
          step,
          parameters: await program.readParameters(),
          optimiser: await program.readOptimiser(),
        };
      }
    }
    if (!hasDevice) continue;
    const parameters = await program.readParameters();
    program.destroy();
    gpu.close();
    return { curve, parameters };
  }
}
