import { nonzeroBox } from '@/core/preprocessing/cropToNonzero';
import { cropVolume } from '@/core/preprocessing/volumes';
import { boxShape, elementCount, type Spacing, type Zyx } from '@/shared/geometry';
import { MersenneTwister } from '@/shared/mersenneTwister';
import type { DrawnIntensities } from './drawnIntensities';

/** Foreground samples of all cases together; each case draws its share. */
const SAMPLES_IN_DATASET = 10e7;
/** Seed of the sampling, the same for every case. */
const SAMPLING_SEED = 1234;
/** Draws made at once. */
const BLOCK = 1 << 16;

/** What one training case adds to the fingerprint. */
export interface CaseFingerprint {
  readonly shapeAfterCrop: Zyx;
  readonly spacing: Spacing;
  /** Voxels after cropping over voxels before. */
  readonly relativeSizeAfterCropping: number;
  /** Per channel; without values where the case has no foreground. */
  readonly intensities: readonly DrawnIntensities[];
}

/** Foreground voxels that one of `caseCount` cases draws per channel. */
export function samplesPerCase(caseCount: number): number {
  return Math.floor(SAMPLES_IN_DATASET / caseCount);
}

/**
 * Shape, spacing and foreground intensities of a case. `image`: `[c, z, y, x]` in reader order; `seg`: its label map,
 * where every label above 0 is foreground, the ignore label too. `samples` voxels per channel are drawn with
 * replacement from the same random stream as nnU-Net's, so they are the same voxels.
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
  const isForeground = new Uint8Array(size);
  for (let i = 0; i < size; i++) if (seg[i] > 0) isForeground[i] = 1;
  const foreground = voxelsOf(cropVolume(isForeground, shape, box));
  const random = new MersenneTwister(SAMPLING_SEED);
  const intensities: DrawnIntensities[] = [];
  for (let c = 0; c < channels; c++) {
    const channel = cropVolume(data.subarray(c * size, (c + 1) * size), shape, box);
    if (foreground.length > samples) {
      intensities.push({ values: drawNow(random, channel, foreground, samples) });
      continue;
    }
    const values = new Float32Array(foreground.length);
    for (let i = 0; i < values.length; i++) values[i] = channel[foreground[i]];
    intensities.push({ values, random: random.saved() });
    if (c + 1 < channels && values.length > 0) skipDraws(random, values.length, samples);
  }
  const shapeAfterCrop = boxShape(box);
  return {
    shapeAfterCrop,
    spacing,
    relativeSizeAfterCropping: elementCount(shapeAfterCrop) / size,
    intensities,
  };
}

function voxelsOf(mask: Uint8Array): Uint32Array {
  let count = 0;
  for (let i = 0; i < mask.length; i++) count += mask[i];
  const voxels = new Uint32Array(count);
  let found = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] === 1) voxels[found++] = i;
  return voxels;
}

/** So that a case never holds more than its share of the dataset's draws. */
function drawNow(
  random: MersenneTwister,
  channel: Float32Array,
  foreground: Uint32Array,
  samples: number,
): Float32Array {
  const values = new Float32Array(samples);
  const block = new Uint32Array(BLOCK);
  for (let done = 0; done < samples; done += BLOCK) {
    const drawn = block.subarray(0, Math.min(samples - done, BLOCK));
    random.integersUpTo(foreground.length - 1, drawn);
    for (let i = 0; i < drawn.length; i++) values[done + i] = channel[foreground[drawn[i]]];
  }
  return values;
}

/** Leaves the generator where `samples` draws out of `population` leave it. */
function skipDraws(random: MersenneTwister, population: number, samples: number): void {
  const block = new Uint32Array(BLOCK);
  for (let left = samples; left > 0; left -= BLOCK) {
    random.integersUpTo(population - 1, block.subarray(0, Math.min(left, BLOCK)));
  }
}
