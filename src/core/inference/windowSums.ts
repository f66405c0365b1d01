// Sums of weighted logits over all windows, kept on the host: for networks that do not run on our GPU kernels.

import { StudioError } from '@/shared/errors';
import { elementCount, formatNetworkXyz, type Zyx } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import type { Padding } from './slidingWindow';
import type { WindowPass } from './windowAccumulator';

/** What the sums are over. */
export interface WindowSumsRequest {
  readonly classes: number;
  /** Of the image without padding. */
  readonly shape: Zyx;
  readonly padding: Padding;
  readonly patchSize: Zyx;
  /** `[z, y, x]` of the window. */
  readonly importance: Float32Array;
  /** Of the plans, for messages: people read x × y × z. */
  readonly transposeBackward: Zyx;
}

/** f32 sums over the padded image, which become mean logits of the image when all windows were added. */
export class WindowSums {
  private readonly request: WindowSumsRequest;
  /** `[k, z, y, x]` of the padded image. */
  private readonly sums: Float32Array;
  private readonly weights: Float32Array;

  /** Throws `OutOfMemory` where the sums have no room. */
  constructor(request: WindowSumsRequest) {
    const voxels = elementCount(request.padding.paddedShape);
    const bytes = (request.classes + 1) * voxels * 4;
    this.request = request;
    try {
      this.sums = new Float32Array(request.classes * voxels);
      this.weights = new Float32Array(voxels);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new StudioError(
        'OutOfMemory',
        `${request.classes} classes on ${formatNetworkXyz(request.padding.paddedShape, request.transposeBackward)} voxels take ${formatBytes(bytes)}, for which there is no memory.`,
        'Crop the image, or use a machine with WebGPU, where the sums are computed in blocks.',
        { cause },
      );
    }
  }

  get byteLength(): number {
    return this.sums.byteLength + this.weights.byteLength;
  }

  /** Adds the logits `[k, z, y, x]` of one pass over a window. */
  add({ start, mirroredAxes, addsWeight, share }: WindowPass, logits: Float32Array): void {
    const { classes, patchSize, importance } = this.request;
    const [, height, width] = this.request.padding.paddedShape;
    const voxels = this.weights.length;
    const windowVoxels = elementCount(patchSize);
    const [flipZ, flipY, flipX] = [0, 1, 2].map((axis) => mirroredAxes.includes(axis));
    for (let z = 0; z < patchSize[0]; z++) {
      const fromZ = flipZ ? patchSize[0] - 1 - z : z;
      for (let y = 0; y < patchSize[1]; y++) {
        const fromY = flipY ? patchSize[1] - 1 - y : y;
        const weightRow = (z * patchSize[1] + y) * patchSize[2];
        const target = ((start[0] + z) * height + start[1] + y) * width + start[2];
        const source = (fromZ * patchSize[1] + fromY) * patchSize[2];
        for (let c = 0; c < classes; c++) {
          const to = c * voxels + target;
          const from = c * windowVoxels + source;
          for (let x = 0; x < patchSize[2]; x++) {
            const fromX = flipX ? patchSize[2] - 1 - x : x;
            this.sums[to + x] += logits[from + fromX] * importance[weightRow + x] * share;
          }
        }
        if (!addsWeight) continue;
        for (let x = 0; x < patchSize[2]; x++) this.weights[target + x] += importance[weightRow + x];
      }
    }
  }

  /** Mean logits of the image without its padding, `[k, z, y, x]`. The sums are used up. */
  meanLogits(): Float32Array {
    const { classes, shape, padding } = this.request;
    const [, height, width] = padding.paddedShape;
    const voxels = this.weights.length;
    const size = elementCount(shape);
    const isPadded = size !== voxels;
    const logits = isPadded ? new Float32Array(classes * size) : this.sums;
    for (let c = 0; c < classes; c++) {
      for (let z = 0; z < shape[0]; z++) {
        for (let y = 0; y < shape[1]; y++) {
          const from = ((padding.before[0] + z) * height + padding.before[1] + y) * width + padding.before[2];
          const to = c * size + (z * shape[1] + y) * shape[2];
          for (let x = 0; x < shape[2]; x++) {
            logits[to + x] = this.sums[c * voxels + from + x] / this.weights[from + x];
          }
        }
      }
    }
    return logits;
  }
}

/** Mirrors a window `[c, z, y, x]` along the axes (0: z, 1: y, 2: x) into `target`. */
export function mirrorWindow(
  window: Float32Array,
  patchSize: Zyx,
  mirroredAxes: readonly number[],
  target: Float32Array,
): void {
  if (mirroredAxes.length === 0) {
    target.set(window);
    return;
  }
  const [depth, height, width] = patchSize;
  const [flipZ, flipY, flipX] = [0, 1, 2].map((axis) => mirroredAxes.includes(axis));
  const channels = window.length / elementCount(patchSize);
  for (let c = 0; c < channels; c++) {
    for (let z = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        const to = ((c * depth + z) * height + y) * width;
        const from =
          ((c * depth + (flipZ ? depth - 1 - z : z)) * height + (flipY ? height - 1 - y : y)) * width;
        const row = window.subarray(from, from + width);
        target.set(row, to);
        if (flipX) target.subarray(to, to + width).reverse();
      }
    }
  }
}
