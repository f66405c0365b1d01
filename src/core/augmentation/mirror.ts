import type { Random } from '@/shared/random';
import type { ImagePatch, LabelPatch } from './patch';

export interface MirrorRule {
  readonly kind: 'mirror';
  /** Axes of `[z, y, x]` that may be flipped. */
  readonly axes: readonly number[];
}

export interface Mirror {
  readonly kind: 'mirror';
  /** Axes of `[z, y, x]`. */
  readonly axes: readonly number[];
}

/** Each axis by itself, half the time. Follows batchgeneratorsv2's `MirrorTransform`. */
export function drawMirror(random: Random, { axes }: MirrorRule): Mirror {
  return { kind: 'mirror', axes: axes.filter(() => random.uniform() < 0.5) };
}

/** Flips every channel, in place. */
export function applyMirror(patch: ImagePatch | LabelPatch, { axes }: Mirror): void {
  const { data, shape } = patch;
  for (const axis of axes) {
    const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    const length = stride * shape[axis];
    for (let start = 0; start < data.length; start += length) {
      for (let low = 0, high = length - stride; low < high; low += stride, high -= stride) {
        for (let i = start; i < start + stride; i++) {
          const value = data[i + low];
          data[i + low] = data[i + high];
          data[i + high] = value;
        }
      }
    }
  }
}
