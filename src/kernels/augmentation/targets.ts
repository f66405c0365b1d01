import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { elementCount, type Zyx } from '@/shared/geometry';
import type { KernelLimits } from '../ranges';
import { threadGrid } from './grid';
import source from './targets.wgsl?raw';

const LABELS = 256;

/**
 * What each byte of a voxel's target is, by label, `[256, bytesPerVoxel]`. A label map's byte is the label itself; of
 * regions, sets of labels, bit `r % 8` of byte `r / 8` says whether region `r` holds the label.
 */
export function targetBytes(regions: readonly ReadonlySet<number>[]): Uint32Array {
  if (regions.length === 0) return Uint32Array.from({ length: LABELS }, (_, label) => label);
  const bytesPerVoxel = Math.ceil(regions.length / 8);
  const bytes = new Uint32Array(LABELS * bytesPerVoxel);
  for (const [r, region] of regions.entries()) {
    for (const label of region) {
      if (label < LABELS) bytes[label * bytesPerVoxel + (r >> 3)] |= 1 << (r & 7);
    }
  }
  return bytes;
}

/** Words of one head's target; `bytes` are those of {@link targetBytes}. */
export function targetWords({
  batch,
  shape,
  bytes,
}: {
  readonly batch: number;
  readonly shape: Zyx;
  readonly bytes: number;
}): number {
  return Math.ceil((batch * elementCount(shape) * (bytes / LABELS)) / 4);
}

/**
 * One head's target of the whole batch. `labels` `[n, z, y, x]`, i32 in words, a sample each `labelStride`; `flips`
 * `[n, 4]`, u32, by axis; `bytes` of {@link targetBytes}; `nearest`, u32: the patch's voxel of each of the target's, axis
 * after axis; `target` packed, of {@link targetWords}.
 */
export function packTarget(args: {
  readonly limits: KernelLimits;
  readonly batch: number;
  readonly patchShape: Zyx;
  readonly shape: Zyx;
  readonly labels: GpuArray;
  readonly labelStride: number;
  readonly flips: GpuArray;
  readonly bytes: GpuArray;
  readonly nearest: GpuArray;
  readonly target: GpuArray;
}): Dispatch {
  const { limits, batch, patchShape, shape, labels, labelStride, flips, bytes, nearest, target } = args;
  const bytesPerVoxel = bytes.size / LABELS;
  return {
    label: 'targets.pack',
    source,
    entryPoint: 'packTarget',
    bindings: [labels, flips, bytes, nearest, target],
    uniform: Uint32Array.of(...patchShape, batch, ...shape, bytesPerVoxel, labelStride),
    workgroups: threadGrid(limits, target.size),
  };
}
