// Sum of each channel over images and voxels: the gradient of a bias.

import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import source from './channelSum.wgsl?raw';
import { bindRange, type KernelLimits, planePieces } from './ranges';
import { enableStorage, featureDtypeOf, storedType } from './storage';

const WORKGROUP_SIZE = 64;
/** Elements one workgroup adds up. */
const CHUNK_ELEMENTS = 16_384;
/** The second pass walks all chunks of a plane, so their number is bounded. */
const MAX_CHUNKS = 256;

const PRELUDES = {
  1: 'alias lanes = f32;\nfn total(sum: f32) -> f32 { return sum; }\n',
  4: 'alias lanes = vec4f;\nfn total(sum: vec4f) -> f32 { return dot(sum, vec4f(1.0)); }\n',
} as const;

export interface ChannelSumArgs {
  /** `[n, c, length]`, f32 or f16. */
  readonly values: GpuArray;
  readonly batch: number;
  readonly channels: number;
  readonly length: number;
  /** `[c]`. */
  readonly sums: GpuArray;
  /** {@link channelSumScratchSize} elements. */
  readonly scratch: GpuArray;
  /** Adds to `sums`. */
  readonly accumulate: boolean;
  readonly limits: KernelLimits;
}

function partition(length: number): { width: 1 | 4; chunkLength: number; chunks: number } {
  const width = length % 4 === 0 ? 4 : 1;
  const wanted = Math.min(MAX_CHUNKS, Math.ceil(length / CHUNK_ELEMENTS));
  const chunkLength = Math.ceil(length / wanted / width);
  return { width, chunkLength, chunks: Math.ceil(length / width / chunkLength) };
}

/** Elements (f32) of the scratch array. */
export function channelSumScratchSize(batch: number, channels: number, length: number): number {
  return batch * channels * partition(length).chunks;
}

/** `sums[c] (+)= Σ values[n, c, i]` over `n` and `i`. Run the dispatches in order. */
export function channelSum(args: ChannelSumArgs): Dispatch[] {
  const { values, batch, channels, length, sums, scratch, accumulate, limits } = args;
  const { width, chunkLength, chunks } = partition(length);
  const storage = featureDtypeOf(values);
  // One buffer may not be bound both ways.
  const access = values.buffer === scratch.buffer ? 'read_write' : 'read';
  const declaration = `@group(0) @binding(0) var<storage, ${access}> values: array<${storedType(storage, width)}>;\n`;
  const common = {
    source: enableStorage(storage) + PRELUDES[width] + declaration + source,
    constants: { workgroupSize: WORKGROUP_SIZE },
  };
  const sizes = (planes: number, firstPlane: number, base: number) =>
    Uint32Array.of(
      length / width,
      chunkLength,
      chunks,
      planes,
      firstPlane,
      base / width,
      batch,
      channels,
      accumulate ? 1 : 0,
    );
  const chunkSums = planePieces(batch * channels, length, limits).map(({ start, count }): Dispatch => {
    const bound = bindRange(values, start * length, count * length);
    return {
      ...common,
      label: 'channelSum.chunks',
      entryPoint: 'chunkSums',
      bindings: [bound.array, scratch, undefined],
      uniform: sizes(count, start, bound.base),
      workgroups: [...foldGrid({ limits }, count * chunks), 1],
    };
  });
  const channelSums: Dispatch = {
    ...common,
    label: 'channelSum.channels',
    entryPoint: 'channelSums',
    bindings: [undefined, scratch, sums],
    uniform: sizes(batch * channels, 0, 0),
    workgroups: [...foldGrid({ limits }, Math.ceil(channels / WORKGROUP_SIZE)), 1],
  };
  return [...chunkSums, channelSums];
}
