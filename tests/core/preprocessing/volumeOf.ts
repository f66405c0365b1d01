/** v[i] = 10·sin(0.37 i) + 0.05 i, shape 4 × 5 × 6: the volume for which nnU-Net's own results are known. */
export function volumeOf(): Float32Array {
  return Float32Array.from({ length: 120 }, (_, i) => 10 * Math.sin(0.37 * i) + 0.05 * i);
}

/** s[i] = (7 i + ⌊i / 5⌋) mod 3 on the same grid. */
export function labelsOf(): Int16Array {
  return Int16Array.from({ length: 120 }, (_, i) => (7 * i + Math.floor(i / 5)) % 3);
}
