import { type Dispatch, foldGrid, type GpuArray } from '@/gpu/dispatch';
import type { KernelLimits } from '../ranges';
import source from './hardCounts.wgsl?raw';
import type { LossOptions, LossShape } from './lossOptions';
import { bindSamples, bindTarget, chunksOf, samplePieces, sharedSource, sizesUniform } from './lossSizes';
import { targetBytesPerVoxel } from './target';

/** Elements (u32) of the counts. */
export function hardCountsSize({ classes }: Pick<LossShape, 'classes'>): number {
  return 3 * classes;
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

export interface HardCountsArgs extends LossShape {
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
}

/**
 * Counts of the hard prediction (labels: the largest logit; regions: probability above one half) over valid voxels, for
 * the pseudo Dice `2 TP / (2 TP + FP + FN)` of the validation batches. Counts of label 0, the background, are made too.
 *
 * Follows nnU-Net's `nnUNetTrainer.validation_step`.
 */
export function hardCountsDispatches(args: HardCountsArgs): Dispatch[] {
  const { options, batch, classes, voxels, limits, targetStart = 0 } = args;
  const targetBytes = voxels * targetBytesPerVoxel(options.target, classes);
  const entryPoint = options.target.kind === 'labels' ? 'countLabels' : 'countRegions';
  return samplePieces(args, batch, args.logits, limits).map((samples) => {
    const logits = bindSamples(args.logits, args, samples);
    const firstTarget = targetStart + samples.start;
    const target = bindTarget(args.target, firstTarget * targetBytes, samples.count * targetBytes);
    const unused = undefined;
    return {
      label: `hardCounts.${entryPoint}`,
      source: sharedSource(args.logits.dtype) + source,
      entryPoint,
      bindings: [logits.array, target.array, unused, unused, unused, unused, args.counts, unused, unused],
      uniform: sizesUniform(options, args, { samples, logitsBase: logits.base, targetBase: target.base }),
      workgroups: [...foldGrid({ limits }, samples.count * chunksOf(args)), 1],
    };
  });
}
