// How the passes of a loss cut their work and lay out their scratch array.

import { BYTES_PER_ELEMENT, type GpuArray } from '@/gpu/dispatch';
import { ALIGNMENT_ELEMENTS, bindingCapacity, bindRange, type KernelLimits, pieces } from '../ranges';
import { type LossOptions, type LossShape, type LossTarget, rankedVoxels } from './lossOptions';
import shared from './lossShared.wgsl?raw';
import { targetBytesPerVoxel } from './target';

/** As in the shaders. */
const CHUNK_VOXELS = 1024;
const COEFFICIENTS_HEADER = 4;
const SUMS_HEADER = 4;
const RANKING_ELEMENTS = 4 + 256;
const NONE = 0xffffffff;

/** Some samples of the batch. */
export interface SampleRange {
  readonly start: number;
  readonly count: number;
}

/** Chunks that each sample is cut into. */
export function chunksOf({ voxels }: LossShape): number {
  return Math.ceil(voxels / CHUNK_VOXELS);
}

function firstDiceClass({ doBackground }: LossOptions): number {
  return doBackground ? 0 : 1;
}

/** Partial sums of one chunk. */
export function columnsOf(options: LossOptions, { classes }: LossShape): number {
  return 3 * Math.max(0, classes - firstDiceClass(options)) + 2;
}

/** Elements (f32) of `sums`: loss, Dice loss, cross entropy, number of valid voxels; then the Dice `[n, k]`. */
export function lossSumsSize({ batch, classes }: LossShape): number {
  return SUMS_HEADER + batch * classes;
}

const SECTIONS = ['partials', 'totals', 'coefficients', 'ranking', 'voxelLosses'] as const;
type Section = (typeof SECTIONS)[number];

function sectionSizes(options: LossOptions, shape: LossShape): Record<Section, number> {
  const columns = columnsOf(options, shape);
  return {
    partials: shape.batch * chunksOf(shape) * columns,
    totals: shape.batch * columns,
    coefficients: COEFFICIENTS_HEADER + 2 * shape.batch * shape.classes,
    ranking: RANKING_ELEMENTS,
    voxelLosses: options.topKPercent === undefined ? 0 : shape.batch * shape.voxels,
  };
}

function aligned(elements: number): number {
  return Math.ceil(elements / ALIGNMENT_ELEMENTS) * ALIGNMENT_ELEMENTS;
}

/** Elements (f32) of the scratch array; its contents are of no use after the gradient is written. */
export function lossScratchSize(options: LossOptions, shape: LossShape): number {
  return Object.values(sectionSizes(options, shape)).reduce((sum, size) => sum + aligned(size), 0);
}

/** The parts of the scratch array. */
export function scratchSections(
  options: LossOptions,
  shape: LossShape,
  scratch: GpuArray,
): Record<Section, GpuArray> {
  if (scratch.size < lossScratchSize(options, shape)) {
    throw new Error(
      `loss: scratch holds ${scratch.size} elements, ${lossScratchSize(options, shape)} needed`,
    );
  }
  const sizes = sectionSizes(options, shape);
  let start = 0;
  const sections = SECTIONS.map((name) => {
    const array = { ...scratch, offset: scratch.offset + start * 4, size: Math.max(1, sizes[name]) };
    start += aligned(sizes[name]);
    return [name, array] as const;
  });
  return Object.fromEntries(sections) as Record<Section, GpuArray>;
}

/** The source that all passes begin with, for logits and gradients stored as `dtype`. */
export function sharedSource(dtype: GpuArray['dtype']): string {
  if (dtype === 'u32') throw new Error('loss: logits are f32 or f16');
  return `${dtype === 'f16' ? 'enable f16;\n' : ''}alias scalar = ${dtype};\n${shared}`;
}

/** Samples in pieces whose logits fit one binding. */
export function samplePieces(
  { classes, voxels }: LossShape,
  count: number,
  { dtype }: GpuArray,
  limits: KernelLimits,
): SampleRange[] {
  const capacity = (bindingCapacity(limits) * 4) / BYTES_PER_ELEMENT[dtype];
  const perBinding = Math.floor(capacity / (classes * voxels));
  if (perBinding < 1) {
    throw new Error(
      `loss: ${classes} logits of ${voxels} voxels exceed the binding limit of this adapter; choose a smaller patch`,
    );
  }
  return pieces(count, perBinding);
}

/** Logits of some samples, or their gradient, as one binding; `base` in elements. */
export function bindSamples(
  array: GpuArray,
  { classes, voxels }: LossShape,
  { start, count }: SampleRange,
): { array: GpuArray; base: number } {
  const bytes = BYTES_PER_ELEMENT[array.dtype];
  const first = start * classes * voxels;
  const base = first % ((ALIGNMENT_ELEMENTS * 4) / bytes);
  const offset = array.offset + (first - base) * bytes;
  return { array: { ...array, offset, size: base + count * classes * voxels }, base };
}

/** The packed target of some samples as one binding; `base` in bytes. */
export function bindTarget(
  target: GpuArray,
  start: number,
  count: number,
): { array: GpuArray; base: number } {
  const firstWord = Math.floor(start / 4);
  const bound = bindRange(target, firstWord, Math.ceil((start + count) / 4) - firstWord);
  return { array: bound.array, base: 4 * bound.base + (start % 4) };
}

/** Numbers of the shaders' `Sizes` that depend on the piece of work. */
export interface SizesOfPiece {
  /** Samples of this dispatch, counted within the loss. */
  readonly samples: SampleRange;
  readonly logitsBase?: number;
  readonly gradientBase?: number;
  readonly targetBase?: number;
  readonly lossesBase?: number;
  readonly weight?: number;
}

/** The uniform that every pass reads. */
export function sizesUniform(options: LossOptions, shape: LossShape, piece: SizesOfPiece): Uint32Array {
  const { batch, classes, voxels } = shape;
  const numbers = Uint32Array.of(
    voxels,
    classes,
    chunksOf(shape),
    columnsOf(options, shape),
    firstDiceClass(options),
    batch,
    piece.samples.count,
    piece.samples.start,
    piece.logitsBase ?? 0,
    piece.gradientBase ?? 0,
    piece.targetBase ?? 0,
    targetBytesPerVoxel(options.target, classes),
    ignoredNumber(options.target, classes),
    options.topKPercent === undefined ? 0 : rankedVoxels(batch * voxels, options.topKPercent),
    piece.lossesBase ?? 0,
    0,
  );
  new Float32Array(numbers.buffer)[15] = piece.weight ?? 1;
  return numbers;
}

function ignoredNumber(target: LossTarget, classes: number): number {
  if (target.kind === 'labels') return target.ignoreLabel ?? NONE;
  return target.hasIgnore ? classes : NONE;
}
