// Where each class is, for foreground oversampling: nnU-Net's sample, from the same random stream.
import { foregroundClasses, type LabelSet } from '@/core/interop/labels';
import { MersenneTwister } from '@/shared/mersenneTwister';
import { OUTSIDE_LABEL } from './cropToNonzero';

const SAMPLING_SEED = 1234;
/** Voxels kept per class, unless {@link MIN_SHARE} of them are more. */
const SAMPLES_PER_CLASS = 10_000;
const MIN_SHARE = 0.01;

/** Sampled voxels of one class. */
export interface ClassLocations {
  /** The class's labels; nnU-Net's key is the number where `isRegion` is false, else the tuple. */
  readonly labels: readonly number[];
  readonly isRegion: boolean;
  /** Places in the `[z, y, x]` array, in the order in which they were drawn. */
  readonly voxels: Uint32Array;
}

/**
 * Samples every foreground label or region, and with an ignore label all that is annotated (background and outside
 * too, under the key −1, 0, 1, …). `seg`: preprocessed, `[z, y, x]`.
 *
 * Follows nnU-Net's `DefaultPreprocessor._sample_foreground_locations`.
 */
export function classLocations(seg: Int8Array | Int16Array, labels: LabelSet): readonly ClassLocations[] {
  const random = new MersenneTwister(SAMPLING_SEED);
  return classesToSample(labels).map((each) => ({
    ...each,
    voxels: sample(voxelsOf(seg, each.labels), random),
  }));
}

function classesToSample(labels: LabelSet): readonly Pick<ClassLocations, 'labels' | 'isRegion'>[] {
  const classes = foregroundClasses(labels).map((values) => ({
    labels: values,
    isRegion: values.length > 1,
  }));
  if (labels.ignoreLabel === undefined) return classes;
  return [...classes, { labels: [OUTSIDE_LABEL, ...labels.allLabels], isRegion: true }];
}

/** Label by label in the order given, each in C order. */
function voxelsOf(seg: Int8Array | Int16Array, labels: readonly number[]): Uint32Array {
  let count = 0;
  for (let i = 0; i < seg.length; i++) if (labels.includes(seg[i])) count++;
  const voxels = new Uint32Array(count);
  let found = 0;
  for (const label of labels) {
    for (let i = 0; i < seg.length; i++) if (seg[i] === label) voxels[found++] = i;
  }
  return voxels;
}

/** Without replacement; nothing is drawn where there is nothing. */
function sample(voxels: Uint32Array, random: MersenneTwister): Uint32Array {
  if (voxels.length === 0) return voxels;
  const count = Math.max(Math.min(SAMPLES_PER_CLASS, voxels.length), Math.ceil(voxels.length * MIN_SHARE));
  return random
    .permutation(voxels.length)
    .subarray(0, count)
    .map((i) => voxels[i]);
}
