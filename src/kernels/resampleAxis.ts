import type { Gpu } from '@/gpu/device';
import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import source from './resampleAxis.wgsl?raw';

/** One axis of a separable resize as a banded matrix, the same number of samples for every output. */
export interface AxisTaps {
  readonly nIn: number;
  readonly nOut: number;
  readonly taps: number;
  /** First input sample per output, `[nOut]`; `start + taps ≤ nIn`. */
  readonly start: Uint32Array;
  /** `[nOut, taps]` */
  readonly weights: Float32Array;
}

/** {@link AxisTaps} on the device. */
export interface GpuAxisTaps {
  readonly nIn: number;
  readonly nOut: number;
  readonly taps: number;
  readonly start: GpuArray;
  readonly weights: GpuArray;
}

const WORKGROUP_SIZE = 64;

/** The uniform a launch takes: how `x` is seen, and how many consecutive `outer` share a pair of `ranges`. */
export function resampleAxisParams(
  axis: Pick<AxisTaps, 'nIn' | 'nOut'>,
  inner: number,
  outerPerRange: number,
): Uint32Array {
  return Uint32Array.of(axis.nIn, axis.nOut, inner, outerPerRange);
}

/**
 * Resamples one axis: `x` `[outer, nIn, inner]` → `y` `[outer, nOut, inner]`, f32, then clamps. `ranges`: `[r, 2]`
 * lowest and highest value, the pair `min(floor(outer / outerPerRange), r − 1)`. `params`: {@link resampleAxisParams}.
 */
export function resampleAxis(
  gpu: Pick<Gpu, 'limits'>,
  x: GpuArray,
  axis: GpuAxisTaps,
  ranges: GpuArray,
  y: GpuArray,
  params: GPUBuffer,
): Dispatch {
  const [columns, rows] = foldGrid(gpu, Math.ceil(y.size / WORKGROUP_SIZE));
  return {
    label: 'resampleAxis',
    source,
    entryPoint: 'resample',
    constants: { taps: axis.taps },
    bindings: [x, axis.start, axis.weights, ranges, y],
    uniform: params,
    workgroups: [columns, rows, 1],
  };
}
