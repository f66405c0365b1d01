// Long computations that can be followed and stopped: generators, which pause where others may have a word.
import { yieldToEventLoop } from './concurrency';

/** Yields how far it is, returns its result. */
export type Stepwise<Step, Result> = Generator<Step, Result, void>;

/** A thread computes this long before it listens. */
const MOST_MS = 40;

/** The result, without a pause. */
export function runAtOnce<Step, Result>(steps: Stepwise<Step, Result>): Result {
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
  }
}

/**
 * The result, with pauses in which messages and signals come through; `onStep` is told the newest step in each. Rejects
 * with the signal's reason once that fires.
 */
export async function runInPauses<Step, Result>(
  steps: Stepwise<Step, Result>,
  { signal, onStep }: { signal?: AbortSignal | undefined; onStep?: ((step: Step) => void) | undefined } = {},
): Promise<Result> {
  let paused = performance.now();
  for (;;) {
    const next = steps.next();
    if (next.done) return next.value;
    if (performance.now() - paused < MOST_MS) continue;
    onStep?.(next.value);
    await yieldToEventLoop();
    signal?.throwIfAborted();
    paused = performance.now();
  }
}
