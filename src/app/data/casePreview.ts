// What the check keeps of a case to look at: a small picture with its labels, and a sample of intensities.
import { isPictureGeometry, type MedicalImage } from '@/core/io/medicalImage';
import { bestAffine, parseNiftiHeader } from '@/core/io/niftiHeader';
import { niftiGeometryOf } from '@/core/io/niftiWriter';
import { axisDirections } from '@/core/io/orientation';
import { elementCount } from '@/shared/geometry';
import type { CasePreview, IntensitySample, Thumbnail } from '@/storage/datasetRecord';

/** Longer side of a thumbnail, pixels. */
const THUMBNAIL_PIXELS = 96;
/** Shares of the slice's pixels left black and white. */
const BLACK_SHARE = 0.01;
const WHITE_SHARE = 0.995;
/** Intensities kept of a case and channel, of all voxels and of the labelled ones. */
const SAMPLES = 512;

/** `image` `[c, z, y, x]`; `seg` where there is a label map of the same shape. */
export function casePreview(image: MedicalImage, seg: MedicalImage | undefined): CasePreview {
  const size = elementCount(image.shape);
  const labels = seg && seg.data.length === size ? seg.data : undefined;
  return {
    thumbnail: thumbnailOf(image, labels),
    samples: Array.from({ length: image.channels }, (_, c) =>
      intensitySample(image.data.subarray(c * size, (c + 1) * size), labels),
    ),
  };
}

function intensitySample(data: Float32Array, labels: Float32Array | undefined): IntensitySample {
  const isLabelled = (i: number) => labels !== undefined && labels[i] > 0;
  return { all: spreadSample(data, () => true), foreground: spreadSample(data, isLabelled) };
}

/** Steps by it fill the unit interval evenly, and never fall into step with rows or slices. */
const GOLDEN_SHARE = (Math.sqrt(5) - 1) / 2;

/** At most {@link SAMPLES} of the chosen values: one out of each of as many equal stretches of the volume. */
function spreadSample(data: Float32Array, isChosen: (index: number) => boolean): Float32Array {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (isChosen(i)) count++;
  const kept = new Float32Array(Math.min(SAMPLES, count));
  const stretch = count / Math.max(1, kept.length);
  const placeOf = (sample: number) => Math.floor((sample + ((sample * GOLDEN_SHARE) % 1)) * stretch);
  let seen = 0;
  let next = 0;
  for (let i = 0; i < data.length && next < kept.length; i++) {
    if (isChosen(i) && seen++ === placeOf(next)) kept[next++] = data[i];
  }
  return kept;
}

function thumbnailOf(image: MedicalImage, labels: Float32Array | undefined): Thumbnail {
  const [, rows, columns] = image.shape;
  const z = shownSlice(image, labels);
  const area = rows * columns;
  const slice = image.data.subarray(z * area, (z + 1) * area);
  const sliceLabels = labels?.subarray(z * area, (z + 1) * area);
  const { low, high } = windowOf(slice);
  const [, dy, dx] = image.spacing;
  const scale = THUMBNAIL_PIXELS / Math.max(rows * dy, columns * dx);
  const width = Math.max(1, Math.round(columns * dx * scale));
  const height = Math.max(1, Math.round(rows * dy * scale));
  const [isMirroredX, isMirroredY] = mirrored(image);
  const gray = new Uint8Array(width * height);
  const shown = new Uint8Array(width * height);
  for (let j = 0, pixel = 0; j < height; j++) {
    const row = Math.floor((((isMirroredY ? height - 1 - j : j) + 0.5) / height) * rows);
    for (let i = 0; i < width; i++, pixel++) {
      const column = Math.floor((((isMirroredX ? width - 1 - i : i) + 0.5) / width) * columns);
      const at = row * columns + column;
      gray[pixel] = Math.max(0, Math.min(255, Math.round((255 * (slice[at] - low)) / (high - low))));
      shown[pixel] = sliceLabels ? Math.max(0, Math.min(255, sliceLabels[at])) : 0;
    }
  }
  return { width, height, gray, labels: shown };
}

/** Of the labelled slices the middle one, or of all where none is. */
function shownSlice(
  { shape: [depth, rows, columns] }: MedicalImage,
  labels: Float32Array | undefined,
): number {
  const area = rows * columns;
  const labelled: number[] = [];
  for (let z = 0; labels && z < depth; z++) {
    if (labels.subarray(z * area, (z + 1) * area).some((value) => value > 0)) labelled.push(z);
  }
  return labelled.length > 0 ? labelled[labelled.length >> 1] : depth >> 1;
}

function windowOf(slice: Float32Array): { low: number; high: number } {
  const sorted = slice.toSorted();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const [low, high] = [at(BLACK_SHARE), at(WHITE_SHARE)];
  return { low, high: high > low ? high : low + 1 };
}

/**
 * Whether x and y are drawn from their far ends, as radiologists look at slices: right and front to the left, front and
 * top up. Pictures have their own first row at the top.
 */
function mirrored({ geometry, shape }: MedicalImage): readonly [x: boolean, y: boolean] {
  if (isPictureGeometry(geometry) || geometry.format === 'tiff-stack') return [false, false];
  const affine = bestAffine(parseNiftiHeader(niftiGeometryOf(geometry, shape).header, 'image'));
  const directions = axisDirections(affine);
  return [directions?.[0].isReversed === false, directions?.[1].isReversed === false];
}
