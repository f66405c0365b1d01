// The sum behind every weight gradient: correlation of two tensors over all positions of the smaller one. Parts of it
// whose arrays each fit one binding, and how finely each is cut so that the whole device is busy.

import { elementCount, type Zyx } from '@/shared/geometry';
import { bindingCapacity, exceedsBinding, type KernelLimits, pieces } from './ranges';

/**
 * `gw[o, i, tap] = Σ_{n, p} outer[n, o, p] · inner[n, i, p · stride + tap − padding]`, zero outside `inner`.
 * Convolution: outer is the gradient of the output, inner the input. Transposed convolution: the other way round.
 */
export interface WeightGradientShape {
  readonly batch: number;
  readonly outerChannels: number;
  readonly innerChannels: number;
  readonly outerSize: Zyx;
  readonly innerSize: Zyx;
  readonly kernelSize: Zyx;
  readonly stride: Zyx;
  readonly padding: Zyx;
}

export interface Piece {
  readonly start: number;
  readonly count: number;
}

/** What one pass computes: the gradient between some channels, from some images and slices of `outer`. */
export interface WeightGradientPart {
  readonly images: Piece;
  readonly outer: Piece;
  readonly inner: Piece;
  /** Of `outer`. */
  readonly slices: Piece;
  /** Images or slices before these already wrote the same gradient. */
  readonly isLater: boolean;
}

/** Channels of the weight along its second axis, and which of them the inner tensor fills. */
export interface ChannelWindow {
  readonly start: number;
  readonly of: number;
}

/** One part if everything fits a binding, else parts by image and channels, and by slices where one channel is too large. */
export function weightGradientParts(
  shape: WeightGradientShape,
  window: ChannelWindow,
  limits: KernelLimits,
): WeightGradientPart[] {
  const { batch, outerChannels, innerChannels, outerSize, innerSize } = shape;
  const capacity = bindingCapacity(limits);
  const outerLength = elementCount(outerSize);
  const innerLength = elementCount(innerSize);
  const fits = batch * Math.max(outerChannels * outerLength, innerChannels * innerLength) <= capacity;
  let outerStep = fits ? outerChannels : Math.floor(capacity / outerLength);
  let innerStep = fits ? innerChannels : Math.floor(capacity / innerLength);
  let sliceStep = outerSize[0];
  if (outerStep < 1 || innerStep < 1) {
    outerStep = 1;
    innerStep = 1;
    sliceStep = slicesThatFit(shape, limits);
  }
  const gradientRow = window.of * elementCount(shape.kernelSize);
  outerStep = Math.min(outerStep, Math.floor(capacity / gradientRow));
  if (outerStep < 1)
    throw new Error(`weight gradient: rows of ${gradientRow} weights exceed the binding limit`);
  return pieces(batch, fits ? batch : 1).flatMap((images) =>
    pieces(outerSize[0], sliceStep).flatMap((slices) =>
      pieces(outerChannels, outerStep).flatMap((outer) =>
        pieces(innerChannels, innerStep).map((inner) => ({
          images,
          slices,
          outer,
          inner,
          isLater: images.start > 0 || slices.start > 0,
        })),
      ),
    ),
  );
}

function slicesThatFit(shape: WeightGradientShape, limits: KernelLimits): number {
  const capacity = bindingCapacity(limits);
  const { outerSize, innerSize, kernelSize, stride } = shape;
  const outerSlices = Math.floor(capacity / (outerSize[1] * outerSize[2]));
  const innerSlices = Math.floor(capacity / (innerSize[1] * innerSize[2]));
  const step = Math.min(outerSize[0], outerSlices, Math.floor((innerSlices - kernelSize[0]) / stride[0]) + 1);
  if (step < 1) throw exceedsBinding('a slice of one channel', limits);
  return step;
}

/** Slices of `inner` that slices of `outer` meet. */
export function innerSlices(shape: WeightGradientShape, { start, count }: Piece): Piece {
  const { innerSize, kernelSize, stride, padding } = shape;
  const first = Math.min(innerSize[0] - 1, Math.max(0, start * stride[0] - padding[0]));
  const end = Math.min(innerSize[0], (start + count - 1) * stride[0] - padding[0] + kernelSize[0]);
  return { start: first, count: Math.max(1, end - first) };
}

/** First element and count of what a part touches of `[n, channels, size]`, everything between included. */
export function touched(
  channels: number,
  size: Zyx,
  images: Piece,
  channel: Piece,
  slices: Piece,
): { start: number; count: number } {
  const plane = size[1] * size[2];
  const at = (n: number, c: number, z: number) => ((n * channels + c) * size[0] + z) * plane;
  const start = at(images.start, channel.start, slices.start);
  const lastImage = images.start + images.count - 1;
  const lastChannel = channel.start + channel.count - 1;
  return { start, count: at(lastImage, lastChannel, slices.start + slices.count) - start };
}

/** Elements that the partial sums of all splits may take: so many in any case, more where that is a tenth of the arrays at most. */
const FREE_SCRATCH = 3.5 * 2 ** 20;
const LARGEST_SCRATCH = 16 * 2 ** 20;

/** In how many ranges of positions to cut a part, of which `wanted` would fill the device. */
export function splitCount(
  part: WeightGradientPart,
  shape: WeightGradientShape,
  wanted: number,
  limits: KernelLimits,
): number {
  const size = partialSize(part, shape);
  const { outerSize, innerSize } = shape;
  const summed =
    part.images.count *
    (part.outer.count * elementCount(outerSize) + part.inner.count * elementCount(innerSize));
  const room = Math.min(
    Math.max(FREE_SCRATCH, Math.min(LARGEST_SCRATCH, Math.floor(summed / 10))),
    bindingCapacity(limits),
  );
  return Math.max(1, Math.min(wanted, Math.floor(room / size)));
}

/** Elements of the partial sums of one split: `[outer, inner, tap]` of the part. */
export function partialSize(part: WeightGradientPart, { kernelSize }: WeightGradientShape): number {
  return part.outer.count * part.inner.count * elementCount(kernelSize);
}

/** Workgroups that fill a large GPU, and those that fill a small one whatever each is worth. */
const MOST_WORKGROUPS = 1536;
const FEWEST_WORKGROUPS = 192;
/** Positions worth a workgroup. */
const SMALLEST_SPLIT = 1024;

/** Ranges of `stages` that would fill a GPU with `tiles` workgroups each. */
export function splitsThatFill(tiles: number, stages: number, positions: number): number {
  const worth = Math.max(Math.floor(positions / SMALLEST_SPLIT), Math.ceil(FEWEST_WORKGROUPS / tiles));
  return Math.max(1, Math.min(stages, Math.ceil(MOST_WORKGROUPS / tiles), worth));
}
