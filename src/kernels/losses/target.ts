// Targets as the loss kernels read them: bytes, packed into words, first byte lowest (as typed arrays lie in memory).

import type { LossShape, LossTarget } from './lossOptions';

/** Label map `[n, voxels]`, one byte a voxel; labels and the ignore label at most 255. */
export function packLabels(labels: ArrayLike<number>): Uint32Array {
  const bytes = new Uint8Array(Math.ceil(labels.length / 4) * 4);
  bytes.set(labels);
  return new Uint32Array(bytes.buffer);
}

/**
 * Regions `[n, channels, voxels]`, zero or not, the ignore mask last where there is one. One bit a channel: each voxel
 * takes `ceil(channels / 8)` bytes, channel `c` being bit `c % 8` of byte `c / 8`.
 */
export function packRegions(regions: ArrayLike<number>, channels: number, voxels: number): Uint32Array {
  const batch = regions.length / (channels * voxels);
  const bytesPerVoxel = Math.ceil(channels / 8);
  const bytes = new Uint8Array(Math.ceil((batch * voxels * bytesPerVoxel) / 4) * 4);
  for (let i = 0; i < regions.length; i++) {
    if (!regions[i]) continue;
    const channel = Math.floor(i / voxels) % channels;
    const voxel = Math.floor(i / (voxels * channels)) * voxels + (i % voxels);
    bytes[voxel * bytesPerVoxel + (channel >> 3)] |= 1 << (channel & 7);
  }
  return new Uint32Array(bytes.buffer);
}

/** What {@link packLabels} or {@link packRegions} packed. */
export function unpackTarget(
  target: LossTarget,
  { batch, classes, voxels }: LossShape,
  words: ArrayLike<number>,
): Uint8Array {
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  if (target.kind === 'labels') return bytes.subarray(0, batch * voxels);
  const channels = classes + (target.hasIgnore ? 1 : 0);
  const bytesPerVoxel = targetBytesPerVoxel(target, classes);
  return Uint8Array.from({ length: batch * channels * voxels }, (_, i) => {
    const channel = Math.floor(i / voxels) % channels;
    const voxel = Math.floor(i / (voxels * channels)) * voxels + (i % voxels);
    return (bytes[voxel * bytesPerVoxel + (channel >> 3)] >> (channel & 7)) & 1;
  });
}

/** Bytes of one voxel's target. */
export function targetBytesPerVoxel(target: LossTarget, classes: number): number {
  return target.kind === 'labels' ? 1 : Math.ceil((classes + (target.hasIgnore ? 1 : 0)) / 8);
}

/** Words (u32) of the target of `batch` samples. */
export function targetSize(target: LossTarget, classes: number, batch: number, voxels: number): number {
  return Math.ceil((batch * voxels * targetBytesPerVoxel(target, classes)) / 4);
}
