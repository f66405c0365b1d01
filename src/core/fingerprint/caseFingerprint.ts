import { nonzeroBox } from '@/core/preprocessing/cropToNonzero';
import { cropVolume } from '@/core/preprocessing/volumes';
import { boxShape, elementCount, type Spacing, type Zyx } from '@/shared/geometry';
import { MersenneTwister } from '@/shared/mersenneTwister';

/** Foreground samples of all cases together; each case draws its share. */
const SAMPLES_IN_DATASET = 10e7;
/** Seed of the sampling, the same for every case. */
const SAMPLING_SEED = 1234;

/** How often each intensity was drawn: `values` ascending and distinct, `counts` beside them. */
export interface IntensitySample {
  readonly values: Float32Array;
  readonly counts: Float64Array;
}

/** What one training case adds to the fingerprint. */
export interface CaseFingerprint {
  readonly shapeAfterCrop: Zyx;
  readonly spacing: Spacing;
  /** Voxels after cropping over voxels before. */
  readonly relativeSizeAfterCropping: number;
  /** Per channel; empty where the case has no foreground. */
  readonly intensities: readonly IntensitySample[];
}

/** Foreground voxels that one of `caseCount` cases draws per channel. */
export function samplesPerCase(caseCount: number): number {
  return Math.floor(SAMPLES_IN_DATASET / caseCount);
}

/**
 * Shape, spacing and foreground intensities of a case. `image`: `[c, z, y, x]` in reader order; `seg`: its label map,
 * where every label above 0 is foreground, the ignore label too. Draws `samples` voxels per channel with replacement,
 * from the same random stream as nnU-Net, so the same voxels are drawn.
 *
 * Follows nnU-Net's `DatasetFingerprintExtractor.analyze_case`.
 */
export function caseFingerprint(
  image: {
    readonly data: Float32Array;
    readonly channels: number;
    readonly shape: Zyx;
    readonly spacing: Spacing;
  },
  seg: ArrayLike<number>,
  samples: number,
): CaseFingerprint {
  const { data, channels, shape, spacing } = image;
  const box = nonzeroBox(data, channels, shape);
  const size = elementCount(shape);
  const isForeground = cropVolume(
    Uint8Array.from(seg, (label) => (label > 0 ? 1 : 0)),
    shape,
    box,
  );
  const foreground = voxelsOf(isForeground);
  const random = new MersenneTwister(SAMPLING_SEED);
  const intensities = Array.from({ length: channels }, (_, c) => {
    const channel = cropVolume(data.subarray(c * size, (c + 1) * size), shape, box);
    const values = Float32Array.from(foreground, (voxel) => channel[voxel]);
    return drawWithReplacement(values, samples, random);
  });
  const shapeAfterCrop = boxShape(box);
  return {
    shapeAfterCrop,
    spacing,
    relativeSizeAfterCropping: elementCount(shapeAfterCrop) / size,
    intensities,
  };
}

function voxelsOf(mask: Uint8Array): Uint32Array {
  const voxels = new Uint32Array(mask.reduce((total, value) => total + value, 0));
  let found = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] === 1) voxels[found++] = i;
  return voxels;
}

/** Counts hits instead of keeping the draws: the same multiset in a fraction of the memory. */
function drawWithReplacement(
  values: Float32Array,
  samples: number,
  random: MersenneTwister,
): IntensitySample {
  if (values.length === 0) return { values: new Float32Array(0), counts: new Float64Array(0) };
  const hits = new Uint32Array(values.length);
  const last = values.length - 1;
  for (let i = 0; i < samples; i++) hits[random.integerUpTo(last)]++;
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  return mergeSorted(
    Float32Array.from(order, (i) => values[i]),
    Float64Array.from(order, (i) => hits[i]),
  );
}

/** Joins equal neighbours of an ascending list, and drops what was never drawn. */
export function mergeSorted(values: Float32Array, counts: Float64Array): IntensitySample {
  const distinct = new Float32Array(values.length);
  const total = new Float64Array(values.length);
  let length = 0;
  for (let i = 0; i < values.length; i++) {
    if (counts[i] === 0) continue;
    if (length === 0 || distinct[length - 1] !== values[i]) distinct[length++] = values[i];
    total[length - 1] += counts[i];
  }
  return { values: distinct.slice(0, length), counts: total.slice(0, length) };
}
