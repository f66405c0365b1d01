// BloscLZ, Blosc's own compressor of the FastLZ family. Follows `blosclz_decompress` of C-Blosc2.
import { damaged } from './fault';

/** Matches farther back than this are written with two more bytes. */
const MAX_DISTANCE = 8191;
const MIN_MATCH = 3;

/** Unpacks a block into `target`, which it fills exactly. Throws a `Blosc2Fault` where the block is damaged. */
export function unpackBloscLz(source: Uint8Array, target: Uint8Array): void {
  const inEnd = source.length;
  const outEnd = target.length;
  let at = 1;
  let to = 0;
  // The first byte can only be a run of literals; its upper bits tell the compressor's level.
  let control = source[0] & 31;
  for (;;) {
    if (control < 32) {
      const literals = control + 1;
      if (literals > outEnd - to || literals > inEnd - at) throw broken();
      for (let i = 0; i < literals; i++) target[to + i] = source[at + i];
      at += literals;
      to += literals;
    } else {
      let length = (control >> 5) - 1;
      let distance = (control & 31) << 8;
      if (length === 6) {
        let more = 255;
        while (more === 255) {
          if (at >= inEnd) throw broken();
          more = source[at++];
          length += more;
        }
      }
      length += MIN_MATCH;
      if (at >= inEnd) throw broken();
      const low = source[at++];
      if (low === 255 && distance === 31 << 8) {
        if (at + 2 > inEnd) throw broken();
        distance = ((source[at] << 8) | source[at + 1]) + MAX_DISTANCE;
        at += 2;
      } else {
        distance += low;
      }
      let from = to - distance - 1;
      if (from < 0 || length > outEnd - to) throw broken();
      const end = to + length;
      while (to < end) target[to++] = target[from++];
    }
    if (at >= inEnd) break;
    control = source[at++];
  }
  if (to !== outEnd) throw broken();
}

function broken() {
  return damaged('has a BloscLZ block that is damaged');
}
