import { describe, expect, test } from 'vitest';
import { applyAdditiveBrightness } from '@/core/augmentation/additiveBrightness';
import { applyAugmentation } from '@/core/augmentation/applyAugmentation';
import { applyBlankRectangle } from '@/core/augmentation/blankRectangle';
import { applyBrightnessGradient } from '@/core/augmentation/brightnessGradient';
import { drawAugmentation, type Transform } from '@/core/augmentation/drawAugmentation';
import { applyLocalGamma } from '@/core/augmentation/localGamma';
import { localKernelWeights, normalCdf } from '@/core/augmentation/localKernel';
import { applyMedianFilter } from '@/core/augmentation/medianFilter';
import type { ImagePatch } from '@/core/augmentation/patch';
import { applyRot90 } from '@/core/augmentation/rot90';
import { applySharpening } from '@/core/augmentation/sharpening';
import { applyTransposeAxes } from '@/core/augmentation/transposeAxes';
import type { Zyx } from '@/shared/geometry';
import { keyedRandom, randomNormal } from '@/shared/random';
import { sampleFor, smallSettings } from './samples';

function imageOf(shape: Zyx, values: ArrayLike<number>): ImagePatch {
  const data = Float32Array.from(values);
  return { data, channels: data.length / (shape[0] * shape[1] * shape[2]), shape };
}

const counting = (size: number) => Array.from({ length: size }, (_, i) => i);

describe('quarter turns go from the first axis towards the second, as torch.rot90', () => {
  test.each([
    [0, [0, 1, 2, 3]],
    [1, [1, 3, 0, 2]],
    [2, [3, 2, 1, 0]],
    [3, [2, 0, 3, 1]],
  ])('%i', (turns, expected) => {
    const image = imageOf([1, 2, 2], [0, 1, 2, 3]);
    applyRot90(image, { kind: 'rot90', turns, axes: [1, 2] });
    expect([...image.data]).toEqual(expected);
  });
});

test('transposing puts the chosen axis at each place, in every channel', () => {
  const image = imageOf([2, 2, 2], counting(16));
  applyTransposeAxes(image, { kind: 'transposeAxes', order: [2, 0, 1] });
  // out[z, y, x] = in[axis 2: z, axis 0: y, axis 1: x]
  expect([...image.data.subarray(0, 8)]).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
  expect([...image.data.subarray(8)]).toEqual([8, 10, 12, 14, 9, 11, 13, 15]);
});

describe.each([2, 3, 4, 5])('a median filter of %i voxels', (size) => {
  test.each<[Zyx, 2 | 3]>([
    [[4, 5, 6], 3],
    [[1, 9, 7], 2],
    [[2, 3, 2], 3],
  ])('is the median of each window of %s', (shape, dimension) => {
    const values = randomNormal(shape[0] * shape[1] * shape[2], size);
    values[3] = values[1];
    const image = imageOf(shape, values);
    applyMedianFilter(image, { kind: 'medianFilter', sizes: [size] }, dimension);
    expect([...image.data]).toEqual(medians(values, shape, [dimension === 2 ? 1 : size, size, size]));
  });
});

/** By sorting each window; the border voxel comes twice where the window passes it. */
function medians(values: Float32Array, shape: Zyx, window: readonly number[]): number[] {
  const source = (axis: number, i: number) => {
    let at = i;
    while (at < 0 || at >= shape[axis]) at = at < 0 ? -1 - at : 2 * shape[axis] - 1 - at;
    return at;
  };
  const places = (axis: number, at: number) =>
    counting(window[axis]).map((offset) => source(axis, at + offset - Math.floor(window[axis] / 2)));
  return counting(values.length).map((i) => {
    const x = i % shape[2];
    const y = Math.floor(i / shape[2]) % shape[1];
    const z = Math.floor(i / (shape[1] * shape[2]));
    const found = places(0, z).flatMap((cz) =>
      places(1, y).flatMap((cy) => places(2, x).map((cx) => values[(cz * shape[1] + cy) * shape[2] + cx])),
    );
    return found.sort((a, b) => a - b)[Math.floor(found.length / 2)];
  });
}

test('a shift is added to its channel alone', () => {
  const image = imageOf([1, 1, 2], [1, 2, 3, 4]);
  applyAdditiveBrightness(image, { kind: 'additiveBrightness', shifts: [undefined, 0.5] });
  expect([...image.data]).toEqual([1, 2, 3.5, 4.5]);
});

test('a rectangle becomes its mean', () => {
  const image = imageOf([1, 3, 3], counting(9));
  const rectangle = { start: [0, 1, 1], size: [1, 2, 2] } as const;
  applyBlankRectangle(image, { kind: 'blankRectangle', rectangles: [[rectangle]] });
  expect([...image.data]).toEqual([0, 1, 2, 3, 6, 6, 6, 6, 6]);
});

test('the normal distribution, by its table', () => {
  const table = [
    [0, 0.5],
    [1, 0.841344746068543],
    [-1.96, 0.024997895148220435],
    [-3, 0.0013498980316300946],
    [-6, 9.865876450376946e-10],
    [5, 0.9999997133484281],
  ];
  for (const [x, expected] of table)
    expect(Math.abs(normalCdf(x) - expected)).toBeLessThan(1e-14 + 1e-10 * expected);
});

test('a local kernel runs from 0 to 1, highest at its centre', () => {
  const shape: Zyx = [5, 9, 7];
  const weights = localKernelWeights({ centre: [2, 4, 1], width: [2, 3, 2] }, shape);
  expect(Math.min(...weights)).toBe(0);
  expect(Math.max(...weights)).toBe(1);
  expect(weights.indexOf(1)).toBe((2 * 9 + 4) * 7 + 1);
});

test('a gradient adds its strength at the centre, a local gamma keeps the range', () => {
  const shape: Zyx = [1, 5, 5];
  const kernel = { centre: [0, 2, 2], width: [0, 2, 2] } as const;
  const image = imageOf(shape, counting(25));
  applyBrightnessGradient(image, { kind: 'brightnessGradient', gradients: [{ kernel, strength: -3 }] });
  expect(image.data[12]).toBe(9);
  expect(image.data[0]).toBe(0);
  const other = imageOf(shape, counting(25));
  applyLocalGamma(other, { kind: 'localGamma', gammas: [{ kernel, gamma: 2 }] });
  expect(other.data[12]).toBe(6); // (12 / 24)² · 24
  expect(other.data[0]).toBe(0);
  expect(other.data[4]).toBeCloseTo(4, 5);
});

test('sharpening adds what a voxel differs from its neighbours by', () => {
  const image = imageOf([1, 3, 3], [0, 0, 0, 0, 1, 0, 0, 0, 0]);
  applySharpening(image, { kind: 'sharpening', strengths: [0.5] });
  expect([...image.data]).toEqual([0, -0.5, 0, -0.5, 3, -0.5, 0, -0.5, 0]);
});

describe('10,000 draws of the recipe', () => {
  const draws = 10_000;
  const settings = smallSettings([20, 20, 24], { options: { recipe: 'da5' }, hasPreviousStage: true });
  const all = Array.from({ length: draws }, (_, i) => drawAugmentation(keyedRandom(9, i), settings));
  const drawn = all.flatMap(({ transforms }) => transforms);
  const count = (kind: Transform['kind']) => drawn.filter((transform) => transform.kind === kind).length;

  test.each<[Transform['kind'], number, number]>([
    ['spatial', 1, 1],
    ['rot90', 0.5, 1],
    ['transposeAxes', 0.5, 1],
    ['medianFilter', 0.1, 1],
    ['gaussianBlur', 0.1, 1],
    ['gaussianNoise', 0.1, 1],
    ['additiveBrightness', 0.1, 1],
    ['contrast', 0.2, 1],
    ['simulateLowResolution', 0.15, 1],
    ['gamma', 0.1, 2],
    ['mirror', 1, 1],
    ['blankRectangle', 0.4, 1],
    ['brightnessGradient', 0.3, 1],
    ['localGamma', 0.3, 1],
    ['sharpening', 0.2, 1],
  ])('%s has probability %d, %i times', (kind, probability, times) => {
    const deviation = Math.sqrt(times * draws * probability * (1 - probability));
    expect(Math.abs(count(kind) - times * draws * probability)).toBeLessThanOrEqual(4 * deviation);
  });

  test('each angle is kept half the time, scales differ by axis', () => {
    const spatial = drawn.filter((transform) => transform.kind === 'spatial');
    const angles = spatial.flatMap((transform) => transform.angles ?? []);
    const kept = angles.filter((angle) => angle !== 0).length;
    expect(Math.abs(kept / angles.length - 0.5)).toBeLessThanOrEqual(4 * Math.sqrt(0.25 / angles.length));
    const scaled = spatial.flatMap(({ scales }) => (scales ? [scales] : []));
    expect(scaled.every(([z, y, x]) => z !== y && y !== x)).toBe(true);
    expect(Math.max(...scaled.flat())).toBeLessThan(1.43);
    expect(Math.max(...scaled.flat())).toBeGreaterThan(1.41);
  });

  test('only the axes of the commonest size change places', () => {
    for (const transform of drawn) {
      if (transform.kind === 'rot90') expect(transform.axes).toEqual([0, 1]);
      if (transform.kind === 'transposeAxes') expect(transform.order[2]).toBe(2);
    }
  });

  test('a label of the previous stage that is drawn is always changed', () => {
    expect(all.every(({ binaryOperations }) => [0, 3].includes(binaryOperations.length))).toBe(true);
  });

  test('rectangles lie in the patch, one to four of them', () => {
    const rectangles = drawn.flatMap((t) => (t.kind === 'blankRectangle' ? t.rectangles : []));
    const counts = new Set<number>();
    for (const ofChannel of rectangles) {
      if (!ofChannel) continue;
      counts.add(ofChannel.length);
      for (const { start, size } of ofChannel) {
        for (const axis of [0, 1, 2]) {
          expect(start[axis] >= 0 && start[axis] + size[axis] <= settings.patchSize[axis]).toBe(true);
          expect(size[axis] >= 2 && size[axis] < Math.floor(settings.patchSize[axis] / 3)).toBe(true);
        }
      }
    }
    expect([...counts].sort()).toEqual([1, 2, 3, 4]);
  });
});

test.each([[[12, 12, 12]], [[24, 20]], [[4, 16, 16]]])('whole samples of %s stay finite', (patchSize) => {
  const settings = smallSettings(patchSize, { options: { recipe: 'da5' } });
  for (let i = 0; i < 30; i++) {
    const parameters = drawAugmentation(keyedRandom(1, i), settings);
    const { image, targets } = applyAugmentation(sampleFor(settings, i), parameters, settings);
    expect(image.data.every(Number.isFinite)).toBe(true);
    expect(targets[0].every((label) => label <= 3)).toBe(true);
  }
});
