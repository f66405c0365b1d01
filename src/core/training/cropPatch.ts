import type { Sample } from '@/core/augmentation/applyAugmentation';
import type { ClassLocations } from '@/core/preprocessing/classLocations';
import { OUTSIDE_LABEL } from '@/core/preprocessing/cropToNonzero';
import { type BoundingBox, elementCount, type Zyx } from '@/shared/geometry';

/** A case that patches are cut from, wherever its voxels lie. */
export interface PatchSource {
  readonly shape: Zyx;
  readonly classLocations: readonly ClassLocations[];
  /** What it keeps in memory. */
  readonly sizeInBytes: number;
  /** Cuts `[start, start + size)`; beyond the case the image is 0 and labels are −1. */
  cut(start: Zyx, size: Zyx): Promise<Sample>;
}

/** A case whose voxels are in memory. */
export interface PatchArrays {
  readonly channels: number;
  readonly shape: Zyx;
  /** `[c, z, y, x]`. */
  readonly image: Float32Array;
  /** `[z, y, x]` each, in the order of the patch's label channels. */
  readonly segs: readonly (Int8Array | Int16Array | Uint8Array)[];
}

/** Cuts a patch, as {@link PatchSource.cut}. */
export function cropPatch({ channels, shape, image, segs }: PatchArrays, start: Zyx, size: Zyx): Sample {
  const patch = emptyPatch(channels, segs.length, size);
  const plane = elementCount(size);
  const volume = elementCount(shape);
  for (const { from, to, length } of rowsInside(shape, start, size)) {
    for (let c = 0; c < channels; c++) {
      const at = c * volume + from;
      patch.image.data.set(image.subarray(at, at + length), c * plane + to);
    }
    for (const [channel, seg] of segs.entries()) {
      patch.labels.data.set(seg.subarray(from, from + length), channel * plane + to);
    }
  }
  return patch;
}

/** Fills the patch's second label channel: `previousStage`, `[z, y, x]` of the case's `shape`, cut at `start`. */
export function addPreviousStage(
  { labels }: Sample,
  previousStage: Uint8Array,
  shape: Zyx,
  start: Zyx,
): void {
  const plane = elementCount(labels.shape);
  for (const { from, to, length } of rowsInside(shape, start, labels.shape)) {
    labels.data.set(previousStage.subarray(from, from + length), plane + to);
  }
}

/** A patch of nothing but outside. */
export function emptyPatch(channels: number, labelChannels: number, size: Zyx): Sample {
  const plane = elementCount(size);
  return {
    image: { data: new Float32Array(channels * plane), channels, shape: size },
    labels: {
      data: new Int16Array(labelChannels * plane).fill(OUTSIDE_LABEL),
      channels: labelChannels,
      shape: size,
    },
  };
}

/** A row of a patch that lies within the case: where it begins there and here, and its length, elements. */
export interface RowInside {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** All of them, slice by slice. */
export function* rowsInside(shape: Zyx, start: Zyx, size: Zyx): Generator<RowInside> {
  const [zs, ys, xs] = insideOf(shape, start, size);
  const length = xs[1] - xs[0];
  if (length <= 0) return;
  for (let z = zs[0]; z < zs[1]; z++) {
    for (let y = ys[0]; y < ys[1]; y++) {
      const from = ((start[0] + z) * shape[1] + start[1] + y) * shape[2] + start[2] + xs[0];
      yield { from, to: (z * size[1] + y) * size[2] + xs[0], length };
    }
  }
}

/** Which part of the patch lies within the case; empty ranges where none does. */
export function insideOf(shape: Zyx, start: Zyx, size: Zyx): BoundingBox {
  const axis = (d: 0 | 1 | 2): readonly [number, number] => {
    const first = Math.max(0, -start[d]);
    return [first, Math.max(first, Math.min(size[d], shape[d] - start[d]))];
  };
  return [axis(0), axis(1), axis(2)];
}
