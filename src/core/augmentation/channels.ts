import type { Random } from '@/shared/random';

/** One drawn value per channel; `undefined` where a channel is left as it is. */
export type PerChannel<T> = readonly (T | undefined)[];

/** Draws for each channel by itself, with `probability`. */
export function drawPerChannel<T>(
  random: Random,
  channels: number,
  probability: number,
  draw: () => T,
): PerChannel<T> {
  return Array.from({ length: channels }, () => (random.uniform() < probability ? draw() : undefined));
}

/**
 * A factor from `[low, high)` around 1: half the time below it, half above.
 *
 * Follows batchgeneratorsv2's `BGContrast`.
 */
export function drawFactor(random: Random, [low, high]: readonly [number, number]): number {
  return random.uniform() < 0.5 ? low + (1 - low) * random.uniform() : 1 + (high - 1) * random.uniform();
}
