import type { Zyx } from '@/shared/geometry';
import type { Padding } from './slidingWindow';

/** An image to cut windows out of. */
export interface PaddedImage {
  /** `[c, z, y, x]`, without the padding. */
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Zyx;
  readonly padding: Padding;
}

/**
 * Copies the window that starts at `start` of the padded image into `target`, `[c, z, y, x]` of `patchSize`; what lies in
 * the padding is zero.
 */
export function cutWindow(image: PaddedImage, start: Zyx, patchSize: Zyx, target: Float32Array): void {
  const { data, channels, shape, padding } = image;
  const from = start.map((value, axis) => value - padding.before[axis]);
  const xFirst = Math.max(0, -from[2]);
  const xEnd = Math.min(patchSize[2], shape[2] - from[2]);
  target.fill(0);
  for (let c = 0; c < channels; c++) {
    for (let z = Math.max(0, -from[0]); z < Math.min(patchSize[0], shape[0] - from[0]); z++) {
      for (let y = Math.max(0, -from[1]); y < Math.min(patchSize[1], shape[1] - from[1]); y++) {
        const source = ((c * shape[0] + from[0] + z) * shape[1] + from[1] + y) * shape[2] + from[2];
        const row = ((c * patchSize[0] + z) * patchSize[1] + y) * patchSize[2];
        target.set(data.subarray(source + xFirst, source + xEnd), row + xFirst);
      }
    }
  }
}
