import { expect, test } from 'vitest';
import { nearestCase, PATCH_LABEL, patchBox, patchExtent } from '@/app/plan/patchBox';
import type { Affine } from '@/core/io/orientation';
import type { DisplayLabels } from '@/workers/files/api';

const affine: Affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 2, 0],
];

/** 8 × 6 × 5 voxels (x, y, z) of 1 × 1 × 2 mm. */
const image = { shape: [8, 6, 5], affine } as const;

/** Drawn voxels, `x y z`. */
function drawn({ voxels, shape: [x, y] }: DisplayLabels): readonly string[] {
  return Array.from(voxels).flatMap((value, i) =>
    value === PATCH_LABEL ? `${i % x} ${Math.floor(i / x) % y} ${Math.floor(i / (x * y))}` : [],
  );
}

test('the patch follows the axes that planning transposed', () => {
  const volume = { patchSize: [10, 20, 30], spacing: [3, 2, 1] };
  expect(patchExtent(volume, [0, 1, 2])).toEqual([30, 40, 30]);
  expect(patchExtent(volume, [1, 0, 2])).toEqual([40, 30, 30]);
  const slice = { patchSize: [20, 30], spacing: [2, 1] };
  expect(patchExtent(slice, [0, 1, 2])).toEqual([undefined, 40, 30]);
  expect(patchExtent(slice, [2, 0, 1])).toEqual([40, 30, undefined]);
});

test('walls stand where the patch ends, around the middle of the image', () => {
  const labels = patchBox(image, [6, 4, 4]);
  const box = drawn(labels);
  // 3 slices of 2 mm, 4 × 4 voxels: only the inside of the middle slice is empty.
  expect(box).toHaveLength(3 * 16 - 4);
  expect(box).toContain('2 1 1');
  expect(box).toContain('5 4 3');
  expect(box).not.toContain('3 2 2');
  expect(labels.centers).toEqual({ [PATCH_LABEL]: [4, 3, 2] });
});

test('a patch past the edge of the image is cut off there', () => {
  const box = drawn(patchBox(image, [2, 4, 4], [0, 0, 0]));
  expect(box.every((voxel) => /^[0-2] [0-2] 0$/.test(voxel))).toBe(true);
  expect(box).toContain('2 2 0');
});

test('a slice has its outline in one slice only', () => {
  const box = drawn(patchBox(image, [undefined, 4, 4]));
  expect(new Set(box.map((voxel) => voxel.split(' ')[2]))).toEqual(new Set(['2']));
  expect(box).toHaveLength(12);
});

test('the case nearest to the median in millimetres is chosen, unreadable ones never', () => {
  const found = (caseId: string, size: number) => ({
    caseId,
    status: 'ok' as const,
    findings: [],
    shape: [size, size, size] as const,
    spacing: [1, 1, 1] as const,
  });
  const unreadable = { caseId: 'bad', status: 'error' as const, findings: [] };
  expect(
    nearestCase([unreadable, found('a', 10), found('b', 42), found('c', 90)], [40, 40, 40])?.caseId,
  ).toBe('b');
  expect(nearestCase([unreadable], [40, 40, 40])).toBeUndefined();
});
