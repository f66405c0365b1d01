/** Rounds halves to the even neighbour, as Python's and numpy's `round` do (0.5 → 0, 1.5 → 2, 2.5 → 2). */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction < 0.5) return floor;
  if (fraction > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

const scratch = new DataView(new ArrayBuffer(4));

/** The bits of the float16 nearest to `value`, halves to even, as numpy's `astype(float16)`. */
export function toFloat16Bits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundHalfEven(magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  // log2 may land one off at powers of two; the mantissa tells.
  const shift =
    magnitude < 2 ** exponent ? exponent - 1 : magnitude >= 2 ** (exponent + 1) ? exponent + 1 : exponent;
  const mantissa = roundHalfEven((magnitude / 2 ** shift - 1) * 1024);
  return sign | (((shift + 15) << 10) + mantissa);
}

/** The number a float16 bit pattern stands for. */
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** `|a − b| ≤ 1e-8 + 1e-5·|b|` elementwise, numpy's `allclose` with its defaults. */
export function allClose(a: readonly number[], b: readonly number[]): boolean {
  return (
    a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) <= 1e-8 + 1e-5 * Math.abs(b[i]))
  );
}

/** `1.5 GB`, `12 MB`, `3 kB`: decimal units, as storage and memory are shown. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  if (bytes >= 1e3) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${bytes} B`;
}

/** The values multiplied; 1 for none. */
export function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}
