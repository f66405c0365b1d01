// Cross-validation splits, from the same random stream as nnU-Net's.
import { z } from 'zod';
import { parseJson, validate } from '@/core/interop/json';
import { StudioError } from '@/shared/errors';
import { MersenneTwister } from '@/shared/mersenneTwister';
import { nameKey } from '@/shared/names';
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
  const own = new Map(caseIds.map((caseId) => [nameKey(caseId), caseId]));
  const ownNames = (listed: readonly string[]) => listed.map((caseId) => own.get(nameKey(caseId)) ?? caseId);
  const splits = validate(splitsSchema, parseJson(text, file), file, 'BadSplits').map(({ train, val }) => ({
    train: ownNames(train),
    val: ownNames(val),
  }));
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

/** Cases that are named of many, at most. */
const NAMED_CASES = 5;

/**
 * What a person should know of a fold before it is trained: that its cases are drawn as it is not in the file, that cases
 * are both trained on and validated, that folds validate the same case. `splits` are those of the file.
 *
 * Follows nnU-Net's `nnUNetTrainer.do_split`, which says the first two.
 */
export function splitNotices(
  fold: number | 'all',
  splits: readonly Split[],
  { train, val }: Split,
): readonly string[] {
  if (fold === 'all') return [];
  const notices: string[] = [];
  if (fold >= splits.length) {
    notices.push(
      `splits_final.json has only ${countOf(splits.length, 'fold')} (${splits.length === 1 ? '0' : `0 to ${splits.length - 1}`}), so fold ${fold} is a random 80:20 split with a fixed seed: ${countOf(train.length, 'training case')}, ${countOf(val.length, 'validation case')}.`,
    );
  }
  const trained = new Set(train);
  const both = [...new Set(val)].filter((caseId) => trained.has(caseId));
  if (both.length > 0) {
    const cases = both.length === 1 ? '1 case that it is' : `${both.length} cases that it is`;
    notices.push(
      `Warning: fold ${fold} validates ${cases} also trained on (${someOf(both)}): Dice there says nothing about new images. Correct splits_final.json unless this is intended.`,
    );
  }
  const shared = fold < splits.length ? sharedValidation(fold, splits) : undefined;
  if (shared) {
    notices.push(
      `Warning: folds ${fold} and ${shared.fold} both validate ${someOf(shared.caseIds)}: find_best_configuration wants each case validated by one fold. Correct splits_final.json unless this is intended.`,
    );
  }
  return notices;
}

/** The first other fold that validates some of the same cases. */
function sharedValidation(fold: number, splits: readonly Split[]) {
  const own = new Set(splits[fold].val);
  for (const [other, { val }] of splits.entries()) {
    const caseIds = other === fold ? [] : val.filter((caseId) => own.has(caseId));
    if (caseIds.length > 0) return { fold: other, caseIds };
  }
  return undefined;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function someOf(caseIds: readonly string[]): string {
  const named = caseIds.slice(0, NAMED_CASES).join(', ');
  return caseIds.length > NAMED_CASES ? `${named} and ${caseIds.length - NAMED_CASES} more` : named;
}
