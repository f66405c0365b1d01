// Choosing among kernels by measuring them on the device at hand. What won is remembered per adapter.

import type { AdapterFacts, Gpu } from './device';
import { type Dispatch, prepare, submitDispatches } from './dispatch';

/** Where results live between sessions. */
export interface TuningStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
}

/** One choice to make. */
export interface TuningTask<Candidate extends { readonly name: string }> {
  /** What is chosen for, with the version of the kernels: a result holds for this text alone. */
  readonly key: string;
  /** The likely best first. */
  readonly candidates: readonly Candidate[];
  /** The work to time, on buffers of its own, and how to free them. */
  readonly launch: (candidate: Candidate) => Promise<{ dispatches: readonly Dispatch[]; free: () => void }>;
}

/** Runs per candidate; the fastest counts. */
const RUNS = 3;

/** What tells adapters apart. */
export function adapterKey({ vendor, architecture, description }: AdapterFacts): string {
  return [vendor, architecture, description].join('/');
}

/**
 * The fastest candidate: the remembered one, or the winner of a measurement. Stops measuring once `timeLimitMs` is
 * spent, compilation included; the first candidate is always measured, and an unfinished contest is not remembered.
 */
export async function tune<Candidate extends { readonly name: string }>(
  gpu: Gpu,
  task: TuningTask<Candidate>,
  store: TuningStore,
  timeLimitMs: number,
): Promise<Candidate> {
  const { candidates } = task;
  if (candidates.length === 1) return candidates[0];
  const key = `${adapterKey(gpu.facts)} ${task.key}`;
  const known = await store.get(key);
  const remembered = candidates.find(({ name }) => name === known);
  if (remembered) return remembered;

  const deadline = performance.now() + timeLimitMs;
  let winner = candidates[0];
  let bestMs = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (bestMs < Number.POSITIVE_INFINITY && performance.now() >= deadline) return winner;
    const ms = await time(gpu, task, candidate, deadline);
    if (ms < bestMs) {
      bestMs = ms;
      winner = candidate;
    }
  }
  await store.set(key, winner.name);
  return winner;
}

/** Best of a few runs after one that compiles, ms. */
async function time<Candidate extends { readonly name: string }>(
  gpu: Gpu,
  task: TuningTask<Candidate>,
  candidate: Candidate,
  deadline: number,
): Promise<number> {
  const { dispatches, free } = await task.launch(candidate);
  try {
    const prepared = dispatches.map((dispatch) => prepare(gpu, dispatch));
    const run = async () => {
      const start = performance.now();
      submitDispatches(gpu, prepared);
      await gpu.device.queue.onSubmittedWorkDone();
      return performance.now() - start;
    };
    await run();
    let best = await run();
    for (let i = 1; i < RUNS && performance.now() < deadline; i++) best = Math.min(best, await run());
    return best;
  } finally {
    free();
  }
}
