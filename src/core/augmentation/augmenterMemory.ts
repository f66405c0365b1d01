// What an augmenter keeps on the device, known before anything is allocated.

import { allocate, arrayOf, upload } from '@/gpu/buffers';
import type { Gpu } from '@/gpu/device';
import type { GpuArray } from '@/gpu/dispatch';
import { lowResolutionTableSize } from '@/kernels/augmentation/lowResolution';
import { STATISTICS_SIZE, statisticsPartialsSize } from '@/kernels/augmentation/statistics';
import { targetBytes } from '@/kernels/augmentation/targets';
import { ALIGNMENT_ELEMENTS, bindingCapacity, exceedsBinding, type KernelLimits } from '@/kernels/ranges';
import type { Zyx } from '@/shared/geometry';
import { planeLength } from './patch';
import { regionMasks } from './segmentationOps';
import type { AugmentationSettings } from './settings';
import { nearestExact } from './simulateLowResolution';

/** Elements (4 bytes each) of what {@link allocateAugmenter} makes. */
interface AugmenterSizes {
  /** Per channel, as it was cut; none where nothing is turned. */
  readonly source: number;
  /** Two i16 a word. */
  readonly sourceLabels: number;
  /** Per channel, twice. */
  readonly plane: number;
  /** From one sample's label patch to the next. */
  readonly labelStride: number;
  readonly labels: number;
  readonly flips: number;
  readonly statistics: number;
  readonly partials: number;
  /** Per channel. */
  readonly table: number;
}

/** Before anything is allocated. */
export interface AugmenterPlan {
  readonly settings: AugmentationSettings;
  readonly batch: number;
  readonly sizes: AugmenterSizes;
  /** What each head's kernel looks up, and which bytes labels become. */
  readonly nearest: readonly Uint32Array[];
  readonly bytesOfLabels: Uint32Array;
  /** Everything an augmenter will allocate, apart from a few kilobytes of uniforms. */
  readonly bytes: number;
}

/** Throws `PatchTooLarge` where one channel of a patch exceeds what the adapter binds at once. */
export function planAugmenter(
  settings: AugmentationSettings,
  batch: number,
  limits: Pick<KernelLimits, 'maxStorageBufferBindingSize'>,
): AugmenterPlan {
  const { channels, patchSize, initialPatchSize, targetShapes } = settings;
  const isTurned = settings.recipe.flat().some(({ rule }) => rule.kind === 'spatial');
  const [initial, voxels] = [planeLength({ shape: initialPatchSize }), planeLength({ shape: patchSize })];
  const labelStride = Math.ceil(voxels / ALIGNMENT_ELEMENTS) * ALIGNMENT_ELEMENTS;
  const sizes = {
    source: isTurned ? initial : 0,
    sourceLabels: isTurned ? Math.ceil(initial / 2) : 0,
    plane: voxels,
    labelStride,
    labels: batch * labelStride,
    flips: 4 * batch,
    statistics: STATISTICS_SIZE,
    partials: statisticsPartialsSize(voxels),
    table: lowResolutionTableSize(patchSize),
  };
  const largest = Math.max(sizes.source, labelStride);
  if (largest > bindingCapacity(limits)) throw exceedsBinding(`a patch of ${largest} voxels`, limits);
  const nearest = targetShapes.map((shape) => nearestVoxels(patchSize, shape));
  const bytesOfLabels = targetBytes(regionMasks(settings.target));
  const { source, plane, table, labelStride: _, ...single } = sizes;
  const lengths = [
    ...Array.from({ length: channels }, () => [source, plane, plane, table]).flat(),
    ...Object.values(single),
    ...nearest.map(({ length }) => length),
    bytesOfLabels.length,
  ];
  const bytes = lengths
    .filter((length) => length > 0)
    .reduce((sum, length) => sum + Math.max(16, 4 * length), 0);
  return { settings, batch, sizes, nearest, bytesOfLabels, bytes };
}

function nearestVoxels(patchSize: Zyx, shape: Zyx): Uint32Array {
  return Uint32Array.from(patchSize.flatMap((size, axis) => [...nearestExact(size, shape[axis])]));
}

export interface AugmenterArrays {
  /** Per channel, `[Z, Y, X]`. */
  readonly sources: readonly GpuArray[];
  readonly sourceLabels: GpuArray | undefined;
  /** Per channel, `[z, y, x]`: one holds the image, the other takes what is made of it. */
  readonly planes: readonly (readonly [GpuArray, GpuArray])[];
  /** `[n, labelStride]`, i32 in words. */
  readonly labels: GpuArray;
  readonly flips: GpuArray;
  readonly statistics: GpuArray;
  readonly partials: GpuArray;
  /** Per channel, for low resolution. */
  readonly tables: readonly GpuArray[];
  readonly nearest: readonly GpuArray[];
  readonly bytesOfLabels: GpuArray;
  readonly allocatedBytes: number;
  destroy(): void;
}

/** Throws `GpuOutOfMemory` where there is no room; nothing stays allocated then. */
export async function allocateAugmenter(gpu: Gpu, plan: AugmenterPlan): Promise<AugmenterArrays> {
  const { sizes, settings } = plan;
  const owned: GPUBuffer[] = [];
  const destroy = () => {
    for (const buffer of owned) buffer.destroy();
  };
  const array = async (size: number, dtype: 'f32' | 'u32' = 'f32') => {
    const buffer = await allocate(gpu, 4 * size, 'augmentation');
    owned.push(buffer);
    return arrayOf(buffer, size, dtype);
  };
  const table = async (data: Uint32Array) => {
    const uploaded = await upload(gpu, data, 'augmentation');
    owned.push(uploaded.buffer);
    return uploaded;
  };
  try {
    const sources: GpuArray[] = [];
    const planes: [GpuArray, GpuArray][] = [];
    const tables: GpuArray[] = [];
    for (let c = 0; c < settings.channels; c++) {
      if (sizes.source > 0) sources.push(await array(sizes.source));
      planes.push([await array(sizes.plane), await array(sizes.plane)]);
      tables.push(await array(sizes.table, 'u32'));
    }
    const nearest: GpuArray[] = [];
    for (const ofHead of plan.nearest) nearest.push(await table(ofHead));
    const arrays = {
      sources,
      planes,
      tables,
      nearest,
      sourceLabels: sizes.sourceLabels > 0 ? await array(sizes.sourceLabels, 'u32') : undefined,
      labels: await array(sizes.labels, 'u32'),
      flips: await array(sizes.flips, 'u32'),
      statistics: await array(sizes.statistics),
      partials: await array(sizes.partials),
      bytesOfLabels: await table(plan.bytesOfLabels),
    };
    return { ...arrays, allocatedBytes: owned.reduce((sum, { size }) => sum + size, 0), destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}
