/** A line of a description: what it is, and its value. */
export type Row = readonly [name: string, value: string];

/** Rows with their values in one column. */
export function formatRows(rows: readonly Row[], indent = ''): readonly string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, value]) => `${indent}${name.padEnd(width)}${value}`);
}

/** `0.001`, `12.35`, `1.2e+6`: enough digits to compare by eye. */
export function formatNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6
    ? String(value)
    : String(Number(value.toPrecision(5)));
}

/** Sizes along z, y, x of an image as people read them, x first, with enough digits to compare by eye. */
export function formatXyzSizes(zyx: readonly number[]): string {
  return formatSizes(zyx.toReversed());
}

/** `a × b × c`. */
export function formatSizes(values: readonly number[]): string {
  return values.map(formatNumber).join(' × ');
}
