// Axis orders. Arrays are row-major [z, y, x], x fastest, which is NIfTI's own memory order; x, y, z order
// lives only in file readers and the viewer.

type Triple = readonly [number, number, number];

/** Array order, slowest axis first. A plain triple fits; an `Xyz` does not. */
export type Zyx = Triple & { readonly order?: 'zyx' };
/** World or file order, as in NIfTI headers and NiiVue. */
export type Xyz = Triple & { readonly order?: 'xyz' };
/** Voxel size, mm, array order. */
export type Spacing = Zyx;
/** Half-open box, `[start, end)` per axis, array order. */
export type BoundingBox = readonly [
  readonly [number, number],
  readonly [number, number],
  readonly [number, number],
];

/** Number of elements of an array of this shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Size of the box per axis. */
export function boxShape(box: BoundingBox): Zyx {
  return [box[0][1] - box[0][0], box[1][1] - box[1][0], box[2][1] - box[2][0]];
}

/** `[values[order[0]], values[order[1]], values[order[2]]]`. */
export function permute(values: readonly number[], order: readonly number[]): Zyx {
  return [values[order[0]], values[order[1]], values[order[2]]];
}

/**
 * Sizes along z, y, x as people read them: `512 × 512 × 300`, x first as viewers and ITK count, with at most `digits`
 * digits after the point. Sizes along the network's axes are shown by {@link formatNetworkXyz}, arrays in their own order
 * by {@link formatShape}.
 */
export function formatXyz(zyx: readonly number[], digits?: number): string {
  const text = (value: number) => (digits === undefined ? `${value}` : `${Number(value.toFixed(digits))}`);
  return zyx.toReversed().map(text).join(' × ');
}

/**
 * Values along the axes of a network, as plans have them, in the order in which people read them: x, y, z of the image. A
 * pair is that of a 2D configuration, which leaves out the network's first axis. `transposeBackward`: of the plans.
 */
export function xyzOfNetwork<T>(values: readonly T[], transposeBackward: readonly number[]): readonly T[] {
  const first = transposeBackward.length - values.length;
  return transposeBackward
    .filter((axis) => axis >= first)
    .map((axis) => values[axis - first])
    .toReversed();
}

/** The inverse of {@link xyzOfNetwork}: values that a person gave as x, y, z along the axes of the network. */
export function networkOfXyz<T>(xyz: readonly T[], transposeBackward: readonly number[]): readonly T[] {
  const axes = xyzOfNetwork(
    xyz.map((_, axis) => axis),
    transposeBackward,
  );
  return xyz.map((_, axis) => xyz[axes.indexOf(axis)]);
}

/** {@link formatXyz} of sizes along the axes of a network: a patch, a spacing, or a pair of a 2D configuration. */
export function formatNetworkXyz(
  values: readonly number[],
  transposeBackward: readonly number[],
  digits?: number,
): string {
  return formatXyz(xyzOfNetwork(values, transposeBackward).toReversed(), digits);
}

/** `3 × 4 × 5`: the shape of an array or a tensor, in its own order. */
export function formatShape(shape: readonly number[]): string {
  return shape.join(' × ');
}
