import type { Dispatch, GpuArray } from '@/gpu/dispatch';
import type { Zyx } from '@/shared/geometry';
import { bindRange, type KernelLimits } from '../ranges';
import { enableStorage, featureDtypeOf } from '../storage';
import shader from './feed.wgsl?raw';
import { threadGrid, uniformWords } from './grid';

/** Words of {@link feedUniform}. */
export const FEED_WORDS = 12;

/** What a channel becomes in the network's input. */
export interface FeedNumbers {
  readonly shape: Zyx;
  /** Element of the input at which the channel begins. */
  readonly start: number;
  /** Axes of `[z, y, x]` to flip the plane along. */
  readonly flippedAxes: readonly number[];
  /** The same for labels, where they are not those of the plane. */
  readonly labelFlippedAxes?: readonly number[];
  /** Zero where the label is negative. */
  readonly isMasked: boolean;
}

export function feedUniform(fed: GpuArray, numbers: FeedNumbers): Uint32Array {
  const { shape, start, flippedAxes, labelFlippedAxes = flippedAxes, isMasked } = numbers;
  const { base } = feedRange(fed, shape, start);
  const flags = (axes: readonly number[]) => [0, 1, 2].map((axis) => (axes.includes(axis) ? 1 : 0));
  return uniformWords(FEED_WORDS, [
    { at: 0, words: [...shape, base] },
    { at: 4, words: [...flags(flippedAxes), isMasked ? 1 : 0] },
    { at: 8, words: flags(labelFlippedAxes) },
  ]);
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
  const storage = featureDtypeOf(fed);
  return {
    label: 'feed.channel',
    source: `${enableStorage(storage)}alias stored = ${storage};\n${shader}`,
    entryPoint: 'feedChannel',
    bindings: [plane, labels, feedRange(fed, shape, start).array],
    uniform,
    workgroups: threadGrid(limits, plane.size),
  };
}
