import { describe, expect, test } from 'vitest';
import { applyAugmentation, packTargets } from '@/core/augmentation/applyAugmentation';
import { applyContrast } from '@/core/augmentation/contrast';
import { drawAugmentation, type Transform } from '@/core/augmentation/drawAugmentation';
import { applyGamma } from '@/core/augmentation/gamma';
import { blurKernel, reflected } from '@/core/augmentation/gaussianBlur';
import { applyGaussianNoise } from '@/core/augmentation/gaussianNoise';
import { applyMirror } from '@/core/augmentation/mirror';
import type { ImagePatch, LabelPatch } from '@/core/augmentation/patch';
import { applyRandomBinaryOperator } from '@/core/augmentation/randomBinaryOperator';
import { applyRemoveComponent } from '@/core/augmentation/removeComponent';
import { validationSettings } from '@/core/augmentation/settings';
import { nearestExact } from '@/core/augmentation/simulateLowResolution';
import { applySpatial, type Spatial } from '@/core/augmentation/spatial';
import type { Zyx } from '@/shared/geometry';
import { keyedRandom } from '@/shared/random';
import { sampleFor, smallSettings } from './samples';

function imageOf(shape: Zyx, values: ArrayLike<number>): ImagePatch {
  const data = Float32Array.from(values);
  return { data, channels: data.length / (shape[0] * shape[1] * shape[2]), shape };
}

function labelsOf(shape: Zyx, values: ArrayLike<number>): LabelPatch {
  return { data: Int16Array.from(values), channels: 1, shape };
}

const rounded = (values: ArrayLike<number>) => Array.from(values, (value) => Math.round(value * 1e4) / 1e4);

// Figures that the real transforms gave for these small inputs.
describe('a 5 × 5 image of 0 … 24', () => {
  const shape: Zyx = [1, 5, 5];
  const values = Array.from({ length: 25 }, (_, i) => i);
  const image = imageOf(shape, values);
  const labels = labelsOf(
    shape,
    values.map((value) => value % 3),
  );
  const options = {
    isIn2d: true,
    patchSize: shape,
    imageSampling: 'linear',
    labelSampling: 'linear',
  } as const;
  const turned = (spatial: Partial<Spatial>) =>
    applySpatial(
      image,
      labels,
      { kind: 'spatial', angles: undefined, scales: undefined, ...spatial },
      options,
    );

  test('turned by 90°', () => {
    expect(rounded(turned({ angles: [Math.PI / 2] }).image.data.subarray(0, 5))).toEqual([20, 15, 10, 5, 0]);
  });

  test('scaled by 1.4: objects shrink, zeros and −1 come in', () => {
    const { image: scaled, labels: scaledLabels } = turned({ scales: [1.4, 1.4] });
    expect(rounded(scaled.data.subarray(10, 15))).toEqual([2, 10.6, 12, 13.4, 2.8]);
    expect([...scaledLabels.data.subarray(0, 5)]).toEqual([-1, -1, -1, -1, -1]);
  });
});

test('a patch larger than the image is padded with zeros and −1', () => {
  const options = {
    isIn2d: false,
    patchSize: [1, 1, 4],
    imageSampling: 'linear',
    labelSampling: 'linear',
  } as const;
  const none: Spatial = { kind: 'spatial', angles: undefined, scales: undefined };
  const { image, labels } = applySpatial(
    imageOf([1, 1, 2], [5, 6]),
    labelsOf([1, 1, 2], [1, 2]),
    none,
    options,
  );
  expect([...image.data]).toEqual([0, 5, 6, 0]);
  expect([...labels.data]).toEqual([-1, 1, 2, -1]);
});

describe('a column from −1 to 2', () => {
  const values = [-1, -0.5, 0, 0.5, 1, 1.5, 2];
  const column = () => imageOf([7, 1, 1], values);

  test('gamma 1.3', () => {
    const gamma = { kind: 'gamma', gammas: [1.3], retainStats: true } as const;
    const [inverted, plain] = [column(), column()];
    applyGamma(inverted, { ...gamma, invertImage: true });
    applyGamma(plain, { ...gamma, invertImage: false });
    expect(rounded(inverted.data)).toEqual([-1.1284, -0.5081, 0.076, 0.6174, 1.1066, 1.5251, 1.8114]);
    expect(rounded(plain.data)).toEqual([-0.8114, -0.5251, -0.1066, 0.3826, 0.924, 1.5081, 2.1284]);
  });

  test('contrast 1.2 stays within the old range', () => {
    const image = column();
    applyContrast(image, { kind: 'contrast', factors: [1.2], preserveRange: true });
    expect(rounded(image.data)).toEqual([-1, -0.7, -0.1, 0.5, 1.1, 1.7, 2]);
  });
});

test('blur kernels: lengths of nnU-Net, weights of sum 1, reflection at the border', () => {
  expect([0.5, 0.6, 0.9, 1, 1.5].map((sigma) => blurKernel(sigma).length)).toEqual([3, 5, 5, 7, 9]);
  const kernel = blurKernel(1).map((weight) => Math.round(weight * 1e5) / 1e5);
  expect(kernel).toEqual([0.00443, 0.05401, 0.24204, 0.39905, 0.24204, 0.05401, 0.00443]);
  expect([-2, -1, 0, 1, 2, 3, 4].map((i) => reflected(i, 3))).toEqual([2, 1, 0, 1, 2, 1, 0]);
  expect([-1, 0, 1].map((i) => reflected(i, 1))).toEqual([0, 0, 0]);
});

test('nearest-exact keeps the middle of each pair', () => {
  expect([...nearestExact(10, 5)]).toEqual([1, 3, 5, 7, 9]);
});

test('noise is normal, of its own for each voxel and seed', () => {
  const size = 200_000;
  const noise = imageOf([1, 1, size], new Float32Array(size));
  const other = imageOf([1, 1, size], new Float32Array(size));
  applyGaussianNoise(noise, { kind: 'gaussianNoise', sigma: 1, seed: 1 });
  applyGaussianNoise(other, { kind: 'gaussianNoise', sigma: 1, seed: 2 });
  const mean = (value: (i: number) => number) => noise.data.reduce((sum, _, i) => sum + value(i), 0) / size;
  const [x, y] = [noise.data, other.data];
  // Four standard deviations of each estimate.
  const within = 4 / Math.sqrt(size);
  expect(Math.abs(mean((i) => x[i]))).toBeLessThan(within);
  expect(Math.abs(mean((i) => x[i] ** 2) - 1)).toBeLessThan(within * Math.sqrt(2));
  expect(Math.abs(mean((i) => x[i] ** 4) - 3)).toBeLessThan(within * Math.sqrt(96));
  expect(Math.abs(mean((i) => x[i] * y[i]))).toBeLessThan(within);
  expect(Math.abs(mean((i) => x[i] * x[(i + 1) % size]))).toBeLessThan(within);
});

test('mirroring twice along an axis gives the image back', () => {
  const values = Array.from({ length: 24 }, (_, i) => i);
  const image = imageOf([2, 3, 4], values);
  applyMirror(image, { kind: 'mirror', axes: [2] });
  expect([...image.data.subarray(0, 4)]).toEqual([3, 2, 1, 0]);
  applyMirror(image, { kind: 'mirror', axes: [0, 2] });
  expect([...image.data.subarray(0, 4)]).toEqual([12, 13, 14, 15]);
});

test('a dilated label takes voxels from the others', () => {
  const image = imageOf([1, 1, 5], [0, 0, 1, 0, 0, 0, 1, 0, 0, 1]);
  applyRandomBinaryOperator(image, { label: 0, operator: 'dilation', radius: 1 }, true);
  expect([...image.data]).toEqual([0, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
});

test('erosion and closing do not come in from the border', () => {
  const full = imageOf([1, 3, 3], new Float32Array(9).fill(1));
  applyRandomBinaryOperator(full, { label: 0, operator: 'erosion', radius: 1 }, true);
  expect([...full.data]).toEqual(Array(9).fill(1));
});

test('a removed component is a whole one, corners counted, and a large one stays', () => {
  const shape: Zyx = [1, 4, 8];
  const values = new Float32Array(32);
  for (const voxel of [0, 9, 31]) values[voxel] = 1;
  const first = imageOf(shape, values);
  applyRemoveComponent(first, { label: 0, choice: 0 });
  expect([...first.data.keys()].filter((i) => first.data[i])).toEqual([31]);
  const last = imageOf(shape, values);
  applyRemoveComponent(last, { label: 0, choice: 0.99 });
  expect([...last.data.keys()].filter((i) => last.data[i])).toEqual([0, 9]);
  const large = imageOf(shape, new Float32Array(32).fill(1));
  applyRemoveComponent(large, { label: 0, choice: 0 });
  expect(large.data.every((value) => value === 1)).toBe(true);
});

describe('whole samples', () => {
  test('validation masks nothing, clears −1, and gives targets of every head', () => {
    const settings = validationSettings(smallSettings([4, 6, 8]));
    const sample = sampleFor(settings, 1);
    const { image, targets } = applyAugmentation(
      sample,
      drawAugmentation(keyedRandom(1), settings),
      settings,
    );
    expect(image.data).toEqual(sample.image.data);
    expect([...targets[0]]).toEqual(Array.from(sample.labels.data, (label) => Math.max(label, 0)));
    expect(targets.map(({ length }) => length)).toEqual([192, 24]);
    expect(targets[1][0]).toBe(targets[0][(1 * 6 + 1) * 8 + 1]);
  });

  test('what is handed in stays as it is', () => {
    const settings = smallSettings([6, 8, 7], { options: { recipe: 'none' } });
    const sample = sampleFor(settings, 1);
    const before = structuredClone(sample);
    const transforms: Transform[] = [
      { kind: 'brightness', factors: [2, 2] },
      { kind: 'mirror', axes: [0] },
    ];
    applyAugmentation(sample, { transforms, binaryOperations: [], componentRemovals: [] }, settings);
    expect(sample).toEqual(before);
  });

  test('a masked channel is 0 where the label is −1', () => {
    const settings = { ...smallSettings([4, 6, 8], { options: { recipe: 'none' } }), maskedChannels: [1] };
    const sample = sampleFor(settings, 1);
    sample.image.data.fill(5);
    const nothing = { transforms: [], binaryOperations: [], componentRemovals: [] };
    const { image } = applyAugmentation(sample, nothing, settings);
    const outside = [...sample.labels.data.keys()].filter((i) => sample.labels.data[i] < 0);
    expect(outside.length).toBeGreaterThan(0);
    expect(outside.every((i) => image.data[i] === 5 && image.data[192 + i] === 0)).toBe(true);
    expect(image.data.filter((value) => value === 0).length).toBe(outside.length);
  });

  test('regions: bits in the order of the outputs, the ignore label last', () => {
    const settings = validationSettings(smallSettings([1, 2, 2], { hasRegions: true, strides: undefined }));
    const shape: Zyx = [1, 2, 2];
    const sample = { image: imageOf(shape, new Float32Array(8)), labels: labelsOf(shape, [0, 1, 2, 4]) };
    const nothing = { transforms: [], binaryOperations: [], componentRemovals: [] };
    const { targets } = applyAugmentation(sample, nothing, settings);
    expect([...targets[0]]).toEqual([0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    const packed = packTargets([targets[0]], settings, 0);
    expect([...new Uint8Array(packed.buffer)]).toEqual([0b0000, 0b0001, 0b0011, 0b1000]);
  });

  test('a cascade: the previous stage becomes channels after the image', () => {
    const settings = validationSettings(smallSettings([4, 6, 8], { hasPreviousStage: true }));
    const sample = sampleFor(settings, 1);
    const { image } = applyAugmentation(sample, drawAugmentation(keyedRandom(1), settings), settings);
    expect(image.channels).toBe(5);
    const previous = sample.labels.data.subarray(192);
    for (const [l, label] of [1, 2, 3].entries()) {
      const channel = image.data.subarray((2 + l) * 192, (3 + l) * 192);
      expect([...channel]).toEqual(Array.from(previous, (value) => (value === label ? 1 : 0)));
    }
  });
});
