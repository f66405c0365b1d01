// What an adapter can do at most, measured: multiply-adds a second, and bytes a second through its memory.

import { allocate, arrayOf, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type PreparedDispatch, prepare, submitDispatches } from '@/gpu/dispatch';
import { copyVectors, MULTIPLY_ADD_CHAINS, multiplyAdd, multiplyAddFlop } from '@/kernels/multiplyAddPeak';
import type { FeatureDtype } from '@/kernels/storage';
import { elapsedMs } from './benchmarkTiming';

/** Enough to fill any GPU. */
const THREADS = 2 ** 18;
const FIRST_TURNS = 4;
const MOST_TURNS = 2 ** 24;
/** A dispatch this long is well timed, and short enough for a GPU that also draws the screen. */
const DISPATCH_MS = 25;
const SAMPLES = 3;
/** Dispatches are repeated until a sample lasts this long. */
const SAMPLE_MS = 100;
/** Converge to 0.5 in every precision: no overflow, nothing denormal. */
const OPERANDS = Float32Array.of(0.5, 0.25);

/** Floating-point operations a second in chains of vec4 multiply-adds, two each: the best of a few kernels and runs. */
export async function measureMultiplyAddPeak(
  gpu: Gpu,
  dtype: FeatureDtype,
  signal?: AbortSignal,
): Promise<number> {
  const operands = await upload(gpu, OPERANDS, 'the benchmark');
  const y = arrayOf(await allocate(gpu, THREADS * 4, 'the benchmark'), THREADS);
  try {
    let best = 0;
    for (const chains of MULTIPLY_ADD_CHAINS) {
      const rate = async (turns: number, dispatches: number) => {
        const prepared = prepare(gpu, multiplyAdd({ dtype, chains }, operands, y, turns, gpu.limits));
        const ms = await elapsedMs(gpu, () => submitRepeatedly(gpu, prepared, dispatches));
        prepared.ownUniform?.destroy();
        signal?.throwIfAborted();
        return { ms, flopsPerMs: (dispatches * multiplyAddFlop({ dtype, chains }, THREADS, turns)) / ms };
      };
      await rate(1, 1); // compiles
      let turns = FIRST_TURNS;
      let { ms } = await rate(turns, 1);
      while (ms < DISPATCH_MS && turns < MOST_TURNS) {
        turns *= 2;
        ({ ms } = await rate(turns, 1));
      }
      for (let sample = 0; sample < SAMPLES; sample++) {
        best = Math.max(best, (await rate(turns, repeats(ms))).flopsPerMs);
      }
    }
    return 1000 * best;
  } finally {
    operands.buffer.destroy();
    y.buffer.destroy();
  }
}

/** Larger than caches. */
const COPY_BYTES = { software: 2 ** 25, gpu: 2 ** 27 } as const;

/** Bytes a second, read and written ones together, of a kernel that copies: the best of a few runs. */
export async function measureCopyRate(gpu: Gpu, signal?: AbortSignal): Promise<number> {
  const wanted = gpu.facts.isSoftware ? COPY_BYTES.software : COPY_BYTES.gpu;
  const bytes = Math.min(wanted, gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize);
  const size = Math.floor(bytes / 16) * 4;
  const x = arrayOf(await allocate(gpu, size * 4, 'the benchmark'), size);
  try {
    const y = arrayOf(await allocate(gpu, size * 4, 'the benchmark'), size);
    try {
      const copy = prepare(gpu, copyVectors(x, y, gpu.limits));
      const copyMs = (count: number) => elapsedMs(gpu, () => submitRepeatedly(gpu, copy, count));
      await copyMs(1); // compiles
      const count = repeats(await copyMs(1));
      let best = 0;
      for (let sample = 0; sample < SAMPLES; sample++) {
        best = Math.max(best, (count * 2 * 4 * size) / (await copyMs(count)));
        signal?.throwIfAborted();
      }
      return 1000 * best;
    } finally {
      y.buffer.destroy();
    }
  } finally {
    x.buffer.destroy();
  }
}

/** How often work of `ms` fits a sample. */
function repeats(ms: number): number {
  return Math.max(1, Math.ceil(SAMPLE_MS / ms));
}

function submitRepeatedly(gpu: Gpu, dispatch: PreparedDispatch, count: number): void {
  submitDispatches(gpu, Array(count).fill(dispatch));
}
