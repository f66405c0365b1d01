// Reading golden data and comparing arrays with it.
import { readFileSync } from 'node:fs';
import { type NpyArray, readNpz } from '@/core/io/npy';
import type { TopicResult } from '../conformance/topic';

/** One comparison: `error` in the measure of its kind, against `tolerance`. */
export interface Outcome {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
  /** Added to its line. */
  readonly note?: string;
}

/** The arrays of an `.npz` file by name; asking for an absent one is an error. */
export async function openArrays(file: string): Promise<(name: string) => NpyArray> {
  const arrays = await readNpz(new Uint8Array(readFileSync(file)));
  return (name) => {
    const array = arrays.get(name);
    if (!array) throw new Error(`${file} has no array ${name}`);
    return array;
  };
}

/** The array's data, which must be float32. */
export function floats({ data }: NpyArray): Float32Array {
  if (!(data instanceof Float32Array)) throw new Error('expected a float32 array');
  return data;
}

/** One JSON value a line. */
export function readJsonLines<T>(file: string): T[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line));
}

/** Largest |a − b|; infinite where lengths differ or a number is not finite. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return largest;
}

/** Number of elements that differ; infinite where lengths do. */
export function countDifferent(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let different = 0;
  for (let i = 0; i < actual.length; i++) if (actual[i] !== expected[i]) different++;
  return different;
}

/** An outcome that is right or wrong. */
export function exactOutcome(name: string, isRight: boolean, note = ''): Outcome {
  return { name, error: isRight ? 0 : 1, tolerance: 0, note };
}

function isWithin({ error, tolerance }: Outcome): boolean {
  return error <= tolerance;
}

/** A line per group of outcomes, and one per failure. */
export function summarise(topic: string, groups: Readonly<Record<string, readonly Outcome[]>>): TopicResult {
  const lines: string[] = [];
  let worstError = 0;
  let passed = 0;
  let total = 0;
  for (const [group, outcomes] of Object.entries(groups)) {
    const good = outcomes.filter(isWithin);
    const worst = Math.max(0, ...outcomes.map(({ error }) => error));
    lines.push(`${group}: ${good.length} of ${outcomes.length}, worst error ${worst.toExponential(2)}`);
    for (const outcome of outcomes) {
      if (isWithin(outcome)) continue;
      const { name, error, tolerance, note } = outcome;
      lines.push(`  FAILED ${name}: error ${error.toExponential(2)} > ${tolerance} ${note ?? ''}`);
    }
    worstError = Math.max(worstError, worst);
    passed += good.length;
    total += outcomes.length;
  }
  return { topic, passed, total, worstError, lines };
}
