import type { Sample } from '@/core/augmentation/applyAugmentation';
import { OUTSIDE_LABEL } from '@/core/preprocessing/cropToNonzero';
import { elementCount, type Zyx } from '@/shared/geometry';

/** What patches are cut from. */
export interface PatchSource {
  readonly channels: number;
  readonly shape: Zyx;
  /** `[c, z, y, x]`. */
  readonly image: Float32Array;
  /** `[z, y, x]` each, in the order of the patch's label channels. */
  readonly segs: readonly ArrayLike<number>[];
}

/** Cuts `[start, start + size)`; beyond the case the image is 0 and labels are −1. */
export function cropPatch({ channels, shape, image, segs }: PatchSource, start: Zyx, size: Zyx): Sample {
  const plane = elementCount(size);
  const data = new Float32Array(channels * plane);
  const labels = new Int16Array(segs.length * plane).fill(OUTSIDE_LABEL);
  const volume = elementCount(shape);
  eachRowInside(shape, start, size, (from, to, length) => {
    for (let c = 0; c < channels; c++) {
      const at = c * volume + from;
      data.set(image.subarray(at, at + length), c * plane + to);
    }
    for (const [channel, seg] of segs.entries()) {
      for (let i = 0; i < length; i++) labels[channel * plane + to + i] = seg[from + i];
    }
  });
  return {
    image: { data, channels, shape: size },
    labels: { data: labels, channels: segs.length, shape: size },
  };
}

/** Rows of the patch that lie within the volume: where each begins there and here, and its length. */
function eachRowInside(
  shape: Zyx,
  start: Zyx,
  size: Zyx,
  copy: (from: number, to: number, length: number) => void,
): void {
  const first = (d: 0 | 1 | 2) => Math.max(0, -start[d]);
  const last = (d: 0 | 1 | 2) => Math.min(size[d], shape[d] - start[d]);
  const x = first(2);
  const length = last(2) - x;
  if (length <= 0) return;
  for (let z = first(0); z < last(0); z++) {
    for (let y = first(1); y < last(1); y++) {
      const from = ((start[0] + z) * shape[1] + start[1] + y) * shape[2] + start[2] + x;
      copy(from, (z * size[1] + y) * size[2] + x, length);
    }
  }
}
