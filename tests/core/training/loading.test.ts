import { describe, expect, test } from 'vitest';
import { augmentationSettings, validationSettings } from '@/core/augmentation/settings';
import { labelSetOf } from '@/core/interop/labels';
import { augmentBatch, BatchLoader, type BatchRecipe, type CaseOfStage } from '@/core/training/batchLoader';
import { CaseCache } from '@/core/training/caseCache';
import { Prefetcher } from '@/core/training/prefetch';
import { randomNormal } from '@/shared/random';

const LABELS = labelSetOf({ background: 0, organ: 1 }, undefined);

function recipeOf(seed: number): BatchRecipe {
  const training = augmentationSettings({
    patchSize: [8, 8, 8],
    channels: 1,
    useMaskForNorm: [false],
    labels: LABELS,
    hasPreviousStage: false,
    strides: [
      [1, 1, 1],
      [2, 2, 2],
    ],
  });
  return {
    seed,
    batchSize: 3,
    oversampling: { kind: 'lastOfBatch' },
    caseIds: { training: ['a', 'b', 'c', 'd'], validation: ['e'] },
    augmentation: { training, validation: validationSettings(training) },
  };
}

/** A case whose every voxel is its own. */
function caseOf(caseId: string): CaseOfStage {
  const voxels = 12 * 12 * 12;
  return {
    caseId,
    channels: 1,
    shape: [12, 12, 12],
    image: randomNormal(voxels, caseId.charCodeAt(0)),
    seg: Int8Array.from({ length: voxels }, (_, i) => (i % 7 === 0 ? 1 : 0)),
    classLocations: [{ labels: [1], isRegion: false, voxels: Uint32Array.of(7, 14, 700) }],
    properties: {
      spacing: [1, 1, 1],
      spacingTransposed: [1, 1, 1],
      shapeBeforeCropping: [12, 12, 12],
      bboxUsedForCropping: [
        [0, 12],
        [0, 12],
        [0, 12],
      ],
      shapeAfterCroppingAndBeforeResampling: [12, 12, 12],
    },
    sizeInBytes: voxels * 5,
  };
}

function loaderOf(seed: number) {
  return new BatchLoader({
    recipe: recipeOf(seed),
    loadCase: async (caseId) => caseOf(caseId),
    cacheBytes: 1e6,
  });
}

describe('a batch', () => {
  test('is the same whoever draws it and when, and another for another number or seed', async () => {
    const [one, other] = [loaderOf(5), loaderOf(5)];
    await one.draw({ kind: 'training', index: 0 });
    const later = await one.draw({ kind: 'training', index: 17 });
    expect(await other.draw({ kind: 'training', index: 17 })).toEqual(later);
    expect(await other.draw({ kind: 'training', index: 18 })).not.toEqual(later);
    expect(await loaderOf(6).draw({ kind: 'training', index: 17 })).not.toEqual(later);
  });

  test('of validation is cut at its final size and changed by nothing', async () => {
    const { samples, kind } = await loaderOf(5).draw({ kind: 'validation', index: 0 });
    expect(kind).toBe('validation');
    for (const { patch, parameters } of samples) {
      expect(patch.image.shape).toEqual([8, 8, 8]);
      expect(parameters.transforms).toEqual([]);
    }
  });

  test('has the images one after the other, and packed targets by head', async () => {
    const recipe = recipeOf(5);
    const drawn = await loaderOf(5).draw({ kind: 'validation', index: 3 });
    const { image, targets } = augmentBatch(drawn, recipe.augmentation.validation);
    expect(image).toHaveLength(3 * 512);
    expect(image.subarray(512, 1024)).toEqual(drawn.samples[1].patch.image.data);
    expect(targets.map(({ length }) => length)).toEqual([(3 * 512) / 4]);
    const labels = new Uint8Array(targets[0].buffer);
    expect(Array.from(labels.subarray(0, 512))).toEqual(
      Array.from(drawn.samples[0].patch.labels.data, (label) => Math.max(0, label)),
    );
  });
});

describe('a cache of cases', () => {
  const cacheOf = (budget: number) => {
    const loaded: string[] = [];
    const load = async (key: string) => {
      loaded.push(key);
      if (key === 'bad') throw new Error('no such case');
      return { key, sizeInBytes: 10 };
    };
    return { cache: new CaseCache(load, budget), loaded };
  };

  test('loads each once while it fits, however many ask', async () => {
    const { cache, loaded } = cacheOf(20);
    await Promise.all([cache.get('a'), cache.get('a'), cache.get('b')]);
    await cache.get('a');
    expect(loaded).toEqual(['a', 'b']);
  });

  test('lets go of the one that was not used for longest', async () => {
    const { cache, loaded } = cacheOf(20);
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await cache.get(key);
    expect(loaded).toEqual(['a', 'b', 'c', 'b']);
  });

  test('keeps nothing that is larger than all its room, and no failure', async () => {
    const { cache, loaded } = cacheOf(5);
    await cache.get('a');
    await cache.get('a');
    await expect(cache.get('bad')).rejects.toThrow('no such case');
    await expect(cache.get('bad')).rejects.toThrow('no such case');
    expect(loaded).toEqual(['a', 'a', 'bad', 'bad']);
  });
});

describe('prefetching', () => {
  test('keeps the order, begins ahead, and ends with the keys', async () => {
    const begun: number[] = [];
    const make = async (key: number) => {
      begun.push(key);
      await new Promise((resolve) => setTimeout(resolve, 10 - key));
      return key;
    };
    const prefetcher = new Prefetcher([1, 2, 3, 4], make, 2);
    expect(begun).toEqual([1, 2]);
    expect(await prefetcher.next()).toBe(1);
    expect(begun).toEqual([1, 2, 3]);
    expect([await prefetcher.next(), await prefetcher.next(), await prefetcher.next()]).toEqual([2, 3, 4]);
    expect(await prefetcher.next()).toBeUndefined();
  });

  test('tells a failure when its turn comes', async () => {
    const make = async (key: number) => {
      if (key === 2) throw new Error('two');
      return key;
    };
    const prefetcher = new Prefetcher([1, 2], make, 2);
    expect(await prefetcher.next()).toBe(1);
    await expect(prefetcher.next()).rejects.toThrow('two');
  });
});
