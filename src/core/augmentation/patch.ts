import type { Zyx } from '@/shared/geometry';

/** `[c, z, y, x]`, f32. A 2D patch has one slice. Transforms work in place. */
export interface ImagePatch {
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Zyx;
}

/** `[s, z, y, x]`; −1 outside the image. */
export interface LabelPatch {
  readonly data: Int16Array;
  readonly channels: number;
  readonly shape: Zyx;
}

/** Voxels of a channel. */
export function planeLength({ shape }: { readonly shape: Zyx }): number {
  return shape[0] * shape[1] * shape[2];
}

/** One channel of an image, as a view. */
export function channelOf(image: ImagePatch, channel: number): Float32Array {
  const length = planeLength(image);
  return image.data.subarray(channel * length, (channel + 1) * length);
}
