import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import { bindRange, planePieces } from '../ranges';
import combine from './lossCombine.wgsl?raw';
import { hasDice, isRegions, type LossArgs, lossGradient, lossStatistics } from './lossPasses';
import { chunksOf, columnsOf, scratchSections, sharedSource, sizesUniform } from './lossSizes';
import topK from './topK.wgsl?raw';

/**
 * One head's loss and its gradient, without ever holding probabilities: sums of each chunk of voxels (softmax or sigmoid
 * made on the fly), sums of the chunks in their order, then the gradient, which makes the probabilities again. Logits may
 * exceed what the adapter binds at once, one class of one sample may not.
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

/** Second of three parts, once all samples have their sums: the loss and the coefficients of its gradient. */
export function lossCombination(args: LossArgs): Dispatch[] {
  const { options, batch, scratch, limits } = args;
  const { partials, totals, coefficients, ranking } = scratchSections(args, scratch);
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

/** Finds the smallest loss that counts, then sums those above it. */
function rankingDispatches(args: LossArgs): Dispatch[] {
  const { options, batch, voxels, limits } = args;
  if (options.topKPercent === undefined) return [];
  if (isRegions(options)) throw new Error('loss: the top-k cross entropy needs labels');
  const { partials, ranking, voxelLosses } = scratchSections(args, args.scratch);
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
        workgroups: [...foldGrid(args, samples.count * chunksOf(voxels)), 1],
      };
    });
  const bytes = [24, 16, 8, 0].flatMap((shift) => [
    ...overLosses('count', {}, { shift }),
    step('pick', { shift }),
  ]);
  return [{ ...step('start'), uniform }, ...bytes, ...overLosses('addAbove', { 3: partials })];
}

type Bound = Readonly<Record<number, GpuArray | undefined>>;

/** Bindings by number; the uniform follows at 9. */
function bindingsOf(bound: Bound): (GpuArray | undefined)[] {
  return Array.from({ length: 9 }, (_, binding) => bound[binding]);
}
