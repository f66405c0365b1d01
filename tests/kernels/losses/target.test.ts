import { expect, test } from 'vitest';
import { packLabels, packRegions, targetSize, unpackTarget } from '@/kernels/losses/target';
import { seededRandom } from '@/shared/random';

test('labels are bytes in their order', () => {
  expect([...packLabels([1, 2, 3, 255, 7])]).toEqual([0xff030201, 7]);
});

test('regions are bits, nine of them take two bytes a voxel', () => {
  const regions = Array.from({ length: 9 * 3 }, (_, i) => Number(i === 0 || i === 4 || i === 8 * 3 + 2));
  // voxel 0: region 0; voxel 1: region 1; voxel 2: region 8
  expect([...packRegions(regions, 9, 3)]).toEqual([0x00020001, 0x0100]);
});

test('what is packed is unpacked', () => {
  const random = seededRandom(1);
  const shape = { batch: 3, classes: 11, voxels: 7 };
  for (const hasIgnore of [false, true]) {
    const target = { kind: 'regions', hasIgnore } as const;
    const channels = shape.classes + Number(hasIgnore);
    const regions = Array.from({ length: shape.batch * channels * shape.voxels }, () =>
      Number(random.uniform() < 0.5),
    );
    const packed = packRegions(regions, channels, shape.voxels);
    expect(packed).toHaveLength(targetSize(target, shape.classes, shape.batch, shape.voxels));
    expect([...unpackTarget(target, shape, packed)]).toEqual(regions);
  }
  const labels = Array.from({ length: shape.batch * shape.voxels }, () => Math.floor(random.uniform() * 11));
  const target = { kind: 'labels', ignoreLabel: undefined } as const;
  expect([...unpackTarget(target, shape, packLabels(labels))]).toEqual(labels);
});
