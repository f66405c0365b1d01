// Batches of a training, each by its number: which cases, which places, which turns depends on that number and the seed
// alone. Any thread can draw any batch, at any time, and gets the same.

import { toZyx } from '@/nn/unet';
import { elementCount, type Zyx } from '@/shared/geometry';
import type { Random } from '@/shared/random';
import { CaseCache } from './caseCache';
import { cropPatch, type Patch } from './cropPatch';
import type { LoadedCase } from './loadedCase';
import { labelChannel, packTargets, previousStageChannels, type TargetRecipe } from './networkTargets';
import { choosePatchStart, mustShowForeground, type Oversampling, type PatchSizes } from './patchPosition';
import { type BatchKey, type BatchKind, sampleStream } from './sampleStream';

/** What batches are made of; plain data, for any thread. */
export interface BatchRecipe extends TargetRecipe {
  readonly seed: number;
  readonly batchSize: number;
  /** Of the network, 2 or 3 entries. */
  readonly patchSize: readonly number[];
  readonly caseIds: Readonly<Record<BatchKind, readonly string[]>>;
  readonly oversampling: Oversampling;
}

/** What a step reads. */
export interface NetworkBatch {
  /** `[n, c, z, y, x]`. */
  readonly image: Float32Array;
  /** Packed by head; none where the loss leaves the head out. */
  readonly targets: readonly (Uint32Array | undefined)[];
}

/** A case with what a cascade's stage is told of it. */
export interface CaseOfStage extends LoadedCase {
  /** The previous stage's segmentation in this stage's space, `[z, y, x]`. */
  readonly previousStage?: ArrayLike<number>;
}

export interface LoaderOptions {
  readonly recipe: BatchRecipe;
  readonly loadCase: (caseId: string) => Promise<CaseOfStage>;
  /** Cases kept in memory. */
  readonly cacheBytes: number;
}

/** Draws batches. */
export interface BatchLoader {
  draw(key: BatchKey): Promise<NetworkBatch>;
}

/** A loader that works in this thread. */
export function batchLoader({ recipe, loadCase, cacheBytes }: LoaderOptions): BatchLoader {
  const cache = new CaseCache(loadCase, cacheBytes);
  const network = toZyx(recipe.patchSize);
  const draw = async (key: BatchKey): Promise<NetworkBatch> => {
    const samples = await Promise.all(
      Array.from({ length: recipe.batchSize }, (_, sample) =>
        drawSample(recipe, cache, network, key, sample),
      ),
    );
    const length = samples[0].image.length;
    const image = new Float32Array(samples.length * length);
    for (const [n, sample] of samples.entries()) image.set(sample.image, n * length);
    return {
      image,
      targets: packTargets(
        samples.map(({ labels }) => labels),
        network,
        recipe,
      ),
    };
  };
  return { draw };
}

interface Sample {
  /** `[c, z, y, x]`. */
  readonly image: Float32Array;
  /** `[z, y, x]`. */
  readonly labels: Uint8Array;
}

async function drawSample(
  recipe: BatchRecipe,
  cache: CaseCache<CaseOfStage>,
  network: Zyx,
  key: BatchKey,
  sample: number,
): Promise<Sample> {
  const random = sampleStream(recipe.seed, key, sample);
  const caseIds = recipe.caseIds[key.kind];
  const loaded = await cache.get(caseIds[Math.floor(random.uniform() * caseIds.length)]);
  const sizes: PatchSizes = { loaded: network, network };
  const patch = drawPatch(recipe, loaded, sizes, sample, random);
  return finishSample(patch, recipe);
}

function drawPatch(
  { batchSize, oversampling }: BatchRecipe,
  loaded: CaseOfStage,
  sizes: PatchSizes,
  sample: number,
  random: Random,
): Patch {
  const mustBeForeground = mustShowForeground(oversampling, sample, batchSize, random);
  const start = choosePatchStart(loaded, sizes, mustBeForeground, random);
  const segs = loaded.previousStage ? [loaded.seg, loaded.previousStage] : [loaded.seg];
  return cropPatch({ ...loaded, segs }, start, sizes.loaded);
}

function finishSample({ image, labels }: Patch, { labels: labelSet }: BatchRecipe): Sample {
  const reference = labelChannel(labels, 0);
  if (labels.channels === 1) return { image: image.data, labels: reference };
  const previous = previousStageChannels(labelChannel(labels, 1), labelSet);
  const joined = new Float32Array(image.data.length + previous.length);
  joined.set(image.data);
  joined.set(previous, image.channels * elementCount(image.shape));
  return { image: joined, labels: reference };
}
