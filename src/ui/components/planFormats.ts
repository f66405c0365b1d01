// How the numbers of plans read on the page.

import type { BatchFit, TrainingCost } from '@/core/planning/trainingCost';
import { findNormalization } from '@/core/preprocessing/normalization/schemes';
import { formatNetworkXyz } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';

/** `0.767 × 0.767` of a spacing along the network's axes, x first; enough digits to tell spacings apart. */
export function formatSpacing(spacing: readonly number[], transposeBackward: readonly number[]): string {
  return formatNetworkXyz(
    spacing.map((mm) => Number(mm.toPrecision(4))),
    transposeBackward,
  );
}

/** A shape along the network's axes, x first; it may have halves, as medians do. */
export function formatVoxels(shape: readonly number[], transposeBackward: readonly number[]): string {
  return formatNetworkXyz(shape, transposeBackward, 1);
}

/** `3×3×3`, tight, for drawings. */
export function formatKernel(size: readonly number[]): string {
  return size.join('×');
}

/** `31.2 M`, `812 k`. */
export function formatParameters(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} M`;
  return count >= 1e3 ? `${(count / 1e3).toFixed(0)} k` : String(count);
}

/** `5.75 TFLOP`, `812 GFLOP`. */
export function formatFlops(flops: number): string {
  if (flops >= 1e12) return `${(flops / 1e12).toFixed(2)} TFLOP`;
  if (flops >= 1e9) return `${(flops / 1e9).toFixed(1)} GFLOP`;
  return `${(flops / 1e6).toFixed(1)} MFLOP`;
}

/** `3 min 20 s`, `2 h 5 min`, `12 days`. */
export function formatLongTime(seconds: number): string {
  if (seconds < 59.5) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const days = seconds / 86400;
  return days < 365 ? `${days.toFixed(days < 10 ? 1 : 0)} days` : `${(days / 365).toFixed(1)} years`;
}

/** `Z-score`, `CT`, …; of a scheme that is not known here, nnU-Net's name without the ending. */
export function schemeName(scheme: string): string {
  return findNormalization(scheme)?.label ?? scheme.replace(/Normalization$/, '');
}

const FUNCTION_NAMES: Readonly<Record<string, string>> = {
  resample_data_or_seg_to_shape: 'splines',
  resample_torch_fornnunet: 'linear (PyTorch)',
  no_resampling_hack: 'none',
};

/** Resampling in words: `splines, order 3, z apart if anisotropic`. */
export function resamplingText(name: string, options: Readonly<Record<string, unknown>>): string {
  const parts = [FUNCTION_NAMES[name] ?? name];
  if (typeof options.order === 'number') parts.push(`order ${options.order}`);
  if (options.force_separate_z === null) parts.push('z resampled separately if anisotropic');
  if (options.force_separate_z === true) parts.push('z always apart');
  return parts.join(', ');
}

/** What a batch in parts would take, or has to; `undefined` where it cannot be cut, and need not be. */
export function partsText(
  { trainingBytes }: Pick<TrainingCost, 'trainingBytes'>,
  { samples, batchSize, leastBytes }: BatchFit,
): string | undefined {
  if (samples === undefined) return 'more than this GPU can hold';
  if (samples < batchSize) return `does not fit at once: in parts of ${samples}`;
  return leastBytes < trainingBytes ? `or ${formatBytes(leastBytes)} one patch at a time` : undefined;
}
