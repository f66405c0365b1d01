// How the passes of a loss cut their work and lay out their scratch array.

import type { GpuArray } from '@/gpu/dispatch';
import { ALIGNMENT_ELEMENTS, bindRange } from '../ranges';
import {
  CHUNK_VOXELS,
  type IndexRange,
  type LogitsLayout,
  type LogitsPiece,
  type SampleRange,
  voxelStateSize,
} from './logitsPieces';
import { type LossOptions, type LossShape, type LossTarget, rankedVoxels } from './lossOptions';
import shared from './lossShared.wgsl?raw';
import { targetBytesPerVoxel } from './target';

/** As in the shaders. */
const COEFFICIENTS_HEADER = 4;
const SUMS_HEADER = 4;
const RANKING_ELEMENTS = 4 + 256;
const NONE = 0xffffffff;

/** Chunks that `voxels` voxels of each sample are cut into. */
export function chunksOf(voxels: number): number {
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

const SECTIONS = ['partials', 'totals', 'coefficients', 'ranking', 'voxelLosses', 'states'] as const;
type Section = (typeof SECTIONS)[number];

/** What decides how large the scratch array of a loss is. */
export interface LossLayout extends LogitsLayout {
  readonly options: LossOptions;
}

function sectionSizes(layout: LossLayout): Record<Section, number> {
  const { options, ...shape } = layout;
  const columns = columnsOf(options, shape);
  return {
    partials: shape.batch * chunksOf(shape.voxels) * columns,
    totals: shape.batch * columns,
    coefficients: COEFFICIENTS_HEADER + 2 * shape.batch * shape.classes,
    ranking: RANKING_ELEMENTS,
    voxelLosses: options.topKPercent === undefined ? 0 : shape.batch * shape.voxels,
    states: voxelStateSize(layout),
  };
}

function aligned(elements: number): number {
  return Math.ceil(elements / ALIGNMENT_ELEMENTS) * ALIGNMENT_ELEMENTS;
}

/** Elements (f32) of the scratch array; its contents are of no use after the gradient is written. */
export function lossScratchSize(layout: LossLayout): number {
  return Object.values(sectionSizes(layout)).reduce((sum, size) => sum + aligned(size), 0);
}

/** The parts of the scratch array. */
export function scratchSections(layout: LossLayout, scratch: GpuArray): Record<Section, GpuArray> {
  if (scratch.size < lossScratchSize(layout)) {
    throw new Error(`loss: scratch holds ${scratch.size} elements, ${lossScratchSize(layout)} needed`);
  }
  const sizes = sectionSizes(layout);
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

/** Logits of a piece, or their gradient, as one binding; `base` in elements. */
export function bindLogits(
  array: GpuArray,
  { classes, voxels }: LossShape,
  piece: LogitsPiece,
): { array: GpuArray; base: number } {
  const first = (piece.samples.start * classes + piece.classes.start) * voxels;
  return bindRange(array, first, piece.samples.count * piece.classes.count * voxels);
}

/** The packed target of a piece, whose samples are `target`'s from `firstSample` on, as one binding; `base` in bytes. */
export function bindTarget(
  target: GpuArray,
  { options, classes, voxels }: LogitsLayout,
  firstSample: number,
  piece: LogitsPiece,
): { array: GpuArray; base: number } {
  const bytesPerVoxel = targetBytesPerVoxel(options.target, classes);
  const start = (firstSample * voxels + piece.voxels.start) * bytesPerVoxel;
  const end = start + voxelSpan(voxels, piece) * bytesPerVoxel;
  const firstWord = Math.floor(start / 4);
  const bound = bindRange(target, firstWord, Math.ceil(end / 4) - firstWord);
  return { array: bound.array, base: 4 * bound.base + (start % 4) };
}

/** From the first voxel of a piece to its last, those between its samples' counted in. */
export function voxelSpan(voxels: number, piece: LogitsPiece): number {
  return (piece.samples.count - 1) * voxels + piece.voxels.count;
}

/** Numbers of the shaders' `Sizes` that depend on the piece of work. */
export interface SizesOfPiece {
  /** Samples of this dispatch, counted within the loss. */
  readonly samples: SampleRange;
  /** All of them if left out. */
  readonly classes?: IndexRange;
  readonly voxels?: IndexRange;
  readonly logitsBase?: number;
  readonly gradientBase?: number;
  readonly targetBase?: number;
  readonly lossesBase?: number;
  readonly weight?: number;
}

/** The uniform that every pass reads. */
export function sizesUniform(options: LossOptions, shape: LossShape, piece: SizesOfPiece): Uint32Array {
  const { batch, classes, voxels } = shape;
  const classRange = piece.classes ?? { start: 0, count: classes };
  const voxelRange = piece.voxels ?? { start: 0, count: voxels };
  const numbers = Uint32Array.of(
    voxels,
    classes,
    chunksOf(voxels),
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
    classRange.start,
    classRange.count,
    voxelRange.start,
    voxelRange.count,
  );
  new Float32Array(numbers.buffer)[15] = piece.weight ?? 1;
  return numbers;
}

function ignoredNumber(target: LossTarget, classes: number): number {
  if (target.kind === 'labels') return target.ignoreLabel ?? NONE;
  return target.hasIgnore ? classes : NONE;
}
