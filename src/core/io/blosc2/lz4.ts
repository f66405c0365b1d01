// LZ4's block format, small enough to have here: what is on npm for it is written for frames, allocates its own output,
// or trusts its input. Follows lz4_Block_format.md: runs of literals, and matches that reach back at most 65,535 bytes.
import { damaged } from './fault';

const MIN_MATCH = 4;
/** A length of 15 in a token goes on in the bytes behind it. */
const LONG = 15;

/**
 * Unpacks a block into `target`, which it fills exactly. Matches may reach into the end of `dictionary`. Throws a
 * `Blosc2Fault` where the block is damaged.
 */
export function unpackLz4(source: Uint8Array, target: Uint8Array, dictionary?: Uint8Array): void {
  const inEnd = source.length;
  const outEnd = target.length;
  let at = 0;
  let to = 0;
  while (at < inEnd) {
    const token = source[at++];
    let literals = token >> 4;
    if (literals === LONG) {
      let more = 255;
      while (more === 255 && at < inEnd) {
        more = source[at++];
        literals += more;
      }
    }
    if (literals > inEnd - at || literals > outEnd - to) throw broken();
    if (literals > 32) target.set(source.subarray(at, at + literals), to);
    else for (let i = 0; i < literals; i++) target[to + i] = source[at + i];
    at += literals;
    to += literals;
    if (at === inEnd) break;

    if (at + 2 > inEnd) throw broken();
    const distance = source[at] | (source[at + 1] << 8);
    at += 2;
    let length = token & LONG;
    if (length === LONG) {
      let more = 255;
      while (more === 255 && at < inEnd) {
        more = source[at++];
        length += more;
      }
    }
    length += MIN_MATCH;
    if (distance === 0 || length > outEnd - to) throw broken();
    to = copyMatch(target, to, distance, length, dictionary);
  }
  if (to !== outEnd) throw broken();
}

/** Copies what lies `distance` back, repeating itself where it is shorter than `length`; returns the new end. */
function copyMatch(
  target: Uint8Array,
  to: number,
  distance: number,
  length: number,
  dictionary: Uint8Array | undefined,
): number {
  let from = to - distance;
  let place = to;
  const end = to + length;
  if (from < 0) {
    if (!dictionary || -from > dictionary.length) throw broken();
    while (from < 0 && place < end) target[place++] = dictionary[dictionary.length + from++];
  }
  if (distance >= length && end - place > 32) target.copyWithin(place, from, from + end - place);
  else while (place < end) target[place++] = target[from++];
  return end;
}

function broken() {
  return damaged('has an LZ4 block that is damaged');
}
