// Batches of a training, each by its number: which cases, which places, which turns depends on that number and the seed
// alone. Any thread can draw any batch, at any time, and gets the same.

import { applyAugmentation, packTargets, type Sample } from '@/core/augmentation/applyAugmentation';
import { type AugmentationParameters, drawAugmentation } from '@/core/augmentation/drawAugmentation';
import type { AugmentationSettings } from '@/core/augmentation/settings';
import type { Zyx } from '@/shared/geometry';
import { integerBelow, keyedRandom, type Random } from '@/shared/random';
import { CaseCache } from './caseCache';
import type { PatchSource } from './cropPatch';
import { choosePatchStart, mustShowForeground, type Oversampling } from './patchPosition';

/** What a batch is for. */
export type BatchKind = 'training' | 'validation';

/** Which batch of a run: counted through all epochs, so that none is drawn twice. */
export interface BatchKey {
  readonly kind: BatchKind;
  readonly index: number;
}

/** Apart from each other, and from the streams that weights start from. */
const KIND_NUMBER: Readonly<Record<BatchKind, number>> = { training: 1, validation: 2 };

/** What batches are made of; plain data, for any thread. */
export interface BatchRecipe {
  readonly seed: number;
  readonly batchSize: number;
  readonly caseIds: Readonly<Record<BatchKind, readonly string[]>>;
  readonly oversampling: Oversampling;
  readonly augmentation: Readonly<Record<BatchKind, AugmentationSettings>>;
}

/** Patches as they were cut, and what chance wants done with them. */
export interface DrawnBatch {
  readonly kind: BatchKind;
  readonly samples: readonly DrawnSample[];
}

export interface DrawnSample {
  readonly patch: Sample;
  readonly parameters: AugmentationParameters;
}

export interface LoaderOptions {
  readonly recipe: BatchRecipe;
  readonly openCase: (caseId: string) => Promise<PatchSource>;
  /** Of cases kept in memory. */
  readonly cacheBytes: number;
}

/** Cuts patches out of cases in this thread. */
export class BatchLoader {
  private readonly recipe: BatchRecipe;
  private readonly cases: CaseCache<PatchSource>;

  constructor({ recipe, openCase, cacheBytes }: LoaderOptions) {
    this.recipe = recipe;
    this.cases = new CaseCache(openCase, cacheBytes);
  }

  /** Draws a batch. Rejects with what reading a case throws. */
  async draw(key: BatchKey): Promise<DrawnBatch> {
    const samples = Array.from({ length: this.recipe.batchSize }, (_, sample) =>
      this.drawSample(key, sample),
    );
    return { kind: key.kind, samples: await Promise.all(samples) };
  }

  private async drawSample({ kind, index }: BatchKey, sample: number): Promise<DrawnSample> {
    const { seed, caseIds } = this.recipe;
    const random = keyedRandom(seed, KIND_NUMBER[kind], index, sample);
    const caseId = caseIds[kind][integerBelow(random, caseIds[kind].length)];
    const settings = this.recipe.augmentation[kind];
    const source = await this.cases.get(caseId);
    const start = this.placePatch(source, settings, sample, random);
    const parameters = drawAugmentation(random, settings);
    return { patch: await source.cut(start, settings.initialPatchSize), parameters };
  }

  private placePatch(
    source: PatchSource,
    { initialPatchSize, patchSize }: AugmentationSettings,
    sample: number,
    random: Random,
  ): Zyx {
    const { batchSize, oversampling } = this.recipe;
    const mustBeForeground = mustShowForeground(oversampling, sample, batchSize, random);
    return choosePatchStart(
      source,
      { loaded: initialPatchSize, network: patchSize },
      mustBeForeground,
      random,
    );
  }
}

/** What a step reads. */
export interface NetworkBatch {
  /** `[n, c, z, y, x]`. */
  readonly image: Float32Array;
  /** Packed, by head. */
  readonly targets: readonly Uint32Array[];
}

/** Augments a batch on this thread. */
export function augmentBatch({ samples }: DrawnBatch, settings: AugmentationSettings): NetworkBatch {
  const augmented = samples.map(({ patch, parameters }) => applyAugmentation(patch, parameters, settings));
  const [{ image: first }] = augmented;
  const image = new Float32Array(samples.length * first.data.length);
  for (const [n, sample] of augmented.entries()) image.set(sample.image.data, n * first.data.length);
  const targets = settings.targetShapes.map((_, head) =>
    packTargets(
      augmented.map((sample) => sample.targets[head]),
      settings,
      head,
    ),
  );
  return { image, targets };
}
