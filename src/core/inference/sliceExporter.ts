import type { LabelSet } from '@/core/interop/labels';
import { allocate, arrayOf, readback, readFloats, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import { type GpuArray, type PreparedDispatch, prepare, submitDispatches } from '@/gpu/dispatch';
import {
  EXPORT_PARAMETERS_BYTES,
  type ExportBindings,
  exportSlices,
  writeExportParameters,
} from '@/kernels/slidingWindow';
import { elementCount, type Zyx } from '@/shared/geometry';
import { assertFiniteLabels } from './finiteLogits';
import { type GridTaps, packTaps } from './gridTaps';
import type { RowBlock, SlabPlan } from './slabPlan';
import type { ClassGroup, WindowAccumulator } from './windowAccumulator';

const UNIFORM_USAGE = 0x40 | 0x08; // UNIFORM | COPY_DST
/** Largest piece of the case's grid that is made at a time, voxels. */
const CHUNK_VOXELS = 4 * 2 ** 20;
const BYTES_PER_VALUE = 4;

/** A stretch of slices and rows of the case's grid (x is whole). */
export interface SliceChunk {
  readonly start: Zyx;
  readonly size: Zyx;
}

export interface ExportRequest {
  readonly plan: SlabPlan;
  readonly taps: GridTaps;
  /** The case's grid. */
  readonly outShape: Zyx;
  /** Padded width of the network's grid. */
  readonly width: number;
  readonly labels: LabelSet;
}

/** Bytes that a {@link SliceExporter} allocates on the GPU. */
export function exporterBytes(outShape: Zyx): number {
  const tableEntries = 3 * (outShape[0] + outShape[1] + outShape[2]);
  return BYTES_PER_VALUE * (2 * chunkVoxels(outShape) + tableEntries);
}

/** A chunk is at least one slice, and no more than the whole grid. */
function chunkVoxels(outShape: Zyx): number {
  return Math.max(Math.min(CHUNK_VOXELS, elementCount(outShape)), outShape[1] * outShape[2]);
}

/** Makes labels or logits on the case's grid from finished slices, chunk by chunk. Owns its buffers. */
export class SliceExporter {
  private readonly gpu: Gpu;
  private readonly request: ExportRequest;
  private readonly accumulator: WindowAccumulator;
  private readonly tables: GpuArray;
  private readonly labelOfClass: GpuArray;
  private readonly best: GpuArray;
  private readonly labels: GpuArray;
  private readonly uniforms: readonly GPUBuffer[];

  private constructor(
    gpu: Gpu,
    request: ExportRequest,
    accumulator: WindowAccumulator,
    arrays: readonly [GpuArray, GpuArray, GpuArray, GpuArray],
  ) {
    this.gpu = gpu;
    this.request = request;
    this.accumulator = accumulator;
    [this.tables, this.labelOfClass, this.best, this.labels] = arrays;
    this.uniforms = accumulator.groups.map(() =>
      gpu.device.createBuffer({
        label: 'export parameters',
        size: EXPORT_PARAMETERS_BYTES,
        usage: UNIFORM_USAGE,
      }),
    );
  }

  static async create(
    gpu: Gpu,
    request: ExportRequest,
    accumulator: WindowAccumulator,
  ): Promise<SliceExporter> {
    const { taps, outShape, labels } = request;
    const voxels = chunkVoxels(outShape);
    const order = labels.hasRegions ? labels.regionsClassOrder : labels.allLabels;
    return new SliceExporter(gpu, request, accumulator, [
      await upload(gpu, packTaps(taps), 'interpolation tables'),
      await upload(gpu, Uint32Array.from(order), 'labels of classes'),
      arrayOf(await allocate(gpu, voxels * BYTES_PER_VALUE, 'exported slices'), voxels),
      arrayOf(await allocate(gpu, voxels * BYTES_PER_VALUE, 'exported labels'), voxels, 'u32'),
    ]);
  }

  /** The pieces in which slices `first … end − 1` of the block are exported. */
  chunks(block: RowBlock, first: number, end: number): SliceChunk[] {
    const rows = block.outEnd - block.outStart;
    const width = this.request.outShape[2];
    const slices = Math.max(1, Math.floor(this.best.size / (rows * width)));
    const chunks: SliceChunk[] = [];
    for (let z = first; z < end; z += slices) {
      chunks.push({ start: [z, block.outStart, 0], size: [Math.min(slices, end - z), rows, width] });
    }
    return chunks;
  }

  /** Labels of a chunk, `[z, y, x]`. Throws `LogitsNotFinite`. */
  async labelsOf(block: RowBlock, chunk: SliceChunk): Promise<Uint32Array> {
    const entryPoint = this.request.labels.hasRegions ? 'regions' : 'argmax';
    const voxels = chunk.size[0] * chunk.size[1] * chunk.size[2];
    this.run(entryPoint, block, chunk, this.accumulator.groups, (group) => group.firstClass);
    const labels = new Uint32Array(await readback(this.gpu, { ...this.labels, size: voxels }));
    assertFiniteLabels(labels);
    return labels;
  }

  /** Logits of one class in a chunk, `[z, y, x]`. */
  async logitsOf(block: RowBlock, chunk: SliceChunk, classIndex: number): Promise<Float32Array> {
    const group = this.accumulator.groups.find(
      ({ firstClass, count }) => classIndex >= firstClass && classIndex < firstClass + count,
    );
    if (!group) throw new Error(`logitsOf: class ${classIndex} is in no group`);
    const voxels = chunk.size[0] * chunk.size[1] * chunk.size[2];
    this.run('logits', block, chunk, [group], () => classIndex - group.firstClass);
    return readFloats(this.gpu, { ...this.best, size: voxels });
  }

  /** Frees the buffers. */
  destroy(): void {
    for (const { buffer } of [this.tables, this.labelOfClass, this.best, this.labels]) buffer.destroy();
    for (const uniform of this.uniforms) uniform.destroy();
  }

  private run(
    entryPoint: 'argmax' | 'regions' | 'logits',
    block: RowBlock,
    chunk: SliceChunk,
    groups: readonly ClassGroup[],
    firstClass: (group: ClassGroup) => number,
  ): void {
    const { plan, outShape, width } = this.request;
    const { queue } = this.gpu.device;
    const dispatches: PreparedDispatch[] = groups.map((group, i) => {
      writeExportParameters(queue, this.uniforms[i], {
        outSize: chunk.size,
        classes: group.count,
        outStart: chunk.start,
        firstClass: firstClass(group),
        gridSize: outShape,
        ringDepth: plan.ringDepth,
        firstRow: block.firstRow,
        rows: block.rows,
        width,
        startsAnew: i === 0,
      });
      const voxels = chunk.size[0] * chunk.size[1] * chunk.size[2];
      const bindings: ExportBindings = {
        means: group.sums,
        tables: this.tables,
        best: this.best,
        labels: this.labels,
        labelOfClass: this.labelOfClass,
        uniform: this.uniforms[i],
      };
      return prepare(this.gpu, exportSlices(this.gpu, entryPoint, bindings, voxels));
    });
    submitDispatches(this.gpu, dispatches);
  }
}
