import { expect, test } from 'vitest';
import { classLocations } from '@/core/preprocessing/classLocations';
import { MersenneTwister } from '@/shared/mersenneTwister';
import { labelSet } from '../../support/labels';

const seg = Int8Array.from([-1, 0, 1, 2, 2, 1, 0, 3, 1]);

test('every foreground label is sampled without replacement, from one stream', () => {
  const labels = labelSet({ background: 0, a: 1, b: 2, c: 3 }, undefined);
  const random = new MersenneTwister(1234);
  const expected = [[2, 5, 8], [3, 4], [7]].map((voxels) =>
    [...random.permutation(voxels.length)].map((i) => voxels[i]),
  );
  expect(classLocations(seg, labels).map(({ voxels }) => [...voxels])).toEqual(expected);
});

test('a class that is absent is empty and draws nothing', () => {
  const labels = labelSet({ background: 0, a: 1, b: 2, c: 3 }, undefined);
  const without = seg.map((label) => (label === 1 ? 0 : label));
  const random = new MersenneTwister(1234);
  const [a, b] = classLocations(without, labels);
  expect(a.voxels).toHaveLength(0);
  expect([...b.voxels]).toEqual([...random.permutation(2)].map((i) => [3, 4][i]));
});

test('regions list their labels one after the other, and the ignore label adds all that is annotated', () => {
  const labels = labelSet({ background: 0, whole: [1, 2], core: 2, ignore: 3 }, [1, 2]);
  const locations = classLocations(seg, labels);
  expect(locations.map(({ labels: values, isRegion }) => [values, isRegion])).toEqual([
    [[1, 2], true],
    [[2], false],
    [[-1, 0, 1, 2], true],
  ]);
  expect([...locations[0].voxels].sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 8]);
  expect([...locations[2].voxels].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 8]);
});

test('at most 10,000 voxels, unless one in a hundred is more', () => {
  const labels = labelSet({ background: 0, a: 1 }, undefined);
  expect(classLocations(new Int8Array(50_000).fill(1), labels)[0].voxels).toHaveLength(10_000);
  expect(classLocations(new Int8Array(1_200_050).fill(1), labels)[0].voxels).toHaveLength(12_001);
});
