import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { Zyx } from '@/shared/geometry';
import { bindRange, type KernelLimits } from '../ranges';
import { enableStorage, storageOf } from '../storage';
import shader from './feed.wgsl?raw';
import { threadGrid } from './grid';

/** Words of {@link feedUniform}. */
export const FEED_WORDS = 8;

/** What a channel becomes in the network's input. */
export interface FeedNumbers {
  readonly shape: Zyx;
  /** Element of the input at which the channel begins. */
  readonly start: number;
  /** Axes of `[z, y, x]` to flip. */
  readonly flippedAxes: readonly number[];
  /** Zero where the label is negative. */
  readonly isMasked: boolean;
}

export function feedUniform(
  fed: GpuArray,
  { shape, start, flippedAxes, isMasked }: FeedNumbers,
): Uint32Array {
  const { base } = feedRange(fed, shape, start);
  const flips = [0, 1, 2].map((axis) => (flippedAxes.includes(axis) ? 1 : 0));
  return Uint32Array.of(...shape, base, ...flips, isMasked ? 1 : 0);
}

function feedRange(fed: GpuArray, shape: Zyx, start: number): { array: GpuArray; base: number } {
  return bindRange(fed, start, shape[0] * shape[1] * shape[2]);
}

/** Writes `plane` (f32) into the channel of `fed` (f32 or f16) that begins at `start`. `labels`: i32 in words, unflipped. */
export function feedChannel(args: {
  readonly limits: KernelLimits;
  readonly shape: Zyx;
  readonly start: number;
  readonly plane: GpuArray;
  readonly labels: GpuArray;
  readonly fed: GpuArray;
  /** Holds {@link feedUniform}. */
  readonly uniform: GPUBuffer;
}): Dispatch {
  const { limits, shape, start, plane, labels, fed, uniform } = args;
  const storage = storageOf(fed);
  return {
    label: 'feed.channel',
    source: `${enableStorage(storage)}alias stored = ${storage};\n${shader}`,
    entryPoint: 'feedChannel',
    bindings: [plane, labels, feedRange(fed, shape, start).array],
    uniform,
    workgroups: threadGrid(limits, plane.size),
  };
}
