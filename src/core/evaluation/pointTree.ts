// The nearest of a set of voxels, by a k-d tree (Friedman, Bentley, Finkel, "An Algorithm for Finding Best Matches in
// Logarithmic Expected Time", 1977).
import type { Spacing, Zyx } from '@/shared/geometry';
import type { Stepwise } from '@/shared/stepwise';

/** Points of a leaf, which are looked at one by one. */
const LEAF = 12;
/** Nodes of more points than this are split step by step. */
const STEP = 1 << 14;

/** Voxels of a grid, to be asked for the nearest. */
export interface PointTree {
  /** Squared distance, mm², of a voxel's centre to the nearest point. Fastest for a voxel near the one asked for before. */
  squaredDistance(index: number): number;
}

/** Plants a tree of voxels by their indices in `[z, y, x]`; at least one. `spacing` in mm. */
export function* pointTree(
  indices: Int32Array,
  [, ny, nx]: Zyx,
  spacing: Spacing,
): Stepwise<undefined, PointTree> {
  const [sz, sy, sx] = spacing;
  const count = indices.length;
  const zs = new Uint16Array(count);
  const ys = new Uint16Array(count);
  const xs = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const row = Math.floor(indices[i] / nx);
    xs[i] = indices[i] - row * nx;
    zs[i] = Math.floor(row / ny);
    ys[i] = row - zs[i] * ny;
  }
  const coordinates = [zs, ys, xs] as const;
  /** By the middle of each node's range: the axis across which it is split. */
  const axes = new Uint8Array(count);
  const large: (readonly [from: number, to: number])[] = [[0, count]];
  for (let range = large.pop(); range; range = large.pop()) {
    const [from, to] = range;
    if (to - from <= STEP) {
      split(from, to);
    } else {
      const middle = halve(from, to);
      large.push([from, middle], [middle + 1, to]);
      yield;
    }
  }

  function split(from: number, to: number): void {
    if (to - from <= LEAF) return;
    const middle = halve(from, to);
    split(from, middle);
    split(middle + 1, to);
  }

  /** Puts the median of the node's widest axis into the middle, smaller ones before it; returns where that is. */
  function halve(from: number, to: number): number {
    const axis = widestAxis(from, to);
    const middle = (from + to) >>> 1;
    selectMiddle(coordinates[axis], from, to - 1, middle);
    axes[middle] = axis;
    return middle;
  }

  function widestAxis(from: number, to: number): 0 | 1 | 2 {
    const widths = coordinates.map((values, axis) => {
      let [least, most] = [values[from], values[from]];
      for (let i = from + 1; i < to; i++) {
        if (values[i] < least) least = values[i];
        else if (values[i] > most) most = values[i];
      }
      return (most - least) * spacing[axis];
    });
    if (widths[0] >= widths[1] && widths[0] >= widths[2]) return 0;
    return widths[1] >= widths[2] ? 1 : 2;
  }

  /** Hoare's selection. */
  function selectMiddle(values: Uint16Array, first: number, last: number, middle: number): void {
    let [low, high] = [first, last];
    while (low < high) {
      const pivot = values[(low + high) >>> 1];
      let [i, j] = [low, high];
      while (i <= j) {
        while (values[i] < pivot) i++;
        while (values[j] > pivot) j--;
        if (i <= j) swap(i++, j--);
      }
      if (middle <= j) high = j;
      else if (middle >= i) low = i;
      else return;
    }
  }

  function swap(i: number, j: number): void {
    for (const values of coordinates) {
      const kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
  }

  let [z, y, x] = [0, 0, 0];
  let best = 0;
  let nearest = 0;

  function look(i: number): void {
    const dz = (z - zs[i]) * sz;
    const dy = (y - ys[i]) * sy;
    const dx = (x - xs[i]) * sx;
    const squared = dz * dz + dy * dy + dx * dx;
    if (squared < best) {
      best = squared;
      nearest = i;
    }
  }

  function search(from: number, to: number): void {
    if (to - from <= LEAF) {
      for (let i = from; i < to; i++) look(i);
      return;
    }
    const middle = (from + to) >>> 1;
    const axis = axes[middle];
    const beyond =
      axis === 0 ? (z - zs[middle]) * sz : axis === 1 ? (y - ys[middle]) * sy : (x - xs[middle]) * sx;
    look(middle);
    if (beyond < 0) search(from, middle);
    else search(middle + 1, to);
    if (beyond * beyond >= best) return;
    if (beyond < 0) search(middle + 1, to);
    else search(from, middle);
  }

  return {
    squaredDistance(index) {
      const row = Math.floor(index / nx);
      x = index - row * nx;
      z = Math.floor(row / ny);
      y = row - z * ny;
      best = Number.POSITIVE_INFINITY;
      look(nearest);
      if (best > 0) search(0, count);
      return best;
    },
  };
}
