import { describe, expect, test } from 'vitest';
import { fillHoles, nonzeroBox, nonzeroMask } from '@/core/preprocessing/cropToNonzero';
import type { Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import { cropToNonzero } from '../../support/cropToNonzero';

/** The definition, slow: dilate the outside through zeros until nothing changes. */
function fillHolesByDilation(mask: Uint8Array, [nZ, nY, nX]: Zyx): Uint8Array {
  const isOutside = (z: number, y: number, x: number) =>
    z < 0 || y < 0 || x < 0 || z >= nZ || y >= nY || x >= nX || reached[(z * nY + y) * nX + x] === 1;
  const reached = new Uint8Array(mask.length);
  for (let changed = true; changed; ) {
    changed = false;
    for (let z = 0, i = 0; z < nZ; z++) {
      for (let y = 0; y < nY; y++) {
        for (let x = 0; x < nX; x++, i++) {
          if (mask[i] === 1 || reached[i] === 1) continue;
          const isReached =
            isOutside(z - 1, y, x) ||
            isOutside(z + 1, y, x) ||
            isOutside(z, y - 1, x) ||
            isOutside(z, y + 1, x) ||
            isOutside(z, y, x - 1) ||
            isOutside(z, y, x + 1);
          if (isReached) {
            reached[i] = 1;
            changed = true;
          }
        }
      }
    }
  }
  return reached.map((value) => 1 - value);
}

describe('fillHoles', () => {
  test.each([
    { shape: [9, 8, 7], share: 0.6, seed: 1 },
    { shape: [9, 8, 7], share: 0.75, seed: 2 },
    { shape: [1, 12, 12], share: 0.7, seed: 3 },
    { shape: [12, 1, 12], share: 0.7, seed: 4 },
    { shape: [5, 30, 1], share: 0.7, seed: 5 },
    { shape: [20, 20, 20], share: 0.68, seed: 6 },
  ] as const)(
    'agrees with dilation from outside on random masks $shape, $share',
    ({ shape, share, seed }) => {
      const random = seededRandom(seed);
      const mask = Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, () =>
        random.uniform() < share ? 1 : 0,
      );
      const expected = fillHolesByDilation(mask, shape);
      fillHoles(mask, shape);
      expect(mask).toEqual(expected);
    },
  );

  test('a hole inside is filled; one that reaches a face is not', () => {
    const closed = new Uint8Array(125).fill(1);
    closed[62] = 0;
    fillHoles(closed, [5, 5, 5]);
    expect(closed[62]).toBe(1);

    const open = new Uint8Array(125).fill(1);
    for (const voxel of [62, 61, 60]) open[voxel] = 0;
    fillHoles(open, [5, 5, 5]);
    expect([open[62], open[61], open[60]]).toEqual([0, 0, 0]);
  });

  test('nothing is filled in a single slice: every pixel touches the outside', () => {
    const ring = Uint8Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1);
    fillHoles(ring, [1, 3, 3]);
    expect(ring[4]).toBe(0);
  });

  test('finds its way through a spiral without recursion', () => {
    // A corridor that snakes through every row of every slice.
    const [nZ, nY, nX] = [40, 41, 40];
    const mask = new Uint8Array(nZ * nY * nX).fill(1);
    for (let z = 1; z < nZ - 1; z++) {
      for (let y = 1; y < nY - 1; y += 2) for (let x = 1; x < nX - 1; x++) mask[(z * nY + y) * nX + x] = 0;
      for (let y = 2; y < nY - 1; y += 2) mask[(z * nY + y) * nX + (y % 4 === 0 ? 1 : nX - 2)] = 0;
    }
    mask[(1 * nY + 1) * nX] = 0; // the only door
    const expected = mask.slice();
    fillHoles(mask, [nZ, nY, nX]);
    expect(mask).toEqual(expected);
  });
});

describe('crop', () => {
  const shape = [3, 4, 5] as const;

  test('the box holds what is not zero in any channel', () => {
    const data = new Float32Array(2 * 60);
    data[1 * 20 + 1 * 5 + 2] = 3; // channel 0, (1, 1, 2)
    data[60 + 2 * 20 + 3 * 5 + 4] = -1; // channel 1, (2, 3, 4)
    expect(nonzeroBox(data, 2, shape)).toEqual([
      [1, 3],
      [1, 4],
      [2, 5],
    ]);
  });

  test('an empty image keeps its whole array', () => {
    expect(nonzeroBox(new Float32Array(60), 1, shape)).toEqual([
      [0, 3],
      [0, 4],
      [0, 5],
    ]);
    expect(nonzeroMask(new Float32Array(60), 1, shape).some((value) => value !== 0)).toBe(false);
  });

  test('outside the mask 0 becomes −1 and labels stay', () => {
    const data = Float32Array.of(1, 0, 0, 1);
    const { seg, box } = cropToNonzero(data, 1, [1, 2, 2], Int16Array.of(0, 2, 0, 0));
    expect(box).toEqual([
      [0, 1],
      [0, 2],
      [0, 2],
    ]);
    expect([...seg]).toEqual([0, 2, -1, 0]);
    expect([...cropToNonzero(data, 1, [1, 2, 2]).seg]).toEqual([0, -1, -1, 0]);
  });
});
