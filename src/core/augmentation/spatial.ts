// Turning, scaling and cropping to the patch in one sampling. Along axes that a 2D transform leaves alone the source
// lies on the grid, so that one 3D loop serves 3D, 2D and 2D slice by slice.

import type { Zyx } from '@/shared/geometry';
import { roundHalfEven, toFloat16Bits } from '@/shared/numeric';
import { type Random, uniformIn } from '@/shared/random';
import { type ImagePatch, type LabelPatch, planeLength } from './patch';

export interface SpatialRule {
  readonly kind: 'spatial';
  readonly rotationProbability: number;
  /** Radians, either way. */
  readonly maxAngle: number;
  /** Of each axis to be turned once there is a rotation. */
  readonly axisProbability: number;
  readonly scalingProbability: number;
  readonly scaleRange: readonly [number, number];
  /** One scale for all axes. */
  readonly isScaleShared: boolean;
}

/** Neither angles nor scales: the centre is cut out as it is. */
export interface Spatial {
  readonly kind: 'spatial';
  /** Radians about z, y, x; one angle in 2D. */
  readonly angles: readonly number[] | undefined;
  /** By axis; larger numbers make smaller objects. */
  readonly scales: readonly number[] | undefined;
}

export type Sampling = 'linear' | 'nearest';

/** What a spatial transform does in every sample. */
export interface SpatialOptions {
  /** Turns and scales within slices only. */
  readonly isIn2d: boolean;
  readonly patchSize: Zyx;
  readonly imageSampling: Sampling;
  readonly labelSampling: Sampling;
}

/** Follows the parameters of batchgeneratorsv2's `SpatialTransform` as nnU-Net sets it: no deformation, no random crop. */
export function drawSpatial(random: Random, rule: SpatialRule, isIn2d: boolean): Spatial {
  const isRotated = random.uniform() < rule.rotationProbability;
  const isScaled = random.uniform() < rule.scalingProbability;
  const axes = isIn2d ? 2 : 3;
  const shared = uniformIn(random, rule.scaleRange);
  const scale = () => (rule.isScaleShared ? shared : uniformIn(random, rule.scaleRange));
  const angle = () =>
    random.uniform() < rule.axisProbability ? uniformIn(random, [-rule.maxAngle, rule.maxAngle]) : 0;
  return {
    kind: 'spatial',
    angles: isRotated ? Array.from({ length: isIn2d ? 1 : 3 }, angle) : undefined,
    scales: isScaled ? Array.from({ length: axes }, scale) : undefined,
  };
}

/** Row-major 3 × 3: from a voxel of the patch to one of the image, both counted from their centres. */
function spatialMatrix({ angles, scales }: Spatial, isIn2d: boolean): number[] {
  const [z, y, x] = angles === undefined ? [0, 0, 0] : isIn2d ? [angles[0], 0, 0] : angles;
  const [sz, sy, sx] = scales === undefined ? [1, 1, 1] : isIn2d ? [1, ...scales] : scales;
  const aboutFirst = [1, 0, 0, 0, Math.cos(z), -Math.sin(z), 0, Math.sin(z), Math.cos(z)];
  const aboutSecond = [Math.cos(y), 0, Math.sin(y), 0, 1, 0, -Math.sin(y), 0, Math.cos(y)];
  const aboutThird = [Math.cos(x), -Math.sin(x), 0, Math.sin(x), Math.cos(x), 0, 0, 0, 1];
  return multiply(multiply(multiply(aboutThird, aboutSecond), aboutFirst), [sz, 0, 0, 0, sy, 0, 0, 0, sx]);
}

/** Of two row-major 3 × 3 matrices. */
export function multiply(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, i) => {
    const [row, column] = [i - (i % 3), i % 3];
    return a[row] * b[column] + a[row + 1] * b[column + 3] + a[row + 2] * b[column + 6];
  });
}

/** The image's voxel of a voxel of the patch: `matrix · (voxel − middle of the patch) + centre`. */
export interface SourceMap {
  /** Row-major 3 × 3. */
  readonly matrix: readonly number[];
  readonly centre: readonly number[];
}

/** `undefined` where the centre is cut out as it is. */
export function sourceMap(spatial: Spatial, isIn2d: boolean, shape: Zyx): SourceMap | undefined {
  if (!spatial.angles && !spatial.scales) return undefined;
  return { matrix: spatialMatrix(spatial, isIn2d), centre: shape.map((size) => (size - 1) / 2) };
}

/** Where the centre crop begins in the image, may be negative. */
export function cropStart(shape: Zyx, patchSize: Zyx): Zyx {
  const start = (axis: 0 | 1 | 2) => Math.floor(shape[axis] / 2) - Math.floor(patchSize[axis] / 2);
  return [start(0), start(1), start(2)];
}

/**
 * Image, zero outside, and labels, −1 outside, of `patchSize`. Linear sampling of labels takes the label whose
 * indicator is largest, compared as halves of a thousandth, the smaller label of equals.
 *
 * Follows batchgeneratorsv2's `SpatialTransform` with zero padding of images and −1 of labels.
 */
export function applySpatial(
  image: ImagePatch,
  labels: LabelPatch,
  spatial: Spatial,
  options: SpatialOptions,
): { image: ImagePatch; labels: LabelPatch } {
  const map = sourceMap(spatial, options.isIn2d, image.shape);
  const { patchSize: shape, imageSampling, labelSampling } = options;
  const voxels = planeLength({ shape });
  const turned = { channels: image.channels, shape, data: new Float32Array(image.channels * voxels) };
  const turnedLabels = {
    channels: labels.channels,
    shape,
    data: new Int16Array(labels.channels * voxels).fill(-1),
  };
  if (!map) {
    cropCentre(image, turned);
    cropCentre(labels, turnedLabels);
  } else {
    const corners = imageSampling === 'linear' ? linearCorners : nearestCorner;
    const labelCorners = labelSampling === 'linear' ? linearCorners : nearestCorner;
    const border = labelBorder(image.shape, options.isIn2d);
    forEachSource(shape, map, (voxel, z, y, x) => {
      const found = corners(image.shape, z, y, x);
      interpolate(image, found, turned.data, voxel, voxels);
      if (!isInside(image.shape, border, z, y, x)) return;
      const foundLabels = labelCorners === corners ? found : labelCorners(labels.shape, z, y, x);
      for (let s = 0; s < labels.channels; s++) {
        turnedLabels.data[s * voxels + voxel] = likeliestLabel(labels, s, foundLabels);
      }
    });
  }
  return { image: turned, labels: turnedLabels };
}

type Patch = { readonly data: Float32Array | Int16Array; readonly channels: number; readonly shape: Zyx };

function cropCentre(source: Patch, target: Patch): void {
  const [depth, height, width] = source.shape;
  const [tDepth, tHeight, tWidth] = target.shape;
  const [z0, y0, x0] = cropStart(source.shape, target.shape);
  const firstX = Math.max(0, -x0);
  const lastX = Math.min(tWidth, width - x0);
  if (lastX <= firstX) return;
  for (let c = 0; c < source.channels; c++) {
    for (let z = Math.max(0, -z0); z < Math.min(tDepth, depth - z0); z++) {
      for (let y = Math.max(0, -y0); y < Math.min(tHeight, height - y0); y++) {
        const from = ((c * depth + z + z0) * height + y + y0) * width + x0;
        const to = ((c * tDepth + z) * tHeight + y) * tWidth;
        target.data.set(source.data.subarray(from + firstX, from + lastX), to + firstX);
      }
    }
  }
}

function forEachSource(
  shape: Zyx,
  { matrix: m, centre }: SourceMap,
  visit: (voxel: number, z: number, y: number, x: number) => void,
): void {
  const [middleZ, middleY, middleX] = shape.map((size) => (size - 1) / 2);
  let voxel = 0;
  for (let z = -middleZ; z <= middleZ; z++) {
    for (let y = -middleY; y <= middleY; y++) {
      const rowZ = centre[0] + m[0] * z + m[1] * y;
      const rowY = centre[1] + m[3] * z + m[4] * y;
      const rowX = centre[2] + m[6] * z + m[7] * y;
      for (let x = -middleX; x <= middleX; x++)
        visit(voxel++, rowZ + m[2] * x, rowY + m[5] * x, rowX + m[8] * x);
    }
  }
}

/**
 * Lowest source coordinate per axis at which labels are sampled; the highest lies as far from the other end. nnU-Net
 * means the centre of the border voxel, 0, but holds x against the size of z and z against that of x (in 2D x and y).
 */
export function labelBorder([depth, height, width]: Zyx, isIn2d: boolean): Zyx {
  const border = (size: number, compared: number) => (size / compared - 1) / 2;
  return isIn2d
    ? [0, border(height, width), border(width, height)]
    : [border(depth, width), 0, border(width, depth)];
}

function isInside([depth, height, width]: Zyx, border: Zyx, z: number, y: number, x: number): boolean {
  return (
    Math.min(z, depth - 1 - z) >= border[0] &&
    Math.min(y, height - 1 - y) >= border[1] &&
    Math.min(x, width - 1 - x) >= border[2]
  );
}

/** Voxels around a point and what each counts; those outside the image are left out. */
interface Corners {
  count: number;
  readonly at: Int32Array;
  readonly weight: Float64Array;
}

/** Reused for each voxel: the next call overwrites it. */
const LINEAR: Corners = { count: 0, at: new Int32Array(8), weight: new Float64Array(8) };
const NEAREST: Corners = { count: 0, at: new Int32Array(1), weight: new Float64Array([1]) };

function linearCorners([depth, height, width]: Zyx, z: number, y: number, x: number): Corners {
  const z0 = Math.floor(z);
  const y0 = Math.floor(y);
  const x0 = Math.floor(x);
  const shareZ = z - z0;
  const shareY = y - y0;
  const shareX = x - x0;
  // On the grid the second of two neighbours counts nothing.
  const lastZ = Math.min(shareZ > 0 ? z0 + 1 : z0, depth - 1);
  const lastY = Math.min(shareY > 0 ? y0 + 1 : y0, height - 1);
  const lastX = Math.min(shareX > 0 ? x0 + 1 : x0, width - 1);
  let count = 0;
  for (let cz = Math.max(z0, 0); cz <= lastZ; cz++) {
    const weightZ = cz === z0 ? 1 - shareZ : shareZ;
    for (let cy = Math.max(y0, 0); cy <= lastY; cy++) {
      const weightZy = weightZ * (cy === y0 ? 1 - shareY : shareY);
      const row = (cz * height + cy) * width;
      for (let cx = Math.max(x0, 0); cx <= lastX; cx++) {
        LINEAR.at[count] = row + cx;
        LINEAR.weight[count++] = weightZy * (cx === x0 ? 1 - shareX : shareX);
      }
    }
  }
  LINEAR.count = count;
  return LINEAR;
}

function nearestCorner([depth, height, width]: Zyx, z: number, y: number, x: number): Corners {
  const [cz, cy, cx] = [roundHalfEven(z), roundHalfEven(y), roundHalfEven(x)];
  const isOutside = cz < 0 || cy < 0 || cx < 0 || cz >= depth || cy >= height || cx >= width;
  NEAREST.count = isOutside ? 0 : 1;
  NEAREST.at[0] = (cz * height + cy) * width + cx;
  return NEAREST;
}

function interpolate(
  image: ImagePatch,
  { count, at, weight }: Corners,
  result: Float32Array,
  voxel: number,
  voxels: number,
): void {
  const plane = planeLength(image);
  for (let c = 0; c < image.channels; c++) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += weight[i] * image.data[c * plane + at[i]];
    result[c * voxels + voxel] = sum;
  }
}

/** Shares this far apart, in thousandths, are never the same half: between 512 and 1024 halves are 0.5 apart. */
const DECIDED = 1;
/** What leaves the others more than {@link DECIDED} behind. */
const MAJORITY = 501;
/** Labels of the corners; reused for each voxel. */
const FOUND = new Int32Array(8);

function likeliestLabel(labels: LabelPatch, channel: number, { count, at, weight }: Corners): number {
  const start = channel * planeLength(labels);
  let isUniform = true;
  for (let i = 0; i < count; i++) {
    FOUND[i] = labels.data[start + at[i]];
    isUniform = isUniform && FOUND[i] === FOUND[0];
  }
  let best = FOUND[0];
  if (isUniform) return best;
  let bestScore = -1;
  for (let i = 0; i < count; i++) {
    const candidate = FOUND[i];
    if (candidate === best && bestScore >= 0) continue;
    let score = 0;
    for (let j = 0; j < count; j++) if (FOUND[j] === candidate) score += 1000 * weight[j];
    if (score > MAJORITY) return candidate;
    if (score > bestScore + DECIDED || isFirstAsHalf(candidate, score, best, bestScore)) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

/** Whether the candidate wins against the best so far when both scores are halves; the smaller label wins a tie. */
function isFirstAsHalf(candidate: number, score: number, best: number, bestScore: number): boolean {
  if (score < bestScore - DECIDED) return false;
  const [own, other] = [toFloat16Bits(score), toFloat16Bits(bestScore)];
  return own > other || (own === other && candidate < best);
}
