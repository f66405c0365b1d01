import { describe, expect, test } from 'vitest';
import { drawAugmentation, type Transform } from '@/core/augmentation/drawAugmentation';
import type { AugmentationSettings } from '@/core/augmentation/settings';
import { keyedRandom } from '@/shared/random';
import { smallSettings } from './samples';

const DRAWS = 10_000;

function draws(settings: AugmentationSettings) {
  return Array.from({ length: DRAWS }, (_, i) => drawAugmentation(keyedRandom(42, i), settings));
}

/** Within four standard deviations of a share of `n`: one run in 16,000 would fall outside, and the seed is fixed. */
function expectShare(count: number, probability: number, n = DRAWS): void {
  const deviation = Math.sqrt((probability * (1 - probability)) / n);
  expect(Math.abs(count / n - probability)).toBeLessThanOrEqual(4 * deviation);
}

/** Values fill `[low, high)` evenly: none outside, both ends reached, mean within four standard deviations. */
function expectUniform(values: readonly number[], [low, high]: readonly [number, number]): void {
  const length = high - low;
  expect(Math.min(...values)).toBeGreaterThanOrEqual(low);
  expect(Math.max(...values)).toBeLessThanOrEqual(high);
  expect(Math.min(...values)).toBeLessThan(low + 0.05 * length);
  expect(Math.max(...values)).toBeGreaterThan(high - 0.05 * length);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = length / Math.sqrt(12 * values.length);
  expect(Math.abs(mean - (low + high) / 2)).toBeLessThanOrEqual(4 * deviation);
}

/** Half of the factors fill `[low, 1)`, half `[1, high)`. */
function expectFactors(factors: readonly number[], [low, high]: readonly [number, number]): void {
  const below = factors.filter((factor) => factor < 1);
  expectShare(below.length, 0.5, factors.length);
  expectUniform(below, [low, 1]);
  expectUniform(
    factors.filter((factor) => factor >= 1),
    [1, high],
  );
}

function drawnOf<K extends Transform['kind']>(
  all: readonly { readonly transforms: readonly Transform[] }[],
  kind: K,
): Extract<Transform, { kind: K }>[] {
  const isKind = (transform: Transform): transform is Extract<Transform, { kind: K }> =>
    transform.kind === kind;
  return all.flatMap(({ transforms }) => transforms.filter(isKind));
}

const isDrawn = <T>(value: T | undefined): value is T => value !== undefined;

describe('10,000 draws of the default recipe in 3D, two channels', () => {
  const settings = smallSettings([12, 16, 14], { hasPreviousStage: true });
  const all = draws(settings);

  test('every sample is cropped; rotation and scaling each have probability 0.2', () => {
    const spatial = drawnOf(all, 'spatial');
    expect(spatial.length).toBe(DRAWS);
    const angles = spatial.flatMap((drawn) => (drawn.angles ? [drawn.angles] : []));
    const scales = spatial.flatMap((drawn) => (drawn.scales ? [drawn.scales] : []));
    expectShare(angles.length, 0.2);
    expectShare(scales.length, 0.2);
    expectShare(spatial.filter((drawn) => drawn.angles && drawn.scales).length, 0.04);
    for (const axis of [0, 1, 2]) {
      expectUniform(
        angles.map((drawn) => drawn[axis]),
        [-Math.PI / 6, Math.PI / 6],
      );
    }
    expect(scales.every(([z, y, x]) => z === y && y === x)).toBe(true);
    expectUniform(
      scales.map(([scale]) => scale),
      [0.7, 1.4],
    );
  });

  test('noise: probability 0.1, deviation up to 0.1', () => {
    const noise = drawnOf(all, 'gaussianNoise');
    expectShare(noise.length, 0.1);
    expectUniform(
      noise.map(({ sigma }) => sigma),
      [0, 0.1],
    );
    expect(new Set(noise.map(({ seed }) => seed)).size).toBe(noise.length);
  });

  test('blur: probability 0.2, half of the channels, a sigma per axis of 0.5 to 1', () => {
    const blurs = drawnOf(all, 'gaussianBlur');
    expectShare(blurs.length, 0.2);
    const channels = blurs.flatMap(({ sigmas }) => sigmas);
    const drawn = channels.filter(isDrawn);
    expectShare(drawn.length, 0.5, channels.length);
    expectUniform(drawn.flat(), [0.5, 1]);
    expect(drawn.every(([z, y, x]) => z !== y && y !== x)).toBe(true);
  });

  test('brightness and contrast: probability 0.15, a factor per channel of 0.75 to 1.25', () => {
    const brightness = drawnOf(all, 'brightness');
    const contrast = drawnOf(all, 'contrast');
    for (const drawn of [brightness, contrast]) {
      expectShare(drawn.length, 0.15);
      const factors = drawn.flatMap((transform) => transform.factors);
      expect(factors.every(isDrawn)).toBe(true);
      expectFactors(factors.filter(isDrawn), [0.75, 1.25]);
    }
    expect(contrast.every(({ preserveRange }) => preserveRange)).toBe(true);
  });

  test('low resolution: probability 0.25, half of the channels, one scale of 0.5 to 1 for all axes', () => {
    const drawn = drawnOf(all, 'simulateLowResolution');
    expectShare(drawn.length, 0.25);
    const channels = drawn.flatMap(({ scales }) => scales);
    const scales = channels.filter(isDrawn);
    expectShare(scales.length, 0.5, channels.length);
    expect(scales.every(([z, y, x]) => z === y && y === x)).toBe(true);
    expectUniform(
      scales.map(([scale]) => scale),
      [0.5, 1],
    );
  });

  test('gamma: probability 0.1 of the inverted image, 0.3 of the image, 0.7 to 1.5, statistics kept', () => {
    const gammas = drawnOf(all, 'gamma');
    expectShare(gammas.filter(({ invertImage }) => invertImage).length, 0.1);
    expectShare(gammas.filter(({ invertImage }) => !invertImage).length, 0.3);
    expectFactors(gammas.flatMap((drawn) => drawn.gammas).filter(isDrawn), [0.7, 1.5]);
    expect(gammas.every(({ retainStats }) => retainStats)).toBe(true);
  });

  test('mirroring: each axis half the time, apart from the others', () => {
    const mirrors = drawnOf(all, 'mirror');
    expect(mirrors.length).toBe(DRAWS);
    for (const axis of [0, 1, 2]) expectShare(mirrors.filter(({ axes }) => axes.includes(axis)).length, 0.5);
    expectShare(mirrors.filter(({ axes }) => axes.length === 3).length, 1 / 8);
  });

  test('the order is that of the recipe', () => {
    const order: Transform['kind'][] = [
      'spatial',
      'gaussianNoise',
      'gaussianBlur',
      'brightness',
      'contrast',
      'simulateLowResolution',
      'gamma',
      'mirror',
    ];
    for (const { transforms } of all) {
      const places = transforms.map(({ kind }) => order.indexOf(kind));
      expect(places).toEqual([...places].sort((a, b) => a - b));
    }
  });

  test('a cascade: morphology 0.4, a component removed 0.2, each label half the time', () => {
    const operations = all.map(({ binaryOperations }) => binaryOperations);
    // All three labels are passed over one time in eight.
    expectShare(operations.filter(({ length }) => length > 0).length, 0.4 * (7 / 8));
    const flat = operations.flat();
    expectShare(flat.length, 0.4 * 0.5, 3 * DRAWS);
    expectUniform(
      flat.map(({ radius }) => radius),
      [1, 8],
    );
    for (const operator of ['dilation', 'erosion', 'closing', 'opening']) {
      expectShare(flat.filter((drawn) => drawn.operator === operator).length, 0.25, flat.length);
    }
    const threes = operations.filter(({ length }) => length === 3);
    for (const label of [0, 1, 2]) {
      expectShare(threes.filter(([first]) => first.label === label).length, 1 / 3, threes.length);
    }
    const removals = all.flatMap(({ componentRemovals }) => componentRemovals);
    expectShare(removals.length, 0.2 * 0.5, 3 * DRAWS);
  });
});

test('2D draws one angle of up to 180° and leaves the axis of one slice alone', () => {
  const all = draws(smallSettings([30, 28]));
  const angles = drawnOf(all, 'spatial').flatMap((drawn) => (drawn.angles ? [drawn.angles] : []));
  expect(angles.every(({ length }) => length === 1)).toBe(true);
  expectUniform(angles.flat(), [-Math.PI, Math.PI]);
  expect(drawnOf(all, 'gaussianBlur').every(({ sigmas }) => sigmas.every((s) => !s || s[0] === 0))).toBe(
    true,
  );
  expect(drawnOf(all, 'mirror').every(({ axes }) => !axes.includes(0))).toBe(true);
});

test('dummy 2D turns slices by up to 180°, blurs along all axes and keeps the first axis sharp', () => {
  const all = draws(smallSettings([5, 20, 18]));
  const spatial = drawnOf(all, 'spatial');
  expectUniform(
    spatial.flatMap(({ angles }) => angles ?? []),
    [-Math.PI, Math.PI],
  );
  expect(spatial.every(({ scales }) => !scales || scales.length === 2)).toBe(true);
  const scales = drawnOf(all, 'simulateLowResolution').flatMap((drawn) => drawn.scales);
  expect(scales.filter(isDrawn).every(([z, y, x]) => z === 1 && y === x && y < 1)).toBe(true);
  const blurs = drawnOf(all, 'gaussianBlur').flatMap(({ sigmas }) => sigmas);
  expect(blurs.filter(isDrawn).every(([z]) => z >= 0.5)).toBe(true);
});

test('outside a cascade nothing is drawn for labels', () => {
  const all = draws(smallSettings([12, 16, 14])).slice(0, 100);
  expect(all.every((drawn) => drawn.binaryOperations.length + drawn.componentRemovals.length === 0)).toBe(
    true,
  );
});

test('the same key draws the same, in any order', () => {
  const settings = smallSettings([12, 16, 14]);
  const keys = [0, 1, 2, 3].flatMap((iteration) => [0, 1].map((sample) => [7, iteration, sample]));
  const forwards = keys.map((key) => drawAugmentation(keyedRandom(...key), settings));
  const backwards = [...keys].reverse().map((key) => drawAugmentation(keyedRandom(...key), settings));
  expect(backwards.reverse()).toEqual(forwards);
});
