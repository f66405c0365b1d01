import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { foldGrid } from '@/gpu/dispatch';
import { elementCount } from '@/shared/geometry';
import exportSource from './exportSlices.wgsl?raw';
import mirrorSource from './mirror.wgsl?raw';
import { ALIGNMENT_ELEMENTS, bindRange, planePieces } from './ranges';
import windowSource from './slidingWindow.wgsl?raw';

type Limits = { readonly limits: GPUSupportedLimits };
type Vec3 = readonly [number, number, number];

const WORKGROUP_SIZE = 64;

/** Bytes of the uniform block of {@link writeWindowParameters}. */
export const WINDOW_PARAMETERS_BYTES = 80;
/** Bytes of the uniform block of {@link writeExportParameters}. */
export const EXPORT_PARAMETERS_BYTES = 64;
/** Bytes of the uniform block of {@link writeMirrorParameters}. */
export const MIRROR_PARAMETERS_BYTES = 32;

/** The fields of `slidingWindow.wgsl`'s parameters; sizes in voxels. */
export interface WindowParameters {
  readonly patch: Vec3;
  readonly classes: number;
  readonly start: Vec3;
  readonly logitsBase: number;
  readonly flip: Vec3;
  readonly ringDepth: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly width: number;
  readonly addsWeight: boolean;
  readonly share: number;
  readonly firstSlice: number;
  readonly slices: number;
}

/** Queues new parameters; they hold for what is submitted afterwards. */
export function writeWindowParameters(queue: GPUQueue, uniform: GPUBuffer, p: WindowParameters): void {
  const words = new Uint32Array(WINDOW_PARAMETERS_BYTES / 4);
  words.set([...p.patch, p.classes, ...p.start, p.logitsBase, ...p.flip, p.ringDepth]);
  words.set([p.firstRow, p.rows, p.width, p.addsWeight ? 1 : 0], 12);
  new Float32Array(words.buffer)[16] = p.share;
  words.set([p.firstSlice, p.slices], 17);
  queue.writeBuffer(uniform, 0, words);
}

/** Buffers of one group of classes. `sums` `[k, ring, rows, width]`, `weights` `[ring, rows, width]`. */
export interface WindowBindings {
  readonly sums: GpuArray;
  readonly weights: GpuArray;
  readonly uniform: GPUBuffer;
}

/** Adds one window's weighted logits. `windowVoxels` threads. */
export function accumulateWindow(
  gpu: Limits,
  { sums, weights, uniform }: WindowBindings,
  logits: GpuArray,
  importance: GpuArray,
  windowVoxels: number,
): Dispatch {
  return {
    label: 'slidingWindow.accumulate',
    source: windowSource,
    entryPoint: 'accumulate',
    bindings: [sums, weights, logits, importance],
    uniform,
    workgroups: grid(gpu, windowVoxels),
  };
}

/** Divides finished slices by their weights, or makes slices ready for new sums. `voxels` = slices · rows · width. */
export function slicesKernel(
  gpu: Limits,
  entryPoint: 'normalise' | 'clear',
  { sums, weights, uniform }: WindowBindings,
  voxels: number,
): Dispatch {
  return {
    label: `slidingWindow.${entryPoint}`,
    source: windowSource,
    entryPoint,
    bindings: [sums, weights, undefined, undefined],
    uniform,
    workgroups: grid(gpu, voxels),
  };
}

/** The fields of `exportSlices.wgsl`'s parameters. */
export interface ExportParameters {
  readonly outSize: Vec3;
  readonly classes: number;
  readonly outStart: Vec3;
  readonly firstClass: number;
  readonly gridSize: Vec3;
  readonly ringDepth: number;
  readonly firstRow: number;
  readonly rows: number;
  readonly width: number;
  readonly startsAnew: boolean;
}

/** Queues new parameters; they hold for what is submitted afterwards. */
export function writeExportParameters(queue: GPUQueue, uniform: GPUBuffer, p: ExportParameters): void {
  queue.writeBuffer(
    uniform,
    0,
    Uint32Array.of(
      ...p.outSize,
      p.classes,
      ...p.outStart,
      p.firstClass,
      ...p.gridSize,
      p.ringDepth,
      p.firstRow,
      p.rows,
      p.width,
      p.startsAnew ? 1 : 0,
    ),
  );
}

/** Buffers of an export. `means`: normalised sums of one group; `best`, `labels`: one chunk of the case's grid. */
export interface ExportBindings {
  readonly means: GpuArray;
  readonly tables: GpuArray;
  readonly best: GpuArray;
  readonly labels: GpuArray;
  readonly labelOfClass: GpuArray;
  readonly uniform: GPUBuffer;
}

/** One chunk of `voxels` voxels: labels by softmax or by regions, or the logits of one class. */
export function exportSlices(
  gpu: Limits,
  entryPoint: 'argmax' | 'regions' | 'logits',
  { means, tables, best, labels, labelOfClass, uniform }: ExportBindings,
  voxels: number,
): Dispatch {
  const outputs = {
    argmax: [best, labels, labelOfClass],
    regions: [undefined, labels, labelOfClass],
    logits: [best, undefined, undefined],
  }[entryPoint];
  return {
    label: `exportSlices.${entryPoint}`,
    source: exportSource,
    entryPoint,
    bindings: [means, tables, ...outputs],
    uniform,
    workgroups: grid(gpu, voxels),
  };
}

/** Some channels of a window. */
export interface MirrorPiece {
  readonly start: number;
  readonly count: number;
}

/**
 * Channels of a window, as many at a time as one binding holds. Throws `PatchTooLarge` where it does not hold one.
 */
export function mirrorPieces({ limits }: Limits, size: Vec3, channels: number): MirrorPiece[] {
  return planePieces(channels, elementCount(size), limits);
}

/** Queues size and axes for {@link mirrorDispatch}. */
export function writeMirrorParameters(
  queue: GPUQueue,
  uniform: GPUBuffer,
  size: Vec3,
  piece: MirrorPiece,
  flip: Vec3,
): void {
  const base = (piece.start * elementCount(size)) % ALIGNMENT_ELEMENTS;
  queue.writeBuffer(uniform, 0, Uint32Array.of(...size, piece.count, ...flip, base));
}

/** Copies some channels of `source` `[c, z, y, x]`, f32, to `target` with axes reversed. */
export function mirrorDispatch(
  gpu: Limits,
  source: GpuArray,
  target: GpuArray,
  size: Vec3,
  piece: MirrorPiece,
  uniform: GPUBuffer,
): Dispatch {
  const voxels = elementCount(size);
  const range = (array: GpuArray) => bindRange(array, piece.start * voxels, piece.count * voxels).array;
  return {
    label: 'mirror',
    source: mirrorSource,
    entryPoint: 'mirror',
    bindings: [range(source), range(target)],
    uniform,
    workgroups: grid(gpu, piece.count * voxels),
  };
}

function grid(gpu: Limits, threads: number): Vec3 {
  return [...foldGrid(gpu, Math.ceil(threads / WORKGROUP_SIZE)), 1];
}
