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

/** How `x` is seen in one launch. */
export interface ResampleAxisView {
  readonly inner: number;
  /** How many consecutive outer indices share a pair of `ranges`. */
  readonly outerPerRange: number;
}

/** Four neighbours at a time where rows divide evenly: a quarter of the loads. */
function samplesPerElement({ inner }: ResampleAxisView): 1 | 4 {
  return inner % 4 === 0 ? 4 : 1;
}

/** The uniform that {@link resampleAxis} takes. */
export function resampleAxisParams(
  { nIn, nOut }: Pick<AxisTaps, 'nIn' | 'nOut'>,
  view: ResampleAxisView,
): Uint32Array {
  return Uint32Array.of(nIn, nOut, view.inner / samplesPerElement(view), view.outerPerRange);
}

/**
 * Resamples one axis: `x` `[outer, nIn, inner]` → `y` `[outer, nOut, inner]`, f32, then clamps. `ranges`: `[r, 2]`
 * lowest and highest value, the pair `min(floor(outer / outerPerRange), r − 1)`. `params`: {@link resampleAxisParams}.
 */
export function resampleAxis(
  gpu: Pick<Gpu, 'limits'>,
  x: GpuArray,
  axis: GpuAxisTaps,
  view: ResampleAxisView,
  ranges: GpuArray,
  y: GpuArray,
  params: GPUBuffer,
): Dispatch {
  const samples = samplesPerElement(view);
  const [columns, rows] = foldGrid(gpu, Math.ceil(y.size / samples / WORKGROUP_SIZE));
  return {
    label: 'resampleAxis',
    source: `alias element = ${samples === 4 ? 'vec4f' : 'f32'};\n${source}`,
    entryPoint: 'resample',
    constants: { taps: axis.taps },
    bindings: [x, axis.start, axis.weights, ranges, y],
    uniform: params,
    workgroups: [columns, rows, 1],
  };
}
