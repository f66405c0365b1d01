// What happens to labels after the drawn transforms, in training and in validation.

import type { Zyx } from '@/shared/geometry';
import { channelOf, type ImagePatch, type LabelPatch, planeLength } from './patch';
import { nearestExact } from './simulateLowResolution';

/** What the loss compares with: a label map, or one channel a region. */
export type TargetRule =
  | { readonly kind: 'labels' }
  | {
      readonly kind: 'regions';
      /** Label values of each, in the order of the network's outputs. */
      readonly regions: readonly (readonly number[])[];
      /** Gets a channel after the regions. */
      readonly ignoreLabel: number | undefined;
    };

/** These channels become 0 where the first label channel is negative. Follows `MaskImageTransform`. */
export function maskOutside(image: ImagePatch, labels: LabelPatch, channels: readonly number[]): void {
  for (const channel of channels) {
    const plane = channelOf(image, channel);
    for (let i = 0; i < plane.length; i++) if (labels.data[i] < 0) plane[i] = 0;
  }
}

/** −1 becomes 0 in every channel. Follows `RemoveLabelTansform(-1, 0)`. */
export function removeOutsideLabel({ data }: LabelPatch): void {
  for (let i = 0; i < data.length; i++) if (data[i] === -1) data[i] = 0;
}

/** One channel of zeros and ones per value, `[values, z, y, x]`. Follows `MoveSegAsOneHotToDataTransform`. */
export function oneHot(labels: LabelPatch, channel: number, values: readonly number[]): Float32Array {
  const length = planeLength(labels);
  const start = channel * length;
  const result = new Float32Array(values.length * length);
  for (const [v, value] of values.entries()) {
    for (let i = 0; i < length; i++) if (labels.data[start + i] === value) result[v * length + i] = 1;
  }
  return result;
}

/** The image with further channels after its own. */
export function appendChannels(image: ImagePatch, further: Float32Array): ImagePatch {
  const data = new Float32Array(image.data.length + further.length);
  data.set(image.data);
  data.set(further, image.data.length);
  return { data, shape: image.shape, channels: data.length / planeLength(image) };
}

/**
 * Targets of the heads from the first label channel, of these shapes, by the nearest voxel: `[z, y, x]` labels, or
 * `[regions, z, y, x]` zeros and ones. Follows `ConvertSegmentationToRegionsTransform` and `DownsampleSegForDSTransform`.
 */
export function deepSupervisionTargets(
  labels: LabelPatch,
  rule: TargetRule,
  shapes: readonly Zyx[],
): Uint8Array[] {
  const masks = regionMasks(rule);
  return shapes.map((shape) => {
    const [, height, width] = labels.shape;
    const [inZ, inY, inX] = labels.shape.map((size, axis) => nearestExact(size, shape[axis]));
    const voxels = planeLength({ shape });
    const target = new Uint8Array(voxels * Math.max(masks.length, 1));
    for (let z = 0, i = 0; z < shape[0]; z++) {
      for (let y = 0; y < shape[1]; y++) {
        const row = (inZ[z] * height + inY[y]) * width;
        for (let x = 0; x < shape[2]; x++, i++) {
          const label = labels.data[row + inX[x]];
          if (rule.kind === 'labels') target[i] = label;
          else for (const [r, mask] of masks.entries()) target[r * voxels + i] = mask.has(label) ? 1 : 0;
        }
      }
    }
    return target;
  });
}

/** Values of each target channel, the ignore label's last; none for a label map. */
export function regionMasks(rule: TargetRule): ReadonlySet<number>[] {
  if (rule.kind === 'labels') return [];
  const masks = rule.regions.map((values) => new Set(values));
  return rule.ignoreLabel === undefined ? masks : [...masks, new Set([rule.ignoreLabel])];
}
