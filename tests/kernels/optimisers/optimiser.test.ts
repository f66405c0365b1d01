import { describe, expect, test as plainTest } from 'vitest';
import { allocate, arrayOf, readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type GpuArray, runDispatches } from '@/gpu/dispatch';
import {
  LEARNING_RATE_BYTES,
  type OptimiserControl,
  readControl,
  writeControl,
} from '@/kernels/optimisers/control';
import {
  gradientNormPartialsSize,
  type OptimiserArgs,
  optimiserDispatches,
} from '@/kernels/optimisers/optimiser';
import { optimiserReference } from '@/kernels/optimisers/optimiser.reference';
import {
  type LossScaling,
  NNUNET_ADAM,
  NNUNET_ADAMW,
  NNUNET_ADAMW_AMSGRAD,
  NNUNET_ADAN,
  NNUNET_CLIP_NORM,
  NNUNET_SGD,
  type Optimiser,
  optimiserStateCount,
} from '@/kernels/optimisers/optimiserOptions';
import { test } from '../../support/gpu';
import { normals, relativeError } from '../device';

const OPTIMISERS: readonly (readonly [string, Optimiser, number])[] = [
  ['SGD, Nesterov', NNUNET_SGD, 0.01],
  ['SGD, plain momentum', { ...NNUNET_SGD, isNesterov: false }, 0.01],
  ['Adam', NNUNET_ADAM, 1e-3],
  ['AdamW', NNUNET_ADAMW, 1e-3],
  ['AdamW, amsgrad', NNUNET_ADAMW_AMSGRAD, 1e-3],
  ['AdamW, amsgrad, short memory', { ...NNUNET_ADAMW_AMSGRAD, betas: [0.9, 0.5] }, 1e-3],
  ['AdamW, strong decay', { ...NNUNET_ADAMW, weightDecay: 0.05, betas: [0.9, 0.98] }, 1e-3],
  ['Adan', NNUNET_ADAN, 1e-3],
  ['Adan, strong decay', { ...NNUNET_ADAN, weightDecay: 0.05 }, 1e-3],
];
const ARENA_SIZES = [40_000, 64, 16_384 + 128];
const STEPS = 5;
const LOSS_SCALE = 1024;

interface Trainer {
  step(gradients: readonly Float64Array[], learningRate: number): Promise<void>;
  parameters(): Promise<Float32Array[]>;
  states(): Promise<Float32Array[]>;
  control(): Promise<OptimiserControl>;
  destroy(): void;
}

type Settings = Partial<Pick<OptimiserArgs, 'clipNorm' | 'lossScaling' | 'limits'>> & {
  readonly lossScale?: number;
  readonly stepsBefore?: number;
};

async function openTrainer(
  gpu: Gpu,
  optimiser: Optimiser,
  initial: readonly Float64Array[],
  { clipNorm, lossScaling, limits = gpu.limits, lossScale = 1, stepsBefore = 0 }: Settings = {},
): Promise<Trainer> {
  const arenas: { parameters: GpuArray; gradients: GpuArray; states: GpuArray[] }[] = [];
  const zeros = async (size: number) => arrayOf(await allocate(gpu, size * 4, 'arena'), size);
  for (const values of initial) {
    const parameters = await upload(gpu, Float32Array.from(values), 'parameters');
    const states: GpuArray[] = [];
    while (states.length < optimiserStateCount(optimiser)) states.push(await zeros(values.length));
    arenas.push({ parameters, gradients: await zeros(values.length), states });
  }
  const control = await upload(
    gpu,
    writeControl({ lossScale, learningRate: 0, step: stepsBefore }),
    'control',
  );
  const partials = await zeros(gradientNormPartialsSize(initial.map((values) => values.length)));
  const dispatches = optimiserDispatches({
    optimiser,
    arenas,
    control,
    partials,
    clipNorm,
    lossScaling,
    limits,
  });
  const readAll = async (arrays: readonly GpuArray[]) => {
    const results: Float32Array[] = [];
    for (const array of arrays) results.push(await readFloats(gpu, array));
    return results;
  };
  return {
    async step(gradients, learningRate) {
      for (const [i, { gradients: array }] of arenas.entries()) {
        gpu.device.queue.writeBuffer(array.buffer, array.offset, Float32Array.from(gradients[i]));
      }
      gpu.device.queue.writeBuffer(
        control.buffer,
        control.offset + LEARNING_RATE_BYTES,
        Float32Array.of(learningRate),
      );
      gpu.device.pushErrorScope('validation');
      runDispatches(gpu, dispatches);
      expect((await gpu.device.popErrorScope())?.message).toBeUndefined();
    },
    parameters: () => readAll(arenas.map(({ parameters }) => parameters)),
    states: () => readAll(arenas.flatMap(({ states }) => states)),
    control: async () => readControl(await readFloats(gpu, control)),
    destroy() {
      const arrays = arenas.flatMap(({ parameters, gradients, states }) => [
        parameters,
        gradients,
        ...states,
      ]);
      for (const { buffer } of [...arrays, control, partials]) buffer.destroy();
    },
  };
}

/** Values of a layout whose last 40 elements are a gap. */
function arenaValues(size: number, seed: number, scale: number): Float64Array {
  return normals(size, seed).map((value, i) => (i < size - 40 ? Math.fround(value * scale) : 0));
}

function normOf(arrays: readonly Float64Array[]): number {
  return Math.sqrt(arrays.reduce((sum, values) => values.reduce((total, x) => total + x * x, sum), 0));
}

/**
 * Gradients of step `s`: the norm of even steps is beyond the clipping norm, that of odd ones within it. None is near zero
 * and none turns round, as Adam and Adan divide by roots of means that would then be of rounding errors.
 */
function gradientsOf(s: number): Float64Array[] {
  return ARENA_SIZES.map((size, i) => {
    const directions = normals(size, 50 + i);
    const wobbles = normals(size, 100 + 10 * s + i);
    return directions.map((x, j) => {
      if (j >= size - 40) return 0;
      const wobble = 1 + 0.1 * Math.max(-2, Math.min(2, wobbles[j]));
      return Math.fround((s % 2 === 0 ? 0.08 : 0.03) * wobble * (x + 0.5 * Math.sign(x)));
    });
  });
}

describe('optimiser', () => {
  for (const [name, optimiser, learningRate] of OPTIMISERS) {
    test(`${name}: ${STEPS} clipped, scaled steps match the reference`, async ({ gpu }) => {
      const initial = ARENA_SIZES.map((size, i) => arenaValues(size, i + 1, 0.02));
      const expected = initial.map((values) => values.slice());
      const states = initial.map((values) =>
        Array.from({ length: optimiserStateCount(optimiser) }, () => new Float64Array(values.length)),
      );
      const trainer = await openTrainer(gpu, optimiser, initial, {
        clipNorm: NNUNET_CLIP_NORM,
        lossScale: LOSS_SCALE,
      });
      for (let s = 0; s < STEPS; s++) {
        const rate = learningRate * (1 - s / STEPS);
        const gradients = gradientsOf(s);
        await trainer.step(
          gradients.map((values) => values.map((x) => x * LOSS_SCALE)),
          rate,
        );
        const norm = normOf(gradients);
        const clip = Math.min(1, NNUNET_CLIP_NORM / (norm + 1e-6));
        expect(clip < 1).toBe(s % 2 === 0);
        expect((await trainer.control()).gradientNorm / norm).toBeCloseTo(1, 6);
        for (const [i, values] of expected.entries()) {
          const clipped = gradients[i].map((x) => x * clip);
          optimiserReference(optimiser, s + 1, rate, values, clipped, states[i]);
        }
      }
      const control = await trainer.control();
      expect(control).toMatchObject({
        step: STEPS,
        isSkipped: false,
        skippedSteps: 0,
        lossScale: LOSS_SCALE,
      });
      for (const [i, actual] of (await trainer.parameters()).entries()) {
        const change = (values: ArrayLike<number>) => initial[i].map((x, j) => values[j] - x);
        expect(relativeError(change(actual), change(expected[i]))).toBeLessThan(2e-5);
        expect(relativeError(actual, expected[i])).toBeLessThan(4e-7);
        expect(actual.slice(-40).every((x) => x === 0)).toBe(true);
      }
      for (const [i, actual] of (await trainer.states()).entries()) {
        expect(relativeError(actual, states.flat()[i])).toBeLessThan(2e-6);
      }
      trainer.destroy();
    });
  }

  test('pieces of bindings and folded grids change no bit', async ({ gpu }) => {
    const initial = ARENA_SIZES.map((size, i) => arenaValues(size, i + 1, 0.02));
    const limits = { maxStorageBufferBindingSize: 66_304, maxComputeWorkgroupsPerDimension: 3 };
    const results: Float32Array[][] = [];
    for (const settings of [{}, { limits }]) {
      const trainer = await openTrainer(gpu, NNUNET_SGD, initial, {
        clipNorm: NNUNET_CLIP_NORM,
        ...settings,
      });
      for (let s = 0; s < 2; s++) await trainer.step(gradientsOf(s), 0.01);
      results.push(await trainer.parameters());
      trainer.destroy();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[0][0][0]).not.toBe(Math.fround(initial[0][0]));
  });

  for (const [name, value] of [
    ['infinite', Number.POSITIVE_INFINITY],
    ['missing', Number.NaN],
  ] as const) {
    test(`a gradient that is ${name} skips the step and halves the loss scale`, async ({ gpu }) => {
      const lossScaling = scaling(3);
      const initial = ARENA_SIZES.map((size, i) => arenaValues(size, i + 1, 0.02));
      const trainer = await openTrainer(gpu, NNUNET_ADAMW, initial, { lossScaling, lossScale: 8 });
      await trainer.step(gradientsOf(1), 0.01);
      const parameters = await trainer.parameters();
      const states = await trainer.states();
      const broken = gradientsOf(2);
      broken[2][16_384 + 5] = value;
      await trainer.step(broken, 0.01);
      expect(await trainer.parameters()).toEqual(parameters);
      expect(await trainer.states()).toEqual(states);
      expect(await trainer.control()).toMatchObject({
        isSkipped: true,
        skippedSteps: 1,
        step: 1,
        lossScale: 4,
        goodSteps: 0,
      });
      await trainer.step(gradientsOf(3), 0.01);
      expect(await trainer.control()).toMatchObject({ isSkipped: false, skippedSteps: 1, step: 2 });
      expect(await trainer.parameters()).not.toEqual(parameters);
      trainer.destroy();
    });
  }

  test('the loss scale doubles after a run of good steps', async ({ gpu }) => {
    const initial = [arenaValues(64, 1, 1)];
    const trainer = await openTrainer(gpu, NNUNET_SGD, initial, { lossScaling: scaling(3), lossScale: 8 });
    const scales: number[] = [];
    for (let s = 0; s < 7; s++) {
      await trainer.step([arenaValues(64, 2, 1)], 0);
      scales.push((await trainer.control()).lossScale);
    }
    expect(scales).toEqual([8, 8, 16, 16, 16, 32, 32]);
    trainer.destroy();
  });

  test('an overflow without loss scaling leaves the scale', async ({ gpu }) => {
    const trainer = await openTrainer(gpu, NNUNET_SGD, [arenaValues(64, 1, 1)]);
    const gradients = arenaValues(64, 2, 1);
    gradients[3] = Number.NaN;
    await trainer.step([gradients], 0.1);
    expect(await trainer.control()).toMatchObject({ isSkipped: true, lossScale: 1 });
    trainer.destroy();
  });

  test('a late step corrects its means as exactly as the first', async ({ gpu }) => {
    for (const step of [1, 30, 700, 20_000]) {
      const initial = [arenaValues(64, 1, 1)];
      const trainer = await openTrainer(gpu, NNUNET_ADAMW, initial, { stepsBefore: step - 1 });
      const expected = initial[0].slice();
      const states = [new Float64Array(64), new Float64Array(64)];
      const gradients = arenaValues(64, 2, 1);
      await trainer.step([gradients], 0.01);
      optimiserReference(NNUNET_ADAMW, step, 0.01, expected, gradients, states);
      expect(relativeError((await trainer.parameters())[0], expected)).toBeLessThan(4e-7);
      trainer.destroy();
    }
  });

  plainTest('control survives being written and read', () => {
    const control: OptimiserControl = {
      lossScale: 4096,
      goodSteps: 12,
      step: 345,
      learningRate: 0.25,
      gradientNorm: 1.5,
      isSkipped: true,
      skippedSteps: 7,
    };
    expect(readControl(writeControl(control))).toEqual(control);
  });

  plainTest('arrays of another size are refused', () => {
    const array = (size: number): GpuArray => ({ buffer: {} as GPUBuffer, offset: 0, size, dtype: 'f32' });
    const args = (states: GpuArray[]): OptimiserArgs => ({
      optimiser: NNUNET_ADAM,
      arenas: [{ parameters: array(64), gradients: array(64), states }],
      control: array(12),
      partials: array(1),
      clipNorm: 12,
      lossScaling: undefined,
      limits: { maxStorageBufferBindingSize: 2 ** 27, maxComputeWorkgroupsPerDimension: 65_535 },
    });
    expect(optimiserDispatches(args([array(64), array(64)]))).toHaveLength(3);
    expect(() => optimiserDispatches(args([array(64)]))).toThrow('1 state arrays, 2 needed');
    expect(() => optimiserDispatches(args([array(64), array(128)]))).toThrow('128 elements');
  });
});

describe('optimiser reference', () => {
  plainTest('SGD with Nesterov momentum, by hand', () => {
    const parameters = Float64Array.of(2);
    const states = [Float64Array.of(0)];
    const optimiser: Optimiser = { kind: 'sgd', momentum: 0.5, isNesterov: true, weightDecay: 0.25 };
    optimiserReference(optimiser, 1, 0.1, parameters, Float64Array.of(1), states);
    // g = 1 + 0.25 · 2 = 1.5; velocity 1.5; direction 1.5 + 0.75
    expect(parameters[0]).toBeCloseTo(2 - 0.1 * 2.25, 14);
    optimiserReference(optimiser, 2, 0.1, parameters, Float64Array.of(-1), states);
    // g = −1 + 0.25 · 1.775 = −0.55625; velocity 0.75 + g = 0.19375; direction g + 0.096875
    expect(parameters[0]).toBeCloseTo(1.775 - 0.1 * -0.459375, 14);
    expect(states[0][0]).toBeCloseTo(0.19375, 14);
  });

  plainTest('the first step of Adam and AdamW is the learning rate long', () => {
    const gradients = Float64Array.of(3, -0.002);
    for (const optimiser of [NNUNET_ADAM, NNUNET_ADAMW, NNUNET_ADAMW_AMSGRAD]) {
      const parameters = Float64Array.of(0, 0);
      const states = Array.from({ length: optimiserStateCount(optimiser) }, () => new Float64Array(2));
      optimiserReference(optimiser, 1, 0.1, parameters, gradients, states);
      expect(parameters[0]).toBeCloseTo(-0.1, 8);
      expect(parameters[1]).toBeCloseTo(0.1, 5);
    }
  });

  plainTest('weight decay alone', () => {
    const decayOnly = (optimiser: Optimiser) => {
      const parameters = Float64Array.of(4);
      const states = Array.from({ length: optimiserStateCount(optimiser) }, () => new Float64Array(1));
      optimiserReference(optimiser, 1, 0.5, parameters, Float64Array.of(0), states);
      return parameters[0];
    };
    expect(decayOnly({ ...NNUNET_ADAMW, weightDecay: 0.25 })).toBeCloseTo(4 * (1 - 0.125), 14);
    expect(decayOnly({ ...NNUNET_ADAN, weightDecay: 0.25 })).toBeCloseTo(4 / 1.125, 14);
    expect(decayOnly({ ...NNUNET_ADAM, weightDecay: 0.25 })).toBeCloseTo(4 - 0.5, 6);
    expect(decayOnly({ ...NNUNET_SGD, weightDecay: 0.25 })).toBeCloseTo(4 - 0.5 * 1.99, 14);
  });

  plainTest('amsgrad never forgets a large gradient', () => {
    const run = (optimiser: Optimiser) => {
      const parameters = Float64Array.of(0);
      const states = Array.from({ length: optimiserStateCount(optimiser) }, () => new Float64Array(1));
      for (let step = 1; step <= 50; step++) {
        const gradient = Float64Array.of(step === 1 ? 100 : 0.01);
        optimiserReference(
          { ...optimiser, betas: [0, 0.5] } as Optimiser,
          step,
          0.1,
          parameters,
          gradient,
          states,
        );
      }
      return states[states.length - 1][0];
    };
    expect(run(NNUNET_ADAMW_AMSGRAD)).toBe(5000);
    expect(run(NNUNET_ADAMW)).toBeLessThan(1e-3);
  });

  plainTest('Adan, two steps by hand', () => {
    const optimiser: Optimiser = { kind: 'adan', betas: [0.5, 0.5, 0.5], eps: 0, weightDecay: 0 };
    const parameters = Float64Array.of(1);
    const states = Array.from({ length: 4 }, () => new Float64Array(1));
    optimiserReference({ ...optimiser, eps: 1e-8 }, 1, 0.1, parameters, Float64Array.of(2), states);
    expect(parameters[0]).toBe(1);
    optimiserReference(optimiser, 2, 0.1, parameters, Float64Array.of(4), states);
    // m = 2, v = 1, n = (4 + 0.5 · 2)² / 2 = 12.5, all divided by 1 − 0.25
    const direction = 2 / 0.75 + (0.5 * 1) / 0.75;
    expect(parameters[0]).toBeCloseTo(1 - (0.1 * direction) / Math.sqrt(12.5 / 0.75), 14);
  });
});

function scaling(growthInterval: number): LossScaling {
  return { initialScale: 8, growthInterval, growthFactor: 2, backoffFactor: 0.5 };
}
