import type { Gpu } from './device';

/** A typed range of a buffer. `offset` in bytes, a multiple of 256; `size` in elements. */
export interface GpuArray {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
  readonly dtype: 'f32' | 'f16' | 'u32';
}

/**
 * One kernel launch, described. A launcher returns these; whoever owns the buffers runs them.
 *
 * `bindings` are bound in order at `@group(0) @binding(0…)`, each at its exact size, so `arrayLength` is the element
 * count; `undefined` skips a binding that this entry point does not use. `uniform`, if given, is bound after them: a
 * buffer, or numbers that `prepare` puts into one. Sizes that differ from layer to layer belong there rather than in
 * `constants`, of which each set compiles anew. `workgroups` beyond the per-dimension limit are the launcher's to fold
 * (see {@link foldGrid}).
 */
export interface Dispatch {
  readonly label: string;
  readonly source: string;
  readonly entryPoint: string;
  readonly constants?: Readonly<Record<string, number>>;
  readonly bindings: readonly (GpuArray | undefined)[];
  readonly uniform?: GPUBuffer | Uint32Array;
  readonly workgroups: readonly [number, number, number];
}

export const BYTES_PER_ELEMENT = { f32: 4, f16: 2, u32: 4 } as const;

/** A dispatch with its pipeline and bind group made: replaying it allocates and compiles nothing. */
export interface PreparedDispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  /** Made from the dispatch's numbers; whoever prepared it destroys it. */
  readonly ownUniform?: GPUBuffer;
}

/** Compiles and binds. */
export function prepare(gpu: Gpu, dispatch: Dispatch): PreparedDispatch {
  const pipeline = gpu.pipelines.get(dispatch.source, dispatch.entryPoint, dispatch.constants);
  const entries: GPUBindGroupEntry[] = dispatch.bindings.flatMap((array, binding) =>
    array ? [{ binding, resource: bufferRange(array) }] : [],
  );
  const ownUniform =
    dispatch.uniform instanceof Uint32Array ? uniformOf(gpu, dispatch.uniform, dispatch.label) : undefined;
  const uniform = ownUniform ?? (dispatch.uniform as GPUBuffer | undefined);
  if (uniform) entries.push({ binding: dispatch.bindings.length, resource: { buffer: uniform } });
  const bindGroup = gpu.device.createBindGroup({
    label: dispatch.label,
    layout: pipeline.getBindGroupLayout(0),
    entries,
  });
  const { label, workgroups } = dispatch;
  return { label, pipeline, bindGroup, workgroups, ...(ownUniform ? { ownUniform } : {}) };
}

function uniformOf(gpu: Gpu, numbers: Uint32Array, label: string): GPUBuffer {
  const size = Math.ceil(numbers.byteLength / 16) * 16;
  const usage = 0x40 | 0x08; // GPUBufferUsage.UNIFORM | COPY_DST
  const buffer = gpu.device.createBuffer({ label, size, usage });
  gpu.device.queue.writeBuffer(buffer, 0, numbers as GPUAllowSharedBufferSource);
  return buffer;
}

function bufferRange({ buffer, offset, size, dtype }: GpuArray): GPUBufferBinding {
  return { buffer, offset, size: Math.ceil((size * BYTES_PER_ELEMENT[dtype]) / 4) * 4 };
}

/** Gives the dispatches to the queue, in order. */
export function submitDispatches(gpu: Gpu, dispatches: readonly PreparedDispatch[]): void {
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const { pipeline, bindGroup, workgroups } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...workgroups);
  }
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}

/** Prepares and submits; for tests, tuning and one-off work. Programs keep their prepared list instead. */
export function runDispatches(gpu: Gpu, dispatches: readonly Dispatch[]): void {
  const prepared = dispatches.map((dispatch) => prepare(gpu, dispatch));
  submitDispatches(gpu, prepared);
  for (const { ownUniform } of prepared) ownUniform?.destroy();
}

/**
 * Workgroups along x and y for `count` workgroups in a row, when one dimension does not hold them. A shader finds its
 * index as `workgroup_id.y * num_workgroups.x + workgroup_id.x` and must check it against the count.
 */
export function foldGrid(
  gpu: { readonly limits: Pick<GPUSupportedLimits, 'maxComputeWorkgroupsPerDimension'> },
  count: number,
): [number, number] {
  const limit = gpu.limits.maxComputeWorkgroupsPerDimension;
  if (count <= limit) return [Math.max(count, 1), 1];
  const rows = Math.ceil(count / limit);
  return [Math.ceil(count / rows), rows];
}
