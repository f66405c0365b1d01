// How work on logits `[n, k, voxels]` is cut so that what a dispatch binds fits. Whole samples where they do; else the
// classes of one sample in groups, whose passes hand on what they found of each voxel in an array of states.

import { BYTES_PER_ELEMENT, type GpuArray } from '@/gpu/dispatch';
import { bindingCapacity, exceedsBinding, type KernelLimits, pieces } from '../ranges';
import type { LossOptions, LossShape } from './lossOptions';
import { targetBytesPerVoxel } from './target';

/** Voxels of the chunks that sums are made of, as in the shaders. */
export const CHUNK_VOXELS = 1024;

/** Elements (f32) that the passes over groups of classes keep of a voxel. */
const STATE_ELEMENTS = 4;

/** `[start, start + count)` */
export interface IndexRange {
  readonly start: number;
  readonly count: number;
}

/** Some samples of the batch. */
export type SampleRange = IndexRange;

/** What one dispatch sees: all classes and voxels of some samples, or some of one. */
export interface LogitsPiece {
  readonly samples: SampleRange;
  readonly classes: IndexRange;
  readonly voxels: IndexRange;
}

/** Some voxels with all their classes, in one piece, or in several that are gone through in their order. */
export interface VoxelRun {
  readonly allClasses: LogitsPiece;
  readonly pieces: readonly LogitsPiece[];
}

/** What decides how logits are cut. */
export interface LogitsLayout extends LossShape {
  readonly options: Pick<LossOptions, 'target'>;
  /** Only the type matters. */
  readonly logits: Pick<GpuArray, 'dtype'>;
  readonly limits: Pick<KernelLimits, 'maxStorageBufferBindingSize'>;
}

/** The first `sampleCount` samples of the logits, cut. Throws where one class of one sample exceeds a binding. */
export function voxelRuns(layout: LogitsLayout, sampleCount: number): VoxelRun[] {
  const { classes, voxels } = layout;
  const classRange = { start: 0, count: classes };
  const samplesPerBinding = Math.floor(logitsCapacity(layout) / (classes * voxels));
  if (samplesPerBinding > 0) {
    return pieces(sampleCount, samplesPerBinding).map((samples) => {
      const allClasses = { samples, classes: classRange, voxels: { start: 0, count: voxels } };
      return { allClasses, pieces: [allClasses] };
    });
  }
  const groups = pieces(classes, classesPerBinding(layout));
  const voxelRanges = pieces(voxels, voxelsPerBinding(layout));
  return pieces(sampleCount, 1).flatMap((samples) =>
    voxelRanges.map((range) => ({
      allClasses: { samples, classes: classRange, voxels: range },
      pieces: groups.map((group) => ({ samples, classes: group, voxels: range })),
    })),
  );
}

/** Elements (f32) of the states; 0 where no sample's classes are cut, or each is evaluated on its own. */
export function voxelStateSize(layout: LogitsLayout): number {
  const { classes, voxels, options } = layout;
  const isCut = classes * voxels > logitsCapacity(layout);
  if (!isCut || options.target.kind === 'regions') return 0;
  return STATE_ELEMENTS * Math.min(voxels, voxelsPerBinding(layout));
}

/** Logits that one binding holds. */
function logitsCapacity({ limits, logits }: LogitsLayout): number {
  return (bindingCapacity(limits) * 4) / BYTES_PER_ELEMENT[logits.dtype];
}

function classesPerBinding(layout: LogitsLayout): number {
  const count = Math.floor(logitsCapacity(layout) / layout.voxels);
  if (count < 1) throw oneChannelExceeds(layout);
  return count;
}

/** Whole chunks of a sample of which states and target each fit one binding. */
function voxelsPerBinding(layout: LogitsLayout): number {
  const { options, classes, limits } = layout;
  const bytesPerVoxel = Math.max(
    STATE_ELEMENTS * BYTES_PER_ELEMENT.f32,
    targetBytesPerVoxel(options.target, classes),
  );
  const chunks = Math.floor((4 * bindingCapacity(limits)) / (bytesPerVoxel * CHUNK_VOXELS));
  if (chunks < 1) throw oneChannelExceeds(layout);
  return chunks * CHUNK_VOXELS;
}

function oneChannelExceeds({ voxels, limits }: LogitsLayout): Error {
  return exceedsBinding(`one channel of ${voxels} voxels`, limits);
}
