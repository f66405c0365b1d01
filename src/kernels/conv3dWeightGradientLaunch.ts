// Choice of a kernel for a weight gradient, and its dispatches: partial sums of each range of positions to a scratch
// array and a second pass that adds them up in a fixed order, or one pass where one range is enough.

import type { AdapterFacts } from '@/gpu/device';
import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { elementCount } from '@/shared/geometry';
import { directSource, directSplits, directTiles } from './conv3dWeightGradientDirect';
import { lanesSource, lanesSplits, lanesTiles } from './conv3dWeightGradientLanes';
import {
  registerTilesSource,
  registerTilesSplits,
  registerTilesTiles,
  suitsRegisterTiles,
} from './conv3dWeightGradientRegisterTiles';
import {
  type ChannelWindow,
  innerSlices,
  partialSize,
  splitCount,
  touched,
  type WeightGradientPart,
  type WeightGradientShape,
  weightGradientParts,
} from './conv3dWeightGradientShape';
import { sizesUniform, type WeightGradientAccess } from './conv3dWeightGradientSource';
import sumSource from './conv3dWeightGradientSum.wgsl?raw';
import { tiledSource, tiledSplits, tiledTiles } from './conv3dWeightGradientTiled';
import { suitsWinograd, winogradSource, winogradSplits, winogradTiles } from './conv3dWeightGradientWinograd';
import { bindRange, type KernelLimits } from './ranges';
import { featureDtypeOf } from './storage';

const SUM_WORKGROUP_SIZE = 64;

/** A family of kernels. */
export type WeightGradientKernel = 'direct' | 'lanes' | 'registerTiles' | 'tiled' | 'winograd';

interface Family {
  readonly source: (shape: WeightGradientShape, access: WeightGradientAccess) => string;
  /** Workgroups per split. */
  readonly tiles: (shape: WeightGradientShape, part: WeightGradientPart) => number;
  readonly splits: (shape: WeightGradientShape, part: WeightGradientPart, positions: number) => number;
}

const FAMILIES: Readonly<Record<WeightGradientKernel, Family>> = {
  direct: { source: directSource, tiles: directTiles, splits: directSplits },
  lanes: { source: lanesSource, tiles: lanesTiles, splits: lanesSplits },
  registerTiles: { source: registerTilesSource, tiles: registerTilesTiles, splits: registerTilesSplits },
  tiled: { source: tiledSource, tiles: tiledTiles, splits: tiledSplits },
  winograd: { source: winogradSource, tiles: winogradTiles, splits: winogradSplits },
};

/** Families worth measuring for a gradient on an adapter, the likely best first. */
export function weightGradientCandidates(
  shape: WeightGradientShape,
  { isSoftware, subgroupSize }: Pick<AdapterFacts, 'isSoftware' | 'subgroupSize'>,
): WeightGradientKernel[] {
  if (isSoftware) return subgroupSize === 8 ? ['lanes', 'direct'] : ['direct'];
  if (!suitsRegisterTiles(shape)) return ['tiled', 'direct'];
  return suitsWinograd(shape)
    ? ['winograd', 'registerTiles', 'tiled', 'direct']
    : ['registerTiles', 'tiled', 'direct'];
}

/** What decides about the dispatches, but for the arrays. */
export interface WeightGradientPlan {
  readonly shape: WeightGradientShape;
  readonly kernel: WeightGradientKernel;
  readonly window: ChannelWindow;
  readonly limits: KernelLimits;
}

export interface WeightGradientArgs extends WeightGradientPlan {
  /** F32 or f16, as `inner`. */
  readonly outer: GpuArray;
  readonly inner: GpuArray;
  /** `[outer, window.of, tap]`; only the window is written. */
  readonly gradient: GpuArray;
  readonly scratch: GpuArray | undefined;
  readonly accumulate: boolean;
}

/** Elements of `scratch`; 0 for none. */
export function weightGradientScratchSize(plan: WeightGradientPlan): number {
  const sizes = weightGradientParts(plan.shape, plan.window, plan.limits).map((part) => {
    const splits = splitsOf(plan, part);
    return splits > 1 ? splits * partialSize(part, plan.shape) : 0;
  });
  return Math.max(...sizes);
}

/** Run the dispatches in order. */
export function weightGradient(args: WeightGradientArgs): Dispatch[] {
  return weightGradientParts(args.shape, args.window, args.limits).flatMap((part) =>
    dispatchPart(args, part),
  );
}

function splitsOf({ shape, kernel, limits }: WeightGradientPlan, part: WeightGradientPart): number {
  const positions = part.images.count * part.slices.count * shape.outerSize[1] * shape.outerSize[2];
  return splitCount(part, shape, FAMILIES[kernel].splits(shape, part, positions), limits);
}

function dispatchPart(args: WeightGradientArgs, part: WeightGradientPart): Dispatch[] {
  const { shape, kernel, limits, window, outer, inner } = args;
  const family = FAMILIES[kernel];
  const splits = splitsOf(args, part);
  const taps = elementCount(shape.kernelSize);
  const gradientRow = window.of * taps;
  const gradient = bindRange(args.gradient, part.outer.start * gradientRow, part.outer.count * gradientRow);
  const gradientBase = gradient.base + (window.start + part.inner.start) * taps;
  const adds = args.accumulate || part.isLater ? 1 : 0;
  const row = part.inner.count * taps;
  const target = splits === 1 ? gradient.array : partials(args, splits * part.outer.count * row);
  const boundOuter = bindPart(
    outer,
    shape.outerChannels,
    shape.outerSize,
    part.images,
    part.outer,
    part.slices,
  );
  const slices = innerSlices(shape, part.slices);
  const boundInner = bindPart(inner, shape.innerChannels, shape.innerSize, part.images, part.inner, slices);
  const access = (array: GpuArray) => (array.buffer === target.buffer ? 'read_write' : 'read');
  const first: Dispatch = {
    label: `weightGradient.${kernel}`,
    source: family.source(shape, {
      outer: access(outer),
      inner: access(inner),
      outerStorage: featureDtypeOf(outer),
      innerStorage: featureDtypeOf(inner),
    }),
    entryPoint: 'main',
    bindings: [boundOuter.array, boundInner.array, target],
    uniform: sizesUniform({
      outerDepth: shape.outerSize[0],
      outerHeight: shape.outerSize[1],
      outerWidth: shape.outerSize[2],
      innerDepth: shape.innerSize[0],
      innerHeight: shape.innerSize[1],
      innerWidth: shape.innerSize[2],
      outerChannels: shape.outerChannels,
      innerChannels: shape.innerChannels,
      outerCount: part.outer.count,
      innerCount: part.inner.count,
      images: part.images.count,
      firstSlice: part.slices.start,
      slices: part.slices.count,
      outerBase: boundOuter.base,
      innerBase: boundInner.base,
      splits,
      targetBase: splits === 1 ? gradientBase : 0,
      targetRow: splits === 1 ? gradientRow : row,
      targetSplit: splits === 1 ? 0 : part.outer.count * row,
      adds: splits === 1 ? adds : 0,
      taps,
      kernelDepth: shape.kernelSize[0],
      strideDepth: shape.stride[0],
      paddingDepth: shape.padding[0],
    }),
    workgroups: [...foldGrid({ limits }, splits * family.tiles(shape, part)), 1],
  };
  if (splits === 1) return [first];
  const count = part.outer.count * row;
  const second: Dispatch = {
    label: 'weightGradient.sum',
    source: sumSource,
    entryPoint: 'main',
    constants: { workgroupSize: SUM_WORKGROUP_SIZE },
    bindings: [target, gradient.array],
    uniform: Uint32Array.of(count, splits, row, gradientRow, gradientBase, adds),
    workgroups: [...foldGrid({ limits }, Math.ceil(count / SUM_WORKGROUP_SIZE)), 1],
  };
  return [first, second];
}

function partials({ scratch }: WeightGradientArgs, size: number): GpuArray {
  if (!scratch || scratch.size < size) {
    throw new Error(`weight gradient: needs a scratch array of ${size} elements, has ${scratch?.size ?? 0}`);
  }
  return { ...scratch, size };
}

/** What a part touches, as one binding, and where in it the part's first channel of its first image begins. */
function bindPart(
  array: GpuArray,
  channels: number,
  size: WeightGradientShape['outerSize'],
  images: WeightGradientPart['images'],
  channel: WeightGradientPart['outer'],
  slices: WeightGradientPart['slices'],
): { array: GpuArray; base: number } {
  const range = touched(channels, size, images, channel, slices);
  const bound = bindRange(array, range.start, range.count);
  return { array: bound.array, base: bound.base - slices.start * size[1] * size[2] };
}
