// A decoded picture, before nnU-Net's rules are applied.

/** The array that Python's readers would give: `[y, x]`, `[y, x, samples]` or `[pages, y, x]`, row-major. */
export interface Raster {
  readonly shape: readonly number[];
  readonly data:
    | Uint8Array
    | Uint16Array
    | Uint32Array
    | Int8Array
    | Int16Array
    | Int32Array
    | Float32Array
    | Float64Array;
}

/** Spreads samples of 1, 2 or 4 bits, each row starting at a byte, to a byte each. */
export function unpackBits(
  packed: Uint8Array,
  width: number,
  height: number,
  bits: number,
  rowBytes: number,
): Uint8Array {
  const samples = new Uint8Array(width * height);
  const mask = (1 << bits) - 1;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const bit = x * bits;
      samples[i] = (packed[y * rowBytes + (bit >> 3)] >> (8 - bits - (bit & 7))) & mask;
    }
  }
  return samples;
}
