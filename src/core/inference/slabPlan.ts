// How much of the volume is accumulated at a time. Windows are visited slice position by slice position; only the
// slices that a window can still touch are kept (a ring), so memory does not grow with the length of the volume. Where
// even the ring is too large, the image is split into blocks of rows: windows across a border are computed for both
// blocks, which costs time and changes no value.

import type { Zyx } from '@/shared/geometry';
import type { GridAxisTaps } from './gridTaps';

const BYTES_PER_VALUE = 4;

/** Rows `[firstRow, firstRow + rows)` of the padded image, from which rows `[outStart, outEnd)` of the case are made. */
export interface RowBlock {
  readonly firstRow: number;
  readonly rows: number;
  readonly outStart: number;
  readonly outEnd: number;
}

export interface SlabPlan {
  /** Slices kept at a time: the window's depth and one below for interpolation. */
  readonly ringDepth: number;
  readonly blocks: readonly RowBlock[];
  /** Classes whose sums share a buffer. */
  readonly classesPerGroup: number;
  /** Bytes of sums and weights. */
  readonly accumulatorBytes: number;
  /** Windows to compute, those repeated for several blocks counted each time. */
  readonly windows: number;
  /** How many of them are repeats. */
  readonly repeatedWindows: number;
}

export interface SlabPlanRequest {
  /** Network grid with padding. */
  readonly paddedShape: Zyx;
  readonly patchSize: Zyx;
  readonly starts: readonly (readonly number[])[];
  /** Rows of the case's grid from rows of the padded grid. */
  readonly rowTaps: GridAxisTaps;
  readonly classes: number;
  /** Largest range one binding may have, bytes. */
  readonly bindingLimit: number;
  /** What sums and weights may take, bytes. */
  readonly budgetBytes: number;
}

/**
 * The fewest blocks that fit the budget. When none does, the smallest that the adapter can bind: the caller sees it
 * in `accumulatorBytes`.
 */
export function planSlabs(request: SlabPlanRequest): SlabPlan {
  const outRows = request.rowTaps.lower.length;
  let smallest: SlabPlan | undefined;
  for (let count = 1; count <= outRows; count = count < 8 ? count + 1 : Math.ceil(count * 1.25)) {
    const plan = withBlocks(request, count);
    if (plan.classesPerGroup < 1) continue;
    if (plan.accumulatorBytes <= request.budgetBytes) return plan;
    if (!smallest || plan.accumulatorBytes < smallest.accumulatorBytes) smallest = plan;
  }
  return smallest ?? withBlocks(request, outRows);
}

function withBlocks(request: SlabPlanRequest, count: number): SlabPlan {
  const { paddedShape, patchSize, starts, rowTaps, classes, bindingLimit } = request;
  const outRows = rowTaps.lower.length;
  const blocks = Array.from({ length: count }, (_, i): RowBlock => {
    const outStart = Math.floor((outRows * i) / count);
    const outEnd = Math.floor((outRows * (i + 1)) / count);
    const firstRow = rowTaps.lower[outStart];
    return { firstRow, rows: rowTaps.upper[outEnd - 1] + 1 - firstRow, outStart, outEnd };
  });
  const ringDepth = Math.min(paddedShape[0], patchSize[0] + 1);
  const largestBlock = Math.max(...blocks.map((block) => block.rows));
  const bytesPerClass = ringDepth * largestBlock * paddedShape[2] * BYTES_PER_VALUE;
  const windowBytes = patchSize[0] * patchSize[1] * patchSize[2] * BYTES_PER_VALUE;
  // A group's sums are one binding, and so are its logits of one window (whose start is rounded down to 256 bytes).
  const classesPerGroup = Math.min(
    classes,
    Math.floor(bindingLimit / bytesPerClass),
    Math.floor((bindingLimit - 256) / windowBytes),
  );
  const rowPositions = blocks.reduce(
    (total, block) => total + startsInBlock(starts[1], patchSize[1], block).length,
    0,
  );
  const perRowPosition = starts[0].length * starts[2].length;
  return {
    ringDepth,
    blocks,
    classesPerGroup,
    accumulatorBytes: bytesPerClass * (classes + 1),
    windows: perRowPosition * rowPositions,
    repeatedWindows: perRowPosition * (rowPositions - starts[1].length),
  };
}

/** Window positions along y that touch the block. */
export function startsInBlock(starts: readonly number[], patch: number, block: RowBlock): number[] {
  return starts.filter((start) => start < block.firstRow + block.rows && start + patch > block.firstRow);
}
