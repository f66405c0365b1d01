// The largest component of a mask. Voxels that touch at a face, an edge or a corner are of one component. Runs along x
// are joined instead of voxels, so that the work grows with what is marked, and memory with its surface.

import type { LabelOrRegion } from '@/core/evaluation/metrics';
import type { LabelVoxels } from '@/core/preprocessing/exportPrediction';
import type { Zyx } from '@/shared/geometry';

/** Marked voxels of one row, `[start, end)` as indices into the volume, by row. */
interface Runs {
  readonly count: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Of each row the first run; one more at the end. */
  readonly rowStarts: Int32Array;
}

/**
 * The label map with all but the largest component of `members`' union set to `background`; components that are equally
 * large all stay. `labels`: `[z, y, x]`, which is returned itself where nothing changes.
 *
 * Follows nnU-Net's `remove_all_but_largest_component_from_segmentation`.
 */
export function keepLargestComponent(
  labels: LabelVoxels,
  shape: Zyx,
  members: readonly LabelOrRegion[],
  background = 0,
): LabelVoxels {
  const runs = runsOf(labels, shape, marksOf(members));
  const parents = joinRuns(runs, shape);
  const sizes = new Float64Array(runs.count);
  for (let run = 0; run < runs.count; run++) {
    sizes[rootOf(parents, run)] += runs.ends[run] - runs.starts[run];
  }
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  let result = labels;
  for (let run = 0; run < runs.count; run++) {
    if (sizes[rootOf(parents, run)] === largest) continue;
    if (result === labels) result = labels.slice();
    result.fill(background, runs.starts[run], runs.ends[run]);
  }
  return result;
}

/** 1 at every label of the union. */
function marksOf(members: readonly LabelOrRegion[]): Uint8Array {
  const marks = new Uint8Array(1 << 16);
  for (const label of members.flat()) if (label >= 0 && label < marks.length) marks[label] = 1;
  return marks;
}

function runsOf(labels: LabelVoxels, [depth, height, width]: Zyx, marks: Uint8Array): Runs {
  const rows = depth * height;
  const rowStarts = new Int32Array(rows + 1);
  let starts = new Int32Array(1024);
  let ends = new Int32Array(1024);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    rowStarts[row] = count;
    const end = (row + 1) * width;
    for (let i = row * width; i < end; ) {
      if (marks[labels[i]] === 0) {
        i++;
        continue;
      }
      if (count === starts.length) [starts, ends] = [doubled(starts), doubled(ends)];
      starts[count] = i++;
      while (i < end && marks[labels[i]] === 1) i++;
      ends[count++] = i;
    }
  }
  rowStarts[rows] = count;
  return { count, starts, ends, rowStarts };
}

function doubled(values: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * values.length);
  larger.set(values);
  return larger;
}

/** The four rows before one, as steps of z and y, whose voxels may touch its own. */
const ROWS_BEFORE = [
  [0, -1],
  [-1, -1],
  [-1, 0],
  [-1, 1],
] as const;

/** Of each run another of its component, itself for one of them. */
function joinRuns(runs: Runs, [depth, height, width]: Zyx): Int32Array {
  const parents = Int32Array.from({ length: runs.count }, (_, run) => run);
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const row = z * height + y;
      if (runs.rowStarts[row] === runs.rowStarts[row + 1]) continue;
      for (const [dz, dy] of ROWS_BEFORE) {
        const isInside = z + dz >= 0 && y + dy >= 0 && y + dy < height;
        if (isInside) joinRows(runs, parents, row, row + dz * height + dy, width);
      }
    }
  }
  return parents;
}

/** Joins what touches of two rows, walking both at once. */
function joinRows(runs: Runs, parents: Int32Array, row: number, other: number, width: number): void {
  const { starts, ends, rowStarts } = runs;
  const shift = (row - other) * width;
  const lastA = rowStarts[row + 1];
  const lastB = rowStarts[other + 1];
  let a = rowStarts[row];
  let b = rowStarts[other];
  while (a < lastA && b < lastB) {
    const start = starts[b] + shift;
    const end = ends[b] + shift;
    // A corner is enough: one beside the other at the same height.
    if (start <= ends[a] && starts[a] <= end) join(parents, a, b);
    if (end < ends[a]) b++;
    else a++;
  }
}

function join(parents: Int32Array, a: number, b: number): void {
  const left = rootOf(parents, a);
  const right = rootOf(parents, b);
  if (left < right) parents[right] = left;
  else parents[left] = right;
}

/** Shortens the way for those that ask next. */
function rootOf(parents: Int32Array, run: number): number {
  let at = run;
  while (parents[at] !== at) {
    parents[at] = parents[parents[at]];
    at = parents[at];
  }
  return at;
}
