import { type Gpu, whileDeviceLives } from '@/gpu/device';
import { median } from '@/shared/statistics';

const SAMPLES = 5;
/** A sample repeats short work until it lasts this long, so that waiting for the GPU to answer does not count. */
const SAMPLE_MS = 100;
const MOST_RUNS_PER_SAMPLE = 100;
/** Once this is spent, fewer samples will do. */
const ENOUGH_MS = 6000;

export interface Timing {
  /** Of one run: the median of the samples. */
  readonly ms: number;
  readonly samples: number;
}

/** Times what `submit` submits, run after run as training does, after runs that do not count. */
export async function timeRuns(gpu: Gpu, submit: () => void, signal?: AbortSignal): Promise<Timing> {
  const sample = async (count: number) => {
    const ms = await elapsedMs(gpu, () => {
      for (let run = 0; run < count; run++) submit();
    });
    signal?.throwIfAborted();
    return ms / count;
  };
  const started = performance.now();
  const firstMs = await sample(1); // some drivers still compile
  let runs = 1;
  if (firstMs < SAMPLE_MS) {
    runs = Math.min(MOST_RUNS_PER_SAMPLE, Math.ceil(SAMPLE_MS / (await sample(1))));
  }
  const times: number[] = [];
  do times.push(await sample(runs));
  while (times.length < SAMPLES && performance.now() - started < ENOUGH_MS);
  return { ms: median(times), samples: times.length };
}

/** What {@link timeRuns} will take for runs of `ms` each. */
export function timingMs(ms: number): number {
  return Math.max(2 * ms, Math.min((1 + SAMPLES) * Math.max(ms, SAMPLE_MS), ENOUGH_MS));
}

/** From submitting to the end of the work, ms. Throws `DeviceLost`. */
export async function elapsedMs(gpu: Gpu, submit: () => void): Promise<number> {
  const start = performance.now();
  submit();
  await whileDeviceLives(gpu, gpu.device.queue.onSubmittedWorkDone());
  return performance.now() - start;
}
