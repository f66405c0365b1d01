import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import source from './statistics.wgsl?raw';

/** Voxels one workgroup goes over: enough to hide its start, few enough that a plane occupies a whole GPU. */
const CHUNK_LENGTH = 16_384;
/** One thread merges all chunks. */
const MAX_CHUNKS = 512;

/** Elements (f32) of two results: mean, sum of squared distances from it, lowest, highest. */
export const STATISTICS_SIZE = 8;

function chunksOf(voxels: number): { chunks: number; chunkLength: number } {
  const chunkLength = Math.max(CHUNK_LENGTH, Math.ceil(voxels / MAX_CHUNKS));
  return { chunks: Math.ceil(voxels / chunkLength), chunkLength };
}

/** Elements (f32) of `partials` for a plane. */
export function statisticsPartialsSize(voxels: number): number {
  return 4 * chunksOf(voxels).chunks;
}

/** Writes the statistics of `plane` (f32) into one of the two places of `statistics`. */
export function planeStatistics(args: {
  readonly plane: GpuArray;
  readonly partials: GpuArray;
  readonly statistics: GpuArray;
  readonly slot: 0 | 1;
}): Dispatch[] {
  const { plane, partials, statistics, slot } = args;
  const voxels = plane.size;
  const { chunks, chunkLength } = chunksOf(voxels);
  return [
    {
      label: 'statistics.ofChunk',
      source,
      entryPoint: 'ofChunk',
      constants: { voxels, chunkLength },
      bindings: [plane, partials],
      workgroups: [chunks, 1, 1],
    },
    {
      label: 'statistics.ofPlane',
      source,
      entryPoint: 'ofPlane',
      constants: { voxels, chunkLength, chunks, slot },
      bindings: [undefined, partials, statistics],
      workgroups: [1, 1, 1],
    },
  ];
}
