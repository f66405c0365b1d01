// Undoing Blosc2's filters. Each takes a block as it was packed and writes, into a block of the same length, what went in.

/** Undoes the byte shuffle: byte `j` of every element lies together, in runs as long as there are elements. */
export function unshuffle(source: Uint8Array, target: Uint8Array, elementBytes: number): void {
  const count = Math.floor(source.length / elementBytes);
  const whole = count * elementBytes;
  if (elementBytes === 4 && target.byteOffset % 4 === 0) {
    const words = new Uint32Array(target.buffer, target.byteOffset, count);
    for (let i = 0, b = count, c = 2 * count, d = 3 * count; i < count; i++, b++, c++, d++) {
      words[i] = source[i] | (source[b] << 8) | (source[c] << 16) | (source[d] << 24);
    }
  } else if (elementBytes === 2 && target.byteOffset % 2 === 0) {
    const words = new Uint16Array(target.buffer, target.byteOffset, count);
    for (let i = 0; i < count; i++) words[i] = source[i] | (source[count + i] << 8);
  } else {
    for (let j = 0; j < elementBytes; j++) {
      const run = j * count;
      for (let i = 0, to = j; i < count; i++, to += elementBytes) target[to] = source[run + i];
    }
  }
  target.set(source.subarray(whole), whole);
}

/**
 * Undoes the bit shuffle: bit `b` of byte `j` of every element lies together, eight elements to a byte. Elements beyond
 * the last eight lie as they are.
 */
export function unshuffleBits(source: Uint8Array, target: Uint8Array, elementBytes: number): void {
  const eights = Math.floor(source.length / elementBytes / 8);
  const whole = eights * 8 * elementBytes;
  for (let j = 0; j < elementBytes; j++) {
    const rows = j * 8 * eights;
    for (let i = 0; i < eights; i++) {
      const first = rows + i;
      let low =
        source[first] |
        (source[first + eights] << 8) |
        (source[first + 2 * eights] << 16) |
        (source[first + 3 * eights] << 24);
      let high =
        source[first + 4 * eights] |
        (source[first + 5 * eights] << 8) |
        (source[first + 6 * eights] << 16) |
        (source[first + 7 * eights] << 24);
      // An 8 × 8 matrix of bits, transposed by swapping ever larger squares (Hacker's Delight, 7–3).
      let swap = (low ^ (low >>> 7)) & 0x00aa00aa;
      low ^= swap ^ (swap << 7);
      swap = (high ^ (high >>> 7)) & 0x00aa00aa;
      high ^= swap ^ (swap << 7);
      swap = (low ^ (low >>> 14)) & 0x0000cccc;
      low ^= swap ^ (swap << 14);
      swap = (high ^ (high >>> 14)) & 0x0000cccc;
      high ^= swap ^ (swap << 14);
      const upper = ((low >>> 4) & 0x0f0f0f0f) | (high & 0xf0f0f0f0);
      low = (low & 0x0f0f0f0f) | ((high << 4) & 0xf0f0f0f0);
      let to = i * 8 * elementBytes + j;
      for (let k = 0; k < 4; k++, to += elementBytes) target[to] = low >>> (8 * k);
      for (let k = 0; k < 4; k++, to += elementBytes) target[to] = upper >>> (8 * k);
    }
  }
  target.set(source.subarray(whole), whole);
}

/** Elements that delta goes by: those of the array where they have 1, 2, 4 or 8 bytes, else 8 or 1. */
function deltaBytes(elementBytes: number): number {
  if ([1, 2, 4, 8].includes(elementBytes)) return elementBytes;
  return elementBytes % 8 === 0 ? 8 : 1;
}

/** Undoes delta in the first block of a chunk, in place: every element was combined with the one before it. */
export function undoDeltaWithin(block: Uint8Array, elementBytes: number): void {
  const step = deltaBytes(elementBytes);
  const whole = block.length - (block.length % step);
  for (let i = step; i < whole; i++) block[i] ^= block[i - step];
}

/** Undoes delta in another block, in place: it was combined with the chunk's `first` block, element by element. */
export function undoDelta(block: Uint8Array, first: Uint8Array, elementBytes: number): void {
  const whole = block.length - (block.length % deltaBytes(elementBytes));
  for (let i = 0; i < whole; i++) block[i] ^= first[i];
}
