// Cross-validation splits, from the same random stream as nnU-Net's.
import { z } from 'zod';
import { parseJson, validate } from '@/core/interop/json';
import { StudioError } from '@/shared/errors';
import { MersenneTwister } from '@/shared/mersenneTwister';
import { byCodePoint } from './rawDataset';

const SPLIT_SEED = 12345;
const FOLDS = 5;
/** Share of the cases to train on in folds that splits_final.json does not list. */
const TRAIN_SHARE = 0.8;

/** Case ids of one fold. */
export interface Split {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

/**
 * The five folds of `splits_final.json`. Throws `TooFewCases` below five cases.
 *
 * Follows nnU-Net's `generate_crossval_split` (scikit-learn's `KFold`, shuffled, seed 12345).
 */
export function crossValidationSplits(caseIds: readonly string[]): readonly Split[] {
  const sorted = [...caseIds].sort(byCodePoint);
  if (sorted.length < FOLDS) {
    throw new StudioError(
      'TooFewCases',
      `${sorted.length} cases cannot be split into ${FOLDS} folds.`,
      'Train on fold "all", or give your own splits_final.json.',
    );
  }
  const order = new MersenneTwister(SPLIT_SEED).permutation(sorted.length);
  let start = 0;
  return Array.from({ length: FOLDS }, (_, fold) => {
    const size = Math.floor(sorted.length / FOLDS) + (fold < sorted.length % FOLDS ? 1 : 0);
    const validation = new Set(order.subarray(start, start + size));
    start += size;
    return {
      train: sorted.filter((_, i) => !validation.has(i)),
      val: sorted.filter((_, i) => validation.has(i)),
    };
  });
}

/**
 * What `fold` trains and validates on: `all` is every case twice; a fold beyond the file is a seeded 80:20 draw.
 *
 * Follows nnU-Net's `nnUNetTrainer.do_split`.
 */
export function splitOfFold(
  fold: number | 'all',
  splits: readonly Split[],
  caseIds: readonly string[],
): Split {
  const sorted = [...caseIds].sort(byCodePoint);
  if (fold === 'all') return { train: sorted, val: sorted };
  if (fold < splits.length) return splits[fold];
  const order = new MersenneTwister(SPLIT_SEED + fold).permutation(sorted.length);
  const train = [...order.subarray(0, Math.trunc(sorted.length * TRAIN_SHARE))];
  return {
    train: train.map((i) => sorted[i]),
    val: sorted.filter((_, i) => !train.includes(i)),
  };
}

const splitsSchema = z.array(z.object({ train: z.array(z.string()), val: z.array(z.string()) })).min(1);

/** Reads a splits_final.json. Throws `BadJson`, or `BadSplits` with the cases that the dataset does not have. */
export function readSplits(text: string, file: string, caseIds: readonly string[]): readonly Split[] {
  const splits = validate(splitsSchema, parseJson(text, file), file, 'BadSplits');
  const known = new Set(caseIds);
  for (const [fold, { train, val }] of splits.entries()) {
    const unknown = [...train, ...val].filter((caseId) => !known.has(caseId));
    if (unknown.length === 0) continue;
    throw new StudioError(
      'BadSplits',
      `${file}, fold ${fold}: the dataset has no case ${unknown.slice(0, 5).join(', ')}.`,
      'Use splits of this dataset.',
    );
  }
  return splits;
}

/** Whether two files split alike, folds in order and cases in any order. */
export function haveSameFolds(a: readonly Split[], b: readonly Split[]): boolean {
  const key = (splits: readonly Split[]) =>
    JSON.stringify(splits.map(({ train, val }) => [[...train].sort(), [...val].sort()]));
  return key(a) === key(b);
}
