// What the viewer is given of an image: one channel in the smallest type that holds it, so that the page's thread
// neither unpacks nor converts nor measures.

import { volumeFormat } from '@/core/io/formats';
import { type ImageGeometry, isPictureGeometry, type MedicalImage } from '@/core/io/medicalImage';
import { bestAffine, hasOrientation, parseNiftiHeader } from '@/core/io/niftiHeader';
import { niftiGeometryOf } from '@/core/io/niftiWriter';
import { elementCount, type Xyz } from '@/shared/geometry';
import type { DisplayChannel, DisplayVolume, IntensityWindow } from '@/workers/files/api';
import { looksLikeCt } from './ctWindow';

/** Shares of voxels that a window leaves black and white: a few bright vessels must not darken everything else. */
const BLACK_SHARE = 0.01;
const WHITE_SHARE = 0.995;
/** Enough for percentiles. */
const SAMPLED_VOXELS = 200_000;

type Place = Pick<DisplayVolume, 'shape' | 'affine' | 'isOriented' | 'hasMillimetres'>;

/** `channel` of an image whose axes are the file's. */
export function displayVolume(image: MedicalImage, channel: DisplayChannel): DisplayVolume {
  const place = placeOf(image);
  if (channel === 'color') return { ...place, ...inColor(image) };
  const size = elementCount(image.shape);
  const data = image.data.subarray(channel * size, (channel + 1) * size);
  const sample = sortedSample(data);
  return {
    ...place,
    voxels: asInt16(data) ?? data.slice(),
    automatic: automaticWindow(sample),
    looksLikeCt: looksLikeCt(sample),
  };
}

/** Where the voxels lie, and what of that the file says rather than we assume. */
export function placeOf({ geometry, shape, spacing }: Omit<MedicalImage, 'data'>): Place {
  const header = parseNiftiHeader(niftiGeometryOf(geometry, shape).header, 'image');
  const [z, y, x] = shape;
  const isOriented = knowsOrientation(geometry);
  const isFlat = z === 1;
  return {
    shape: [x, y, z],
    affine: bestAffine(header),
    isOriented,
    // A single slice without orientation and 1 × 1 mm is a picture that was saved as a volume.
    hasMillimetres:
      !isPictureGeometry(geometry) && (isOriented || !isFlat || spacing[1] !== 1 || spacing[2] !== 1),
  };
}

function knowsOrientation(geometry: ImageGeometry): boolean {
  switch (geometry.format) {
    case 'nifti':
      return hasOrientation(parseNiftiHeader(geometry.header, 'image'));
    case 'grid':
      return geometry.size.length > 2 && volumeFormat(geometry.kind)?.saysOrientation === true;
    case 'picture':
    case 'tiff-stack':
      return false;
  }
}

/** The values as 16-bit integers; `undefined` where some are none. */
function asInt16(data: Float32Array): Int16Array<ArrayBuffer> | undefined {
  const voxels = new Int16Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    voxels[i] = value;
    if (voxels[i] !== value) return undefined;
  }
  return voxels;
}

/** The first three channels as red, green and blue; pictures of 16 bits are brought to 8. */
function inColor({ data, shape }: MedicalImage): Pick<DisplayVolume, 'voxels' | 'automatic' | 'looksLikeCt'> {
  const size = elementCount(shape);
  let brightest = 0;
  for (let i = 0; i < 3 * size; i++) brightest = Math.max(brightest, data[i]);
  const scale = brightest > 255 ? 255 / 65535 : 1;
  const voxels = new Uint8ClampedArray(4 * size);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) voxels[4 * i + c] = scale * data[c * size + i];
    voxels[4 * i + 3] = 255;
  }
  return {
    voxels: new Uint8Array(voxels.buffer),
    automatic: { low: 0, high: 255 },
    looksLikeCt: false,
  };
}

function sortedSample(data: Float32Array): Float32Array {
  const step = Math.max(1, Math.floor(data.length / SAMPLED_VOXELS));
  const sample = new Float32Array(Math.ceil(data.length / step));
  for (let i = 0; i < sample.length; i++) sample[i] = data[i * step];
  return sample.sort();
}

/** A window between percentiles; never empty. */
function automaticWindow(sample: Float32Array): IntensityWindow {
  const at = (share: number) => sample[Math.min(sample.length - 1, Math.floor(share * sample.length))];
  const [low, high] = [at(BLACK_SHARE), at(WHITE_SHARE)];
  if (high > low) return { low, high };
  const [min, max] = [sample[0], sample[sample.length - 1]];
  return { low: min, high: max > min ? max : min + 1 };
}

/** Voxel size along the file's axes, mm. */
export function spacingOf(affine: DisplayVolume['affine']): Xyz {
  const [x, y, z] = [0, 1, 2].map((column) => Math.hypot(...affine.map((row) => row[column])));
  return [x, y, z];
}
