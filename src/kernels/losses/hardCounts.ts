import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import type { KernelLimits } from '../ranges';
import source from './hardCounts.wgsl?raw';
import { type LogitsLayout, type LogitsPiece, voxelRuns, voxelStateSize } from './logitsPieces';
import type { LossOptions, LossShape } from './lossOptions';
import { bindLogits, bindTarget, chunksOf, sharedSource, sizesUniform } from './lossSizes';

const LANES = 64;

/** Elements (u32) of the counts. */
export function hardCountsSize({ classes }: Pick<LossShape, 'classes'>): number {
  return 3 * classes;
}

/** Elements (f32) of the scratch array; 0 where the logits of a sample fit one binding. */
export function hardCountsScratchSize(layout: LogitsLayout): number {
  return voxelStateSize(layout);
}

/** Voxels of each class or region: hits, false alarms, misses. */
export interface HardCounts {
  readonly truePositives: readonly number[];
  readonly falsePositives: readonly number[];
  readonly falseNegatives: readonly number[];
}

/** Counts that came back from the GPU. */
export function readHardCounts(counts: Uint32Array): HardCounts {
  const classes = counts.length / 3;
  const row = (i: number) => [...counts.subarray(i * classes, (i + 1) * classes)];
  return { truePositives: row(0), falsePositives: row(1), falseNegatives: row(2) };
}

export interface HardCountsArgs extends LogitsLayout {
  /** Only its target matters. */
  readonly options: LossOptions;
  readonly limits: KernelLimits;
  /** `[n, k, voxels]`, f32 or f16. */
  readonly logits: GpuArray;
  /** As of the loss, u32. */
  readonly target: GpuArray;
  /** Samples in `target` before the first of these; 0 if left out. */
  readonly targetStart?: number;
  /** `[3, k]`, u32: true positives, false positives, false negatives; added to, so clear it when an epoch begins. */
  readonly counts: GpuArray;
  /** {@link hardCountsScratchSize} elements, where there are any. */
  readonly scratch?: GpuArray;
}

/**
 * Counts of the hard prediction (labels: the largest logit; regions: probability above one half) over valid voxels, for
 * the pseudo Dice `2 TP / (2 TP + FP + FN)` of the validation batches. Counts of label 0, the background, are made too.
 *
 * Follows nnU-Net's `nnUNetTrainer.validation_step`.
 */
export function hardCountsDispatches(args: HardCountsArgs): Dispatch[] {
  return voxelRuns(args, args.batch).flatMap(({ allClasses, pieces }) => {
    if (args.options.target.kind === 'regions')
      return pieces.map((piece) => count(args, piece, 'countRegions'));
    if (pieces.length === 1) return [count(args, allClasses, 'countLabels')];
    return [...pieces.map((piece) => predict(args, piece)), count(args, allClasses, 'countPredicted')];
  });
}

/** Counts what is predicted, or was. */
function count(
  args: HardCountsArgs,
  piece: LogitsPiece,
  entryPoint: 'countLabels' | 'countRegions' | 'countPredicted',
): Dispatch {
  const { logits, target, uniform } = bindPiece(args, piece);
  const isKnown = entryPoint === 'countPredicted';
  return {
    label: `hardCounts.${entryPoint}`,
    source: sharedSource(args.logits.dtype) + source,
    entryPoint,
    bindings: bindingsOf({
      0: isKnown ? undefined : logits,
      1: target,
      6: args.counts,
      7: isKnown ? args.scratch : undefined,
    }),
    uniform,
    workgroups: [...foldGrid(args, piece.samples.count * chunksOf(piece.voxels.count)), 1],
  };
}

/** Goes on looking for the largest logit of each voxel. */
function predict(args: HardCountsArgs, piece: LogitsPiece): Dispatch {
  const { logits, uniform } = bindPiece(args, piece);
  return {
    label: 'hardCounts.predict',
    source: sharedSource(args.logits.dtype) + source,
    entryPoint: 'predict',
    bindings: bindingsOf({ 0: logits, 7: args.scratch }),
    uniform,
    workgroups: [...foldGrid(args, Math.ceil(piece.voxels.count / LANES)), 1],
  };
}

function bindPiece(args: HardCountsArgs, piece: LogitsPiece) {
  const { options, targetStart = 0 } = args;
  const logits = bindLogits(args.logits, args, piece);
  const target = bindTarget(args.target, args, targetStart + piece.samples.start, piece);
  const bases = { logitsBase: logits.base, targetBase: target.base };
  return {
    logits: logits.array,
    target: target.array,
    uniform: sizesUniform(options, args, { ...piece, ...bases }),
  };
}

/** Bindings by number; the uniform follows at 9. */
function bindingsOf(bound: Readonly<Record<number, GpuArray | undefined>>): (GpuArray | undefined)[] {
  return Array.from({ length: 9 }, (_, binding) => bound[binding]);
}
