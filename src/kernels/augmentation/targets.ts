import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import { elementCount, type Zyx } from '@/shared/geometry';
import { bindingCapacity, bindRange, type KernelLimits, pieces } from '../ranges';
import { threadGrid } from './grid';
import shader from './targets.wgsl?raw';

const LABELS = 256;

/**
 * What each byte of a voxel's target is, by label, `[256, bytesPerVoxel]`. A label map's byte is the label itself; of
 * regions, sets of labels, bit `r % 8` of byte `r / 8` says whether region `r` holds the label.
 */
export function targetBytes(regions: readonly ReadonlySet<number>[]): Uint32Array {
  if (regions.length === 0) return Uint32Array.from({ length: LABELS }, (_, label) => label);
  const bytesPerVoxel = Math.ceil(regions.length / 8);
  const bytes = new Uint32Array(LABELS * bytesPerVoxel);
  for (const [r, region] of regions.entries()) {
    for (const label of region) {
      if (label < LABELS) bytes[label * bytesPerVoxel + (r >> 3)] |= 1 << (r & 7);
    }
  }
  return bytes;
}

/** Words of one head's target; `bytes` are those of {@link targetBytes}. */
export function targetWords({
  batch,
  shape,
  bytes,
}: {
  readonly batch: number;
  readonly shape: Zyx;
  readonly bytes: number;
}): number {
  return Math.ceil((batch * elementCount(shape) * (bytes / LABELS)) / 4);
}

/**
 * One head's target of the whole batch. `labels` `[n, z, y, x]`, i32 in words, a sample each `labelStride`; `flips`
 * `[n, 4]`, u32, by axis; `bytes` of {@link targetBytes}; `nearest`, u32: the patch's voxel of each of the target's, axis
 * after axis; `target` packed, of {@link targetWords}. The labels of one sample must fit one binding, not so the rest.
 */
export function packTarget(args: PackTargetArgs): Dispatch[] {
  const { limits, batch, shape, bytes } = args;
  const bytesPerVoxel = bytes.size / LABELS;
  const sampleBytes = elementCount(shape) * bytesPerVoxel;
  const bytesPerBinding = 4 * bindingCapacity(limits);
  const samplesPerBinding = Math.min(
    Math.floor(bindingCapacity(limits) / args.labelStride),
    Math.floor(bytesPerBinding / sampleBytes),
  );
  if (samplesPerBinding > 0) {
    return pieces(batch, samplesPerBinding).map(({ start, count }) =>
      packPart(args, start, { start: start * sampleBytes, count: count * sampleBytes }),
    );
  }
  return pieces(batch, 1).flatMap(({ start: sample }) =>
    pieces(sampleBytes, bytesPerBinding).map(({ start, count }) =>
      packPart(args, sample, { start: sample * sampleBytes + start, count }),
    ),
  );
}

interface PackTargetArgs {
  readonly limits: KernelLimits;
  readonly batch: number;
  readonly patchShape: Zyx;
  readonly shape: Zyx;
  readonly labels: GpuArray;
  readonly labelStride: number;
  readonly flips: GpuArray;
  readonly bytes: GpuArray;
  readonly nearest: GpuArray;
  readonly target: GpuArray;
}

/** Some of the target's bytes, all of samples from `firstSample` on. */
function packPart(
  args: PackTargetArgs,
  firstSample: number,
  { start, count }: { readonly start: number; readonly count: number },
): Dispatch {
  const { limits, patchShape, shape, labels, labelStride, flips, bytes, nearest, target } = args;
  const bytesPerVoxel = bytes.size / LABELS;
  const sampleBytes = elementCount(shape) * bytesPerVoxel;
  const samples = Math.ceil((start + count) / sampleBytes) - firstSample;
  const firstWord = Math.floor(start / 4);
  const words = Math.ceil((start + count) / 4) - firstWord;
  const destination = bindRange(target, firstWord, words);
  const source = bindRange(labels, firstSample * labelStride, samples * labelStride);
  return {
    label: 'targets.pack',
    source: shader,
    entryPoint: 'packTarget',
    bindings: [source.array, flips, bytes, nearest, destination.array],
    uniform: Uint32Array.of(
      ...patchShape,
      firstSample,
      ...shape,
      bytesPerVoxel,
      labelStride,
      start,
      start + count,
      destination.base,
    ),
    workgroups: threadGrid(limits, words),
  };
}
