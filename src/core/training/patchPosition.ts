// Where patches are cut. Sizes and places are `[z, y, x]`, voxels of the preprocessed case; a 2D patch has one slice.

import type { ClassLocations } from '@/core/preprocessing/classLocations';
import { OUTSIDE_LABEL } from '@/core/preprocessing/cropToNonzero';
import type { Zyx } from '@/shared/geometry';
import { roundHalfEven } from '@/shared/numeric';
import { integerBelow, type Random } from '@/shared/random';

/** Share of the samples that are sure to show foreground. */
const OVERSAMPLE_FOREGROUND_SHARE = 0.33;

/** How it is decided which samples of a batch must show foreground. */
export type Oversampling =
  | { readonly kind: 'lastOfBatch' }
  /** Each by itself; `share` left out is what `lastOfBatch` gives a batch of the size. */
  | { readonly kind: 'each'; readonly share?: number };

/** Whether a sample of a batch is placed by chance or around foreground: the last ones are, about a third. */
function isOfLastThird(sample: number, batchSize: number): boolean {
  return !(sample < roundHalfEven(batchSize * (1 - OVERSAMPLE_FOREGROUND_SHARE)));
}

/**
 * Whether `sample` of a batch must show foreground; draws from `random` only where chance decides.
 *
 * Follows nnU-Net's `nnUNetDataLoader._oversample_last_XX_percent` and `_probabilistic_oversampling`.
 */
export function mustShowForeground(
  oversampling: Oversampling,
  sample: number,
  batchSize: number,
  random: Random,
): boolean {
  if (oversampling.kind === 'lastOfBatch') return isOfLastThird(sample, batchSize);
  return random.uniform() < (oversampling.share ?? foregroundShare(batchSize));
}

/** Share of a batch that is placed around foreground; `nnUNetTrainer_probabilisticOversampling` draws by it. */
function foregroundShare(batchSize: number): number {
  let forced = 0;
  for (let sample = 0; sample < batchSize; sample++) if (isOfLastThird(sample, batchSize)) forced++;
  return forced / batchSize;
}

/** Sizes of a patch. */
export interface PatchSizes {
  /** Of the patch that is cut: enlarged where it will be turned. */
  readonly loaded: Zyx;
  /** Of the network's input. */
  readonly network: Zyx;
}

/** First and last place where a patch may begin. */
export interface PatchBounds {
  readonly lower: Zyx;
  readonly upper: Zyx;
}

/** So that the centre of a patch may come as near to the border as the network's own patch could. */
export function patchBounds(shape: Zyx, { loaded, network }: PatchSizes): PatchBounds {
  const axis = (d: 0 | 1 | 2) => {
    let padding = loaded[d] - network[d];
    if (padding + shape[d] < loaded[d]) padding = loaded[d] - shape[d];
    const upper = shape[d] + Math.floor(padding / 2) + (padding % 2) - loaded[d];
    return [-Math.ceil(padding / 2), upper] as const;
  };
  const [z, y, x] = [axis(0), axis(1), axis(2)];
  return { lower: [z[0], y[0], x[0]], upper: [z[1], y[1], x[1]] };
}

function anyStart({ lower, upper }: PatchBounds, random: Random): Zyx {
  const axis = (d: 0 | 1 | 2) => lower[d] + integerBelow(random, upper[d] - lower[d] + 1);
  return [axis(0), axis(1), axis(2)];
}

/** Centres the patch on a voxel; only the lower border holds it back, as in nnU-Net. */
export function startAround(voxel: Zyx, { lower }: PatchBounds, { loaded }: PatchSizes): Zyx {
  const axis = (d: 0 | 1 | 2) => Math.max(lower[d], voxel[d] - Math.floor(loaded[d] / 2));
  return [axis(0), axis(1), axis(2)];
}

/** What of a case decides where patches are cut. */
export interface PlacedCase {
  readonly shape: Zyx;
  readonly classLocations: readonly ClassLocations[];
}

/**
 * Where a patch begins; it may reach beyond the case. With an ignore label patches that need not show foreground lie
 * around an annotated voxel.
 *
 * Follows nnU-Net's `nnUNetDataLoader.get_bbox`.
 */
export function choosePatchStart(
  { shape, classLocations }: PlacedCase,
  sizes: PatchSizes,
  mustBeForeground: boolean,
  random: Random,
): Zyx {
  const bounds = patchBounds(shape, sizes);
  const voxels = mustBeForeground
    ? someClass(classLocations, random)
    : classLocations.find(isAnnotatedKey)?.voxels;
  if (!voxels || voxels.length === 0) return anyStart(bounds, random);
  const place = voxels[integerBelow(random, voxels.length)];
  const x = place % shape[2];
  const row = (place - x) / shape[2];
  return startAround([Math.floor(row / shape[1]), row % shape[1], x], bounds, sizes);
}

/** Each class that the case has is as likely; all that is annotated only where there is nothing else. */
function someClass(classLocations: readonly ClassLocations[], random: Random): Uint32Array | undefined {
  const present = classLocations.filter(({ voxels }) => voxels.length > 0);
  const classes = present.filter((each) => !isAnnotatedKey(each));
  const candidates = classes.length > 0 ? classes : present;
  if (candidates.length === 0) return undefined;
  return candidates[integerBelow(random, candidates.length)].voxels;
}

/** The key of all annotated voxels starts with the label of what lies outside. */
function isAnnotatedKey({ labels }: ClassLocations): boolean {
  return labels.includes(OUTSIDE_LABEL);
}
