const LARGEST_INT8 = 127;

/** Labels, −1 among them, in the smallest type that nnU-Net keeps them in: int8 up to 127, else int16. */
export function narrowestLabels(seg: ArrayLike<number>): Int8Array | Int16Array {
  for (let i = 0; i < seg.length; i++) {
    if (seg[i] > LARGEST_INT8) return seg instanceof Int16Array ? seg : Int16Array.from(seg);
  }
  return Int8Array.from(seg);
}
