import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { Zyx } from '@/shared/geometry';
import type { KernelLimits } from '../ranges';
import { threadGrid } from './grid';
import source from './lowResolution.wgsl?raw';

/** Where the voxels of one axis come from: `(1 − share) · x[below] + share · x[above]`. */
export interface AxisBlend {
  readonly below: ArrayLike<number>;
  readonly above: ArrayLike<number>;
  readonly share: Float32Array;
}

/** Words of the table of {@link lowResolutionTable}. */
export function lowResolutionTableSize(shape: Zyx): number {
  return 4 * (shape[0] + shape[1] + shape[2]);
}

/** The axes z, y, x as the shader reads them. */
export function lowResolutionTable(axes: readonly AxisBlend[]): Uint32Array {
  const size = axes.reduce((sum, { share }) => sum + share.length, 0);
  const table = new Uint32Array(4 * size);
  const floats = new Float32Array(table.buffer);
  let row = 0;
  for (const { below, above, share } of axes) {
    for (let i = 0; i < share.length; i++, row++) {
      table[4 * row] = below[i];
      table[4 * row + 1] = above[i];
      floats[4 * row + 2] = share[i];
    }
  }
  return table;
}

/** `x` `[z, y, x]` → `y`, another array of the same size, f32. `table`: {@link lowResolutionTable}, u32. */
export function lowResolution(args: {
  readonly limits: KernelLimits;
  readonly shape: Zyx;
  readonly x: GpuArray;
  readonly table: GpuArray;
  readonly y: GpuArray;
}): Dispatch {
  const { limits, shape, x, table, y } = args;
  return {
    label: 'lowResolution',
    source,
    entryPoint: 'simulate',
    bindings: [x, table, y],
    uniform: Uint32Array.of(...shape),
    workgroups: threadGrid(limits, y.size),
  };
}
