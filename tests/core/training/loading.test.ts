import { describe, expect, test } from 'vitest';
import { augmentationSettings, validationSettings } from '@/core/augmentation/settings';
import { writeNpy } from '@/core/io/npy';
import { memoryFile } from '@/core/io/sourceFile';
import { augmentBatch, BatchLoader, type BatchRecipe } from '@/core/training/batchLoader';
import { CaseCache } from '@/core/training/caseCache';
import { filedCase, readUnpackedLayout } from '@/core/training/caseFiles';
import { cropPatch, type PatchSource } from '@/core/training/cropPatch';
import { Prefetcher } from '@/core/training/prefetch';
import { elementCount, type Zyx } from '@/shared/geometry';
import { keyedRandom, randomNormal } from '@/shared/random';
import { labelSet } from '../../support/labels';

const LABELS = labelSet({ background: 0, organ: 1 }, undefined);

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
function caseOf(caseId: string): PatchSource {
  const shape = [12, 12, 12] as const;
  const voxels = elementCount(shape);
  const image = randomNormal(voxels, caseId.charCodeAt(0));
  const seg = Int8Array.from({ length: voxels }, (_, i) => (i % 7 === 0 ? 1 : 0));
  return {
    shape,
    classLocations: [{ labels: [1], isRegion: false, voxels: Uint32Array.of(7, 14, 700) }],
    sizeInBytes: voxels * 5,
    cut: async (start, size) => cropPatch({ channels: 1, shape, image, segs: [seg] }, start, size),
  };
}

function loaderOf(seed: number) {
  return new BatchLoader({
    recipe: recipeOf(seed),
    openCase: async (caseId) => caseOf(caseId),
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

describe('patches cut out of files', () => {
  const shape: Zyx = [5, 7, 9];
  const volume = elementCount(shape);
  const image = randomNormal(2 * volume, 1);
  const seg = Int16Array.from({ length: volume }, (_, i) => (i % 5) - 1);
  const previous = Uint8Array.from(seg, (label) => Math.max(0, label));
  const npy = (array: Parameters<typeof writeNpy>[0]) => memoryFile(writeNpy(array), 'case.npy');

  test.each([
    { segType: 'i2', seg: npy({ shape: [1, ...shape], data: seg }) },
    { segType: 'i1', seg: npy({ shape: [1, ...shape], data: Int8Array.from(seg) }) },
  ])('are those cut out of memory, labels as $segType', async ({ seg: segFile }) => {
    const files = { image: npy({ shape: [2, ...shape], data: image }), seg: segFile };
    const layout = await readUnpackedLayout(files);
    if (!layout) throw new Error('the files are not usable');
    const source = filedCase(files, layout, { classLocations: [] }, previous);
    for (let i = 0; i < 40; i++) {
      const random = keyedRandom(3, i);
      const draw = (from: number, to: number) => from + Math.floor(random.uniform() * (to - from));
      const size: Zyx = [draw(1, 8), draw(1, 8), draw(1, 8)];
      const start: Zyx = [draw(-9, 7), draw(-9, 9), draw(-9, 11)];
      const expected = cropPatch({ channels: 2, shape, image, segs: [seg, previous] }, start, size);
      expect(await source.cut(start, size)).toEqual(expected);
    }
  });

  test('are refused where elements lie otherwise', async () => {
    const wide = npy({ shape: [1, ...shape], data: Float64Array.from(seg) });
    expect(
      await readUnpackedLayout({ image: npy({ shape: [2, ...shape], data: image }), seg: wide }),
    ).toBeUndefined();
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
    const finish = new Map<number, () => void>();
    const make = (key: number) => {
      begun.push(key);
      return new Promise<number>((resolve) => finish.set(key, () => resolve(key)));
    };
    const prefetcher = new Prefetcher([1, 2, 3, 4], make, 2);
    expect(begun).toEqual([1, 2]);
    const first = prefetcher.next();
    for (const key of [2, 1]) finish.get(key)?.(); // the second is there before the first
    expect(await first).toBe(1);
    expect(begun).toEqual([1, 2, 3]);
    finish.get(3)?.();
    const later = [prefetcher.next(), prefetcher.next(), prefetcher.next()];
    expect(begun).toEqual([1, 2, 3, 4]);
    finish.get(4)?.();
    expect(await Promise.all(later)).toEqual([2, 3, 4]);
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
