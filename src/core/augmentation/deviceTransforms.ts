// One sample's transforms, as the device takes them: turn, change single channels, flip.

import { type ChannelTransform, isChannelTransform } from './channelKernels';
import type { Transform } from './drawAugmentation';
import { rot90Matrix } from './rot90';
import { multiply, type Spatial } from './spatial';
import { transposeAxesMatrix } from './transposeAxes';

/** A spatial transform, and the quarter turns and exchanges of axes right after it, which cost nothing in one sampling. */
export interface Turn {
  readonly spatial: Spatial;
  /** Row-major 3 × 3. */
  readonly exchange: readonly number[];
}

/** Transforms as the kernels take them. */
export interface DeviceTransforms {
  readonly turn: Turn | undefined;
  readonly ofChannels: readonly ChannelTransform[];
  /** What is left to flip when the image is fed. */
  readonly flippedAxes: readonly number[];
  /** Of the labels, which are only flipped when targets are made. */
  readonly labelFlippedAxes: readonly number[];
}

export const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1] as const;

/** `undefined` where others are among them or the order is another: the CPU transforms that sample. */
export function forDevice(transforms: readonly Transform[]): DeviceTransforms | undefined {
  const [first, ...later] = transforms;
  const spatial = first?.kind === 'spatial' ? first : undefined;
  let exchange: readonly number[] = IDENTITY;
  const rest = spatial ? later : [...transforms];
  while (spatial && rest.length > 0) {
    const [next] = rest;
    if (next.kind === 'rot90') exchange = multiply(exchange, rot90Matrix(next));
    else if (next.kind === 'transposeAxes') exchange = multiply(exchange, transposeAxesMatrix(next));
    else break;
    rest.shift();
  }
  const ofChannels = rest.filter(isChannelTransform);
  if (ofChannels.length < rest.length) return undefined;
  const mirrors = ofChannels.filter((transform) => transform.kind === 'mirror');
  const last = ofChannels.at(-1);
  const isLast = last?.kind === 'mirror';
  return {
    turn: spatial && { spatial, exchange },
    ofChannels: isLast ? ofChannels.slice(0, -1) : ofChannels,
    flippedAxes: isLast ? last.axes : [],
    labelFlippedAxes: [0, 1, 2].filter(
      (axis) => mirrors.filter(({ axes }) => axes.includes(axis)).length % 2 === 1,
    ),
  };
}
