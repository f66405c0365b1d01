import { allocate, arrayOf } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import {
  BYTES_PER_ELEMENT,
  type GpuArray,
  type PreparedDispatch,
  prepare,
  submitDispatches,
} from '@/gpu/dispatch';
import {
  accumulateWindow,
  slicesKernel,
  WINDOW_PARAMETERS_BYTES,
  type WindowBindings,
  type WindowParameters,
  writeWindowParameters,
} from '@/kernels/slidingWindow';
import { elementCount, type Zyx } from '@/shared/geometry';
import type { RowBlock, SlabPlan } from './slabPlan';

const UNIFORM_USAGE = 0x40 | 0x08; // UNIFORM | COPY_DST
/** Offsets of storage bindings are multiples of this many bytes. */
const BINDING_ALIGNMENT = 256;

/** Classes whose sums share one buffer `[count, ringDepth, rows, width]`. */
export interface ClassGroup {
  readonly firstClass: number;
  readonly count: number;
  readonly sums: GpuArray;
}

interface GroupKernels {
  readonly group: ClassGroup;
  readonly uniform: GPUBuffer;
  readonly logitsBase: number;
  readonly accumulate: PreparedDispatch;
  readonly normalise: PreparedDispatch;
  readonly clear: PreparedDispatch;
}

/** One pass of the network over one window. */
export interface WindowPass {
  /** First voxel in the padded image. */
  readonly start: Zyx;
  /** Axes that were mirrored before the network saw the window. */
  readonly mirroredAxes: readonly number[];
  /** True once per window: its importance is counted. */
  readonly addsWeight: boolean;
  /** Weight of this pass among the folds and mirrored passes of the window. */
  readonly share: number;
}

/** What {@link WindowAccumulator.create} needs to know. */
export interface AccumulatorRequest {
  readonly plan: SlabPlan;
  readonly paddedShape: Zyx;
  readonly patchSize: Zyx;
  /** The network's output of one window, `[k, z, y, x]`. */
  readonly logits: GpuArray;
  /** `[z, y, x]` of the window. */
  readonly importance: GpuArray;
  readonly classes: number;
}

/**
 * Sums of weighted logits for one block of rows, over a ring of slices. Owns its buffers; everything it runs is
 * prepared when it is made.
 */
export class WindowAccumulator {
  readonly groups: readonly ClassGroup[];
  private readonly gpu: Gpu;
  private readonly request: AccumulatorRequest;
  private readonly kernels: readonly GroupKernels[];
  private readonly weights: GpuArray;
  private block: RowBlock;

  private constructor(gpu: Gpu, request: AccumulatorRequest, weights: GpuArray, sums: readonly GpuArray[]) {
    this.gpu = gpu;
    this.request = request;
    this.weights = weights;
    this.block = request.plan.blocks[0];
    this.kernels = sums.map((array, i) => this.prepareGroup(array, i * request.plan.classesPerGroup));
    this.groups = this.kernels.map((kernel) => kernel.group);
  }

  /** Allocates for the largest block of the plan. Throws `GpuOutOfMemory`; nothing stays allocated then. */
  static async create(gpu: Gpu, request: AccumulatorRequest): Promise<WindowAccumulator> {
    const { plan, paddedShape, classes } = request;
    const rows = Math.max(...plan.blocks.map((block) => block.rows));
    const voxels = plan.ringDepth * rows * paddedShape[2];
    const sizes = [voxels];
    for (let first = 0; first < classes; first += plan.classesPerGroup) {
      sizes.push(voxels * Math.min(plan.classesPerGroup, classes - first));
    }
    const arrays: GpuArray[] = [];
    try {
      for (const size of sizes) {
        arrays.push(arrayOf(await allocate(gpu, size * BYTES_PER_ELEMENT.f32, 'sliding-window sums'), size));
      }
    } catch (error) {
      for (const { buffer } of arrays) buffer.destroy();
      throw error;
    }
    return new WindowAccumulator(gpu, request, arrays[0], arrays.slice(1));
  }

  /** Starts a block of rows with empty sums. */
  beginBlock(block: RowBlock): void {
    this.block = block;
    this.clearSlices(0, this.request.plan.ringDepth);
  }

  /** Empties the ring slots that slices `first … end − 1` will use. */
  clearSlices(first: number, end: number): void {
    this.submitSlices('clear', first, end);
  }

  /** Turns the sums of slices `first … end − 1`, which no window touches any more, into mean logits. */
  normaliseSlices(first: number, end: number): void {
    this.submitSlices('normalise', first, end);
  }

  /** Adds the logits that the network has just written for one window. */
  add(pass: WindowPass): void {
    this.submit(
      this.kernels.map((kernel) => kernel.accumulate),
      {
        start: pass.start,
        flip: [0, 1, 2].map((axis) => (pass.mirroredAxes.includes(axis) ? 1 : 0)) as [number, number, number],
        share: pass.share,
        firstSlice: 0,
        slices: 0,
      },
      pass.addsWeight,
    );
  }

  /** Frees the buffers. */
  destroy(): void {
    this.weights.buffer.destroy();
    for (const { group, uniform } of this.kernels) {
      group.sums.buffer.destroy();
      uniform.destroy();
    }
  }

  private submitSlices(kind: 'clear' | 'normalise', first: number, end: number): void {
    if (end <= first) return;
    this.submit(
      this.kernels.map((kernel) => kernel[kind]),
      { start: [0, 0, 0], flip: [0, 0, 0], share: 0, firstSlice: first, slices: end - first },
      true,
    );
  }

  /** Only the first group counts (or clears) the weights, which all groups share. */
  private submit(
    dispatches: readonly PreparedDispatch[],
    call: Pick<WindowParameters, 'start' | 'flip' | 'share' | 'firstSlice' | 'slices'>,
    addsWeight: boolean,
  ): void {
    const { plan, patchSize, paddedShape } = this.request;
    for (const [i, { group, uniform, logitsBase }] of this.kernels.entries()) {
      writeWindowParameters(this.gpu.device.queue, uniform, {
        ...call,
        patch: patchSize,
        classes: group.count,
        logitsBase,
        ringDepth: plan.ringDepth,
        firstRow: this.block.firstRow,
        rows: this.block.rows,
        width: paddedShape[2],
        addsWeight: addsWeight && i === 0,
      });
    }
    submitDispatches(this.gpu, dispatches);
  }

  private prepareGroup(sums: GpuArray, firstClass: number): GroupKernels {
    const { gpu, weights } = this;
    const { patchSize, classes, plan } = this.request;
    const count = Math.min(plan.classesPerGroup, classes - firstClass);
    const uniform = gpu.device.createBuffer({
      label: 'window parameters',
      size: WINDOW_PARAMETERS_BYTES,
      usage: UNIFORM_USAGE,
    });
    const bindings: WindowBindings = { sums, weights, uniform };
    const windowVoxels = elementCount(patchSize);
    const { array: logits, base: logitsBase } = alignedRange(
      this.request.logits,
      firstClass * windowVoxels,
      count * windowVoxels,
    );
    const { importance } = this.request;
    const ringVoxels = weights.size;
    return {
      group: { firstClass, count, sums },
      uniform,
      logitsBase,
      accumulate: prepare(gpu, accumulateWindow(gpu, bindings, logits, importance, windowVoxels)),
      normalise: prepare(gpu, slicesKernel(gpu, 'normalise', bindings, ringVoxels)),
      clear: prepare(gpu, slicesKernel(gpu, 'clear', bindings, ringVoxels)),
    };
  }
}

/** Elements `[start, start + count)` as a binding: its offset is rounded down, `base` is where the elements begin in it. */
function alignedRange(array: GpuArray, start: number, count: number): { array: GpuArray; base: number } {
  const perAlignment = BINDING_ALIGNMENT / BYTES_PER_ELEMENT[array.dtype];
  const base = start % perAlignment;
  const offset = array.offset + (start - base) * BYTES_PER_ELEMENT[array.dtype];
  return { array: { ...array, offset, size: count + base }, base };
}
