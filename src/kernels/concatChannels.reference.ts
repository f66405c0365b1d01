/** `a`: `[batch, …]`, `b`: `[batch, …]` → sample by sample `a` then `b`. */
export function concatChannelsReference(a: Float64Array, b: Float64Array, batch: number): Float64Array {
  const perA = a.length / batch;
  const perB = b.length / batch;
  const y = new Float64Array(a.length + b.length);
  for (let n = 0; n < batch; n++) {
    y.set(a.subarray(n * perA, (n + 1) * perA), n * (perA + perB));
    y.set(b.subarray(n * perB, (n + 1) * perB), n * (perA + perB) + perA);
  }
  return y;
}
