// Resizing one channel on the GPU, f32: x, then y, then z, in bands of output rows that fit the adapter's buffers.

import { allocate, arrayOf, readFloats, uniformBuffer, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type Dispatch, type GpuArray, runDispatches } from '@/gpu/dispatch';
import {
  type AxisTaps,
  type GpuAxisTaps,
  type ResampleAxisView,
  resampleAxis,
  resampleAxisParams,
} from '@/kernels/resampleAxis';
import type { Zyx } from '@/shared/geometry';
import { bandedTaps, tapsRange } from './axisTaps';
import { clipRanges, planZ, type ResizeMethod } from './resizeVolume';
import { planAxis } from './splineAxis';

/** Largest buffer of a band; two are held at a time. */
const BAND_BYTES = 128 * 2 ** 20;
const MAX_F32 = 3.4028234663852886e38;

/** Called between bands with the share that is done; may throw to stop. */
export type OnShare = (share: number) => void;

/** A volume's three axes; `undefined` where the size stays. */
type VolumeTaps = readonly [AxisTaps | undefined, AxisTaps, AxisTaps | undefined];

/**
 * Resizes `source` `[z, y, x]` of `shape` into `target` of `newShape`. `false`, with nothing done, where even a single
 * output row exceeds the adapter's buffers. Throws `GpuOutOfMemory` where they cannot be had.
 */
export async function resizeVolumeGpu(
  gpu: Gpu,
  source: Float32Array,
  shape: Zyx,
  target: Float32Array,
  newShape: Zyx,
  method: ResizeMethod,
  onShare?: OnShare,
): Promise<boolean> {
  const axes = volumeTaps(shape, newShape, method);
  const limit = Math.min(BAND_BYTES, gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize);
  const bandRows = rowsPerBand(axes, shape, newShape, limit);
  if (bandRows === undefined) return false;
  const held: GPUBuffer[] = [];
  try {
    const hold = <T extends { readonly buffer: GPUBuffer }>(array: T): T => {
      held.push(array.buffer);
      return array;
    };
    const bytes = 4 * bandSamples(axes, shape, newShape, bandRows);
    const buffers = [
      hold({ buffer: await allocate(gpu, bytes, 'resampling band') }).buffer,
      hold({ buffer: await allocate(gpu, bytes, 'resampling band') }).buffer,
    ] as const;
    const ranges = hold(await upload(gpu, clipRanges(source, shape, method.clip), 'clip ranges'));
    const noRange = hold(await upload(gpu, Float32Array.of(-MAX_F32, MAX_F32), 'no clip range'));
    const place = async (axis: AxisTaps): Promise<GpuAxisTaps> => ({
      ...axis,
      start: hold(await upload(gpu, axis.start, 'first samples')),
      weights: hold(await upload(gpu, axis.weights, 'resampling weights')),
    });
    const planeTaps = axes[0] && (await place(axes[0]));
    const columnTaps = axes[2] && (await place(axes[2]));
    for (let from = 0; from < newShape[1]; from += bandRows) {
      const rows = tapsRange(axes[1], from, Math.min(from + bandRows, newShape[1]));
      const size = uploadRows(gpu, buffers[0], source, shape, rows.first, rows.nIn);
      const passes = bandPasses(rows.nIn, shape, newShape, {
        x: columnTaps,
        y: shape[1] === newShape[1] ? undefined : await place(rows),
        z: planeTaps,
      });
      const result = runPasses(gpu, buffers, size, passes, { ranges, noRange, clip: method.clip, held });
      const band = await readFloats(gpu, result);
      storeRows(band, target, newShape, from, rows.nOut);
      onShare?.((from + rows.nOut) / newShape[1]);
    }
    return true;
  } finally {
    for (const buffer of held) buffer.destroy();
  }
}

function volumeTaps(shape: Zyx, newShape: Zyx, method: ResizeMethod): VolumeTaps {
  const plane = planZ(shape[0], newShape[0], method);
  const inPlane = (axis: 1 | 2) =>
    bandedTaps(
      planAxis(shape[axis], newShape[axis], shape[axis] === newShape[axis] ? 0 : method.orderInPlane),
    );
  return [plane && bandedTaps(plane), inPlane(1), shape[2] === newShape[2] ? undefined : inPlane(2)];
}

/** Output rows per band so that no array exceeds `limit` bytes; `undefined` if not even one row fits. */
function rowsPerBand(axes: VolumeTaps, shape: Zyx, newShape: Zyx, limit: number): number | undefined {
  for (let bands = 1; bands <= newShape[1]; bands++) {
    const rows = Math.ceil(newShape[1] / bands);
    if (4 * bandSamples(axes, shape, newShape, rows) <= limit) return rows;
  }
  return undefined;
}

/** Samples of the largest array that any band of `rows` output rows passes through. */
function bandSamples(axes: VolumeTaps, shape: Zyx, newShape: Zyx, rows: number): number {
  let rowsIn = 0;
  for (let from = 0; from < newShape[1]; from += rows) {
    const to = Math.min(from + rows, newShape[1]);
    rowsIn = Math.max(rowsIn, axes[1].start[to - 1] + axes[1].taps - axes[1].start[from]);
  }
  return Math.max(
    shape[0] * rowsIn * Math.max(shape[2], newShape[2]),
    Math.max(shape[0], newShape[0]) * rows * newShape[2],
  );
}

/** Writes rows `[first, first + count)` of every slice to the buffer; the number of samples written. */
function uploadRows(
  gpu: Gpu,
  buffer: GPUBuffer,
  source: Float32Array,
  [nZ, nY, nX]: Zyx,
  first: number,
  count: number,
): number {
  const write = (at: number, start: number, size: number) =>
    gpu.device.queue.writeBuffer(buffer, 4 * at, source as GPUAllowSharedBufferSource, start, size);
  const size = count * nX;
  if (count === nY) write(0, 0, nZ * size);
  else for (let z = 0; z < nZ; z++) write(z * size, (z * nY + first) * nX, size);
  return nZ * size;
}

/** One pass over an axis. */
interface Pass {
  readonly axis: GpuAxisTaps;
  /** A slice is one range. */
  readonly view: ResampleAxisView;
  readonly isInPlane: boolean;
}

function bandPasses(
  rowsIn: number,
  shape: Zyx,
  newShape: Zyx,
  axes: Readonly<Record<'x' | 'y' | 'z', GpuAxisTaps | undefined>>,
): Pass[] {
  const passes: Pass[] = [];
  if (axes.x) passes.push({ axis: axes.x, view: { inner: 1, outerPerRange: rowsIn }, isInPlane: true });
  if (axes.y) passes.push({ axis: axes.y, view: { inner: newShape[2], outerPerRange: 1 }, isInPlane: true });
  if (axes.z) {
    const inner = (axes.y ? axes.y.nOut : rowsIn) * newShape[2];
    passes.push({ axis: axes.z, view: { inner, outerPerRange: shape[0] }, isInPlane: false });
  }
  return passes;
}

interface ClipRanges {
  readonly ranges: GpuArray;
  readonly noRange: GpuArray;
  readonly clip: ResizeMethod['clip'];
  /** Buffers to destroy in the end. */
  readonly held: GPUBuffer[];
}

/** Runs the passes back and forth between the two buffers; where the result lies. */
function runPasses(
  gpu: Gpu,
  buffers: readonly [GPUBuffer, GPUBuffer],
  size: number,
  passes: readonly Pass[],
  { ranges, noRange, clip, held }: ClipRanges,
): GpuArray {
  const clipped = clip === 'volume' ? passes.at(-1) : passes.findLast((pass) => pass.isInPlane);
  let x = arrayOf(buffers[0], size);
  const dispatches: Dispatch[] = passes.map((pass, i) => {
    const y = arrayOf(buffers[(i + 1) % 2], (x.size / pass.axis.nIn) * pass.axis.nOut);
    const params = uniformBuffer(gpu, resampleAxisParams(pass.axis, pass.view), 'resampling sizes');
    held.push(params);
    const range = pass === clipped ? ranges : noRange;
    const dispatch = resampleAxis(gpu, x, pass.axis, pass.view, range, y, params);
    x = y;
    return dispatch;
  });
  runDispatches(gpu, dispatches);
  return x;
}

/** Writes a band `[nZ, count, nX]` to rows `[from, from + count)` of every slice of the target. */
function storeRows(band: Float32Array, target: Float32Array, [nZ, nY, nX]: Zyx, from: number, count: number) {
  const size = count * nX;
  if (count === nY) target.set(band);
  else {
    for (let z = 0; z < nZ; z++) {
      target.set(band.subarray(z * size, (z + 1) * size), (z * nY + from) * nX);
    }
  }
}
