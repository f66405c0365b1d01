import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { bindRange, type KernelLimits, planePieces } from '../ranges';
import everyVoxel from './everyVoxel.wgsl?raw';
import labelLoss from './labelLoss.wgsl?raw';
import combine from './lossCombine.wgsl?raw';
import type { LossOptions, LossShape } from './lossOptions';
import {
  bindSamples,
  bindTarget,
  chunksOf,
  columnsOf,
  type SampleRange,
  samplePieces,
  scratchSections,
  sharedSource,
  sizesUniform,
} from './lossSizes';
import rankedVoxels from './rankedVoxels.wgsl?raw';
import regionLoss from './regionLoss.wgsl?raw';
import { targetBytesPerVoxel } from './target';
import topK from './topK.wgsl?raw';

const LANES = 64;

/** `gradient`, `sums` and `scratch` share no buffer with `logits`, `target` and `lossScale`. */
export interface LossArgs extends LossShape {
  readonly options: LossOptions;
  readonly limits: KernelLimits;
  /** `[n, k, voxels]`, f32 or f16. */
  readonly logits: GpuArray;
  /** Of {@link packLabels} or {@link packRegions}, u32. */
  readonly target: GpuArray;
  /** Samples in `target` before the loss's first; 0 if left out. */
  readonly targetStart?: number;
  /** `[n, k, voxels]`, of the same type, written: `weight · lossScale · d loss / d logits`. */
  readonly gradient: GpuArray;
  /** {@link lossSumsSize} elements, written; neither `weight` nor `lossScale` is in them. */
  readonly sums: GpuArray;
  /** {@link lossScratchSize} elements. */
  readonly scratch: GpuArray;
  /** One element or more, of which the first multiplies the gradient: an optimiser's control array, or a 1. */
  readonly lossScale: GpuArray;
  /** Of this deep-supervision head. */
  readonly weight: number;
}

/**
 * One head's loss and its gradient, without ever holding probabilities: sums of each chunk of voxels (softmax or sigmoid
 * made on the fly), sums of the chunks in their order, then the gradient, which makes the probabilities again.
 *
 * - Labels: `p = softmax(logits)`, regions: `p = sigmoid(logits)`; `g` the target, ignored voxels left out of all sums.
 * - Dice of a class (of each sample, or of the batch with `batchDice`): `(2 Σ p g + smooth) / max(Σ p + Σ g + smooth, 1e-8)`;
 *   the Dice loss is minus their mean.
 * - Cross entropy: mean over valid voxels (with top k: over the largest voxel losses); binary: mean over voxels and
 *   regions, but with an ignore bit the sum over regions of the mean over valid voxels. Without a valid voxel it is 0.
 *
 * Follows nnU-Net's `DC_and_CE_loss`, `DC_and_BCE_loss`, `DC_and_topk_loss` with `MemoryEfficientSoftDiceLoss`.
 */
export function lossDispatches(args: LossArgs): Dispatch[] {
  return [...lossValueDispatches(args), ...lossGradient(args, { start: 0, count: args.batch })];
}

/** `sums` alone: the loss without its gradient. */
export function lossValueDispatches(args: LossArgs): Dispatch[] {
  return [...lossStatistics(args, { start: 0, count: args.batch }), ...lossCombination(args)];
}

/**
 * First of three parts, for losses over micro-batches: sums of `samples`, which `logits` and `gradient` then hold alone,
 * while `batch`, `target`, `sums` and `scratch` are of the whole batch.
 */
export function lossStatistics(args: LossArgs, samples: SampleRange): Dispatch[] {
  if (args.gradient.dtype !== args.logits.dtype) {
    throw new Error(`loss: logits are ${args.logits.dtype}, their gradient ${args.gradient.dtype}`);
  }
  const constants = { hasDice: Number(hasDice(args)) };
  return samplePieces(args, samples.count, args.logits, args.limits).map((piece) => {
    const bound = bindPiece(args, samples, piece);
    return {
      label: 'loss.statistics',
      source: bound.source,
      entryPoint: 'statistics',
      constants: isRegions(args) ? constants : { ...constants, labelSmoothing: args.options.labelSmoothing },
      bindings: bindingsOf({ ...bound.inputs, 3: bound.partials }),
      uniform: bound.uniform,
      workgroups: [...foldGrid(args, piece.count * chunksOf(args)), 1],
    };
  });
}

/** Second part, once all samples have their sums: the loss and the coefficients of its gradient. */
export function lossCombination(args: LossArgs): Dispatch[] {
  const { options, batch, scratch, limits } = args;
  const { partials, totals, coefficients, ranking } = scratchSections(options, args, scratch);
  const uniform = sizesUniform(options, args, { samples: { start: 0, count: batch } });
  const source = sharedSource('f32') + combine;
  return [
    ...rankingDispatches(args),
    {
      label: 'loss.addChunks',
      source,
      entryPoint: 'addChunks',
      bindings: bindingsOf({ 3: partials, 4: totals }),
      uniform,
      workgroups: [...foldGrid({ limits }, batch * columnsOf(options, args)), 1],
    },
    {
      label: 'loss.finish',
      source,
      entryPoint: 'finish',
      constants: {
        isBatchDice: Number(options.batchDice),
        isTopK: Number(options.topKPercent !== undefined),
        hasDice: Number(hasDice(args)),
        isMeanOverClasses: Number(options.target.kind === 'regions' && !options.target.hasIgnore),
        diceWeight: options.diceWeight,
        crossEntropyWeight: options.crossEntropyWeight,
        smoothing: options.smooth,
      },
      bindings: bindingsOf({ 4: totals, 5: coefficients, 6: args.sums, 7: ranking }),
      uniform,
      workgroups: [1, 1, 1],
    },
  ];
}

/** Third part: the gradient of `samples`. */
export function lossGradient(args: LossArgs, samples: SampleRange): Dispatch[] {
  return samplePieces(args, samples.count, args.logits, args.limits).map((piece) => {
    const bound = bindPiece(args, samples, piece);
    return {
      label: 'loss.gradient',
      source: bound.source,
      entryPoint: 'gradientPass',
      ...(isRegions(args) ? {} : { constants: { labelSmoothing: args.options.labelSmoothing } }),
      bindings: bindingsOf({ ...bound.inputs, 2: bound.gradient, 5: bound.coefficients, 8: args.lossScale }),
      uniform: bound.uniform,
      workgroups: [...foldGrid(args, Math.ceil((piece.count * args.voxels) / LANES)), 1],
    };
  });
}

/** What the passes over voxels bind for one piece of the samples that the arrays hold. */
function bindPiece(args: LossArgs, samples: SampleRange, piece: SampleRange) {
  const { options, classes, voxels } = args;
  const { partials, coefficients, voxelLosses } = scratchSections(options, args, args.scratch);
  const firstSample = samples.start + piece.start;
  const firstTarget = (args.targetStart ?? 0) + firstSample;
  const targetBytes = voxels * targetBytesPerVoxel(options.target, classes);
  const logits = bindSamples(args.logits, args, piece);
  const gradient = bindSamples(args.gradient, args, piece);
  const target = bindTarget(args.target, firstTarget * targetBytes, piece.count * targetBytes);
  const losses = bindRange(voxelLosses, firstSample * voxels, piece.count * voxels);
  const isRanked = options.topKPercent !== undefined;
  return {
    source:
      sharedSource(args.logits.dtype) +
      (isRegions(args) ? regionLoss : (isRanked ? rankedVoxels : everyVoxel) + labelLoss),
    inputs: { 0: logits.array, 1: target.array, 7: isRanked ? losses.array : undefined },
    gradient: gradient.array,
    partials,
    coefficients,
    uniform: sizesUniform(options, args, {
      samples: { start: firstSample, count: piece.count },
      logitsBase: logits.base,
      gradientBase: gradient.base,
      targetBase: target.base,
      lossesBase: losses.base,
      weight: args.weight,
    }),
  };
}

/** Finds the smallest loss that counts, then sums those above it. */
function rankingDispatches(args: LossArgs): Dispatch[] {
  const { options, batch, voxels, limits } = args;
  if (options.topKPercent === undefined) return [];
  if (isRegions(args)) throw new Error('loss: the top-k cross entropy needs labels');
  const { partials, ranking, voxelLosses } = scratchSections(options, args, args.scratch);
  const source = sharedSource('f32') + topK;
  const step = (entryPoint: string, constants?: Dispatch['constants']): Dispatch => ({
    label: `loss.topK.${entryPoint}`,
    source,
    entryPoint,
    ...(constants ? { constants } : {}),
    bindings: bindingsOf({ 6: ranking }),
    workgroups: [1, 1, 1],
  });
  const uniform = sizesUniform(options, args, { samples: { start: 0, count: batch } });
  const overLosses = (entryPoint: string, bound: Bound, constants?: Dispatch['constants']): Dispatch[] =>
    planePieces(batch, voxels, limits).map((samples) => {
      const losses = bindRange(voxelLosses, samples.start * voxels, samples.count * voxels);
      return {
        ...step(entryPoint, constants),
        bindings: bindingsOf({ ...bound, 6: ranking, 7: losses.array }),
        uniform: sizesUniform(options, args, { samples, lossesBase: losses.base }),
        workgroups: [...foldGrid(args, samples.count * chunksOf(args)), 1],
      };
    });
  const bytes = [24, 16, 8, 0].flatMap((shift) => [
    ...overLosses('count', {}, { shift }),
    step('pick', { shift }),
  ]);
  return [{ ...step('start'), uniform }, ...bytes, ...overLosses('addAbove', { 3: partials })];
}

function isRegions({ options }: LossArgs): boolean {
  return options.target.kind === 'regions';
}

function hasDice({ options, classes }: LossArgs): boolean {
  return options.diceWeight !== 0 && (options.doBackground || classes > 1);
}

type Bound = Readonly<Record<number, GpuArray | undefined>>;

/** Bindings by number; the uniform follows at 9. */
function bindingsOf(bound: Bound): (GpuArray | undefined)[] {
  return Array.from({ length: 9 }, (_, binding) => bound[binding]);
}
