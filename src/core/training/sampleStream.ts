import { type Random, seededRandom } from '@/shared/random';

/** What a stream of chance is for. */
export type BatchKind = 'training' | 'validation';

/** Which batch of a run: counted through all epochs, so that none is drawn twice. */
export interface BatchKey {
  readonly kind: BatchKind;
  readonly index: number;
}

const KIND_NUMBER: Readonly<Record<BatchKind, number>> = { training: 1, validation: 2 };

/**
 * The chance of one sample of one batch. It depends on nothing but its arguments: whichever thread draws the sample, and
 * however often the run was interrupted, it is the same sample, and a checkpoint needs no state of a generator.
 */
export function sampleStream(seed: number, { kind, index }: BatchKey, sample: number): Random {
  let hash = 0;
  for (const part of [seed, KIND_NUMBER[kind], index, sample]) hash = mix(hash, part);
  return seededRandom(hash);
}

/** Joins `part` to the hash so that every bit of both moves every bit of the result (MurmurHash3's steps). */
function mix(hash: number, part: number): number {
  let k = Math.imul(part, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  let mixed = hash ^ k;
  mixed = (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
