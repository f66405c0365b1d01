// From a patch's labels to what the network reads and the losses judge: the end of nnU-Net's transforms, which training
// and validation share.

import type { LabelPatch } from '@/core/augmentation/patch';
import type { LabelSet } from '@/core/interop/labels';
import { packLabels, packRegions } from '@/kernels/losses/target';
import { elementCount, type Zyx } from '@/shared/geometry';

/** What the loss of each head is given. */
export interface TargetRecipe {
  readonly labels: LabelSet;
  /** Shape of each head's output, finest first; none where the loss leaves the head out. */
  readonly headShapes: readonly (Zyx | undefined)[];
}

/** Channel `channel` of the labels, with 0 for what lies outside. */
export function labelChannel({ data, shape }: LabelPatch, channel: number): Uint8Array {
  const size = elementCount(shape);
  return Uint8Array.from(data.subarray(channel * size, (channel + 1) * size), (label) => Math.max(0, label));
}

/** 0/1 channels `[labels, z, y, x]` of a previous stage's segmentation, one for each foreground label. */
export function previousStageChannels(seg: Uint8Array, labels: LabelSet): Float32Array {
  const foreground = foregroundLabels(labels);
  const channels = new Float32Array(foreground.length * seg.length);
  for (const [channel, label] of foreground.entries()) {
    for (let i = 0; i < seg.length; i++) if (seg[i] === label) channels[channel * seg.length + i] = 1;
  }
  return channels;
}

/** Labels that a cascade's stage is told of by the one before it. */
export function foregroundLabels({ allLabels }: LabelSet): readonly number[] {
  return allLabels.filter((label) => label !== 0);
}

/** Packed targets of a batch by head, from the label map of each sample at full resolution. */
export function packTargets(
  samples: readonly Uint8Array[],
  shape: Zyx,
  { labels, headShapes }: TargetRecipe,
): readonly (Uint32Array | undefined)[] {
  return headShapes.map((headShape) => {
    if (!headShape) return undefined;
    const size = elementCount(headShape);
    const maps = new Uint8Array(samples.length * size);
    for (const [n, sample] of samples.entries()) maps.set(nearestExact(sample, shape, headShape), n * size);
    return labels.hasRegions
      ? packRegions(regionsOf(maps, size, labels), regionValues(labels).length, size)
      : packLabels(maps);
  });
}

/** Labels of each target channel: the regions, and behind them what is ignored. */
function regionValues({ foregroundRegions, ignoreLabel }: LabelSet): readonly (readonly number[])[] {
  return ignoreLabel === undefined ? foregroundRegions : [...foregroundRegions, [ignoreLabel]];
}

/** `[n, channels, voxels]` from `[n, voxels]`. */
function regionsOf(maps: Uint8Array, voxels: number, labels: LabelSet): Uint8Array {
  const regions = regionValues(labels);
  const result = new Uint8Array(maps.length * regions.length);
  for (const [channel, values] of regions.entries()) {
    for (let i = 0; i < maps.length; i++) {
      if (!values.includes(maps[i])) continue;
      const sample = Math.floor(i / voxels);
      result[(sample * regions.length + channel) * voxels + (i % voxels)] = 1;
    }
  }
  return result;
}

/** torch's `nearest-exact`: voxel `k` takes that at `⌊(k + ½) · from / to⌋`. */
function nearestExact(map: Uint8Array, from: Zyx, to: Zyx): Uint8Array {
  if (from.every((size, axis) => size === to[axis])) return map;
  const places = (axis: 0 | 1 | 2) =>
    Array.from({ length: to[axis] }, (_, k) => Math.floor(((k + 0.5) * from[axis]) / to[axis]));
  const [zs, ys, xs] = [places(0), places(1), places(2)];
  const result = new Uint8Array(elementCount(to));
  let at = 0;
  for (const z of zs) {
    for (const y of ys) {
      const row = (z * from[1] + y) * from[2];
      for (const x of xs) result[at++] = map[row + x];
    }
  }
  return result;
}
