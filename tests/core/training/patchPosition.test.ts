import { describe, expect, test } from 'vitest';
import { cropPatch } from '@/core/training/cropPatch';
import { choosePatchStart, mustShowForeground, patchBounds } from '@/core/training/patchPosition';
import type { Zyx } from '@/shared/geometry';
import { keyedRandom } from '@/shared/random';

const SHAPE: Zyx = [10, 20, 30];
const SIZES = { loaded: [8, 8, 8], network: [6, 6, 6] } as const;
const at = (z: number, y: number, x: number) => (z * SHAPE[1] + y) * SHAPE[2] + x;
const ORGAN = { labels: [1], isRegion: false, voxels: Uint32Array.of(at(5, 10, 15)) };
const ABSENT = { labels: [2], isRegion: false, voxels: new Uint32Array(0) };
const ANNOTATED = { labels: [-1, 0, 1, 2], isRegion: true, voxels: Uint32Array.of(at(9, 19, 29)) };

describe('patches placed by chance', () => {
  test('reach as far beyond the border as the enlargement does, and everywhere between', () => {
    const { lower, upper } = patchBounds(SHAPE, SIZES);
    expect(lower).toEqual([-1, -1, -1]);
    expect(upper).toEqual([3, 13, 23]);
    const seen = new Set<number>();
    for (let i = 0; i < 300; i++) {
      const start = choosePatchStart({ shape: SHAPE, classLocations: [] }, SIZES, false, keyedRandom(1, i));
      for (const axis of [0, 1, 2]) {
        expect(start[axis]).toBeGreaterThanOrEqual(lower[axis]);
        expect(start[axis]).toBeLessThanOrEqual(upper[axis]);
      }
      seen.add(start[0]);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2, 3]);
  });

  test('lie around an annotated voxel where there is an ignore label', () => {
    const placed = { shape: SHAPE, classLocations: [ORGAN, ANNOTATED] };
    expect(choosePatchStart(placed, SIZES, false, keyedRandom(1))).toEqual([5, 15, 25]);
  });
});

describe('patches that must show foreground', () => {
  test('centre on a voxel of a class that is there', () => {
    const placed = { shape: SHAPE, classLocations: [ORGAN, ABSENT, ANNOTATED] };
    for (let i = 0; i < 20; i++) {
      expect(choosePatchStart(placed, SIZES, true, keyedRandom(i))).toEqual([1, 6, 11]);
    }
  });

  test('take any annotated voxel where there is nothing else, and any place without one', () => {
    const onlyAnnotated = { shape: SHAPE, classLocations: [ABSENT, ANNOTATED] };
    expect(choosePatchStart(onlyAnnotated, SIZES, true, keyedRandom(1))).toEqual([5, 15, 25]);
    const nothing = { shape: SHAPE, classLocations: [ABSENT] };
    expect(choosePatchStart(nothing, SIZES, true, keyedRandom(1))).toHaveLength(3);
  });

  test('are each drawn by themselves where the trainer says so', () => {
    const share = (oversampling: Parameters<typeof mustShowForeground>[0]) => {
      let forced = 0;
      for (let i = 0; i < 4000; i++) if (mustShowForeground(oversampling, 0, 2, keyedRandom(i))) forced++;
      return forced / 4000;
    };
    expect(share({ kind: 'each' })).toBeCloseTo(0.5, 1);
    expect(share({ kind: 'each', share: 0.1 })).toBeCloseTo(0.1, 1);
    expect(share({ kind: 'lastOfBatch' })).toBe(0);
  });
});

test('a patch is the case where it lies within, zeros and −1 beyond', () => {
  const shape: Zyx = [2, 3, 4];
  const image = Float32Array.from({ length: 48 }, (_, i) => i + 1);
  const seg = Int8Array.from({ length: 24 }, (_, i) => i % 3);
  const patch = cropPatch({ channels: 2, shape, image, segs: [seg, seg] }, [-1, 1, 2], [3, 3, 3]);
  expect(patch.labels.channels).toBe(2);
  for (let c = 0; c < 2; c++) {
    for (let z = 0; z < 3; z++) {
      for (let y = 0; y < 3; y++) {
        for (let x = 0; x < 3; x++) {
          const [sz, sy, sx] = [z - 1, y + 1, x + 2];
          const isInside = sz >= 0 && sz < 2 && sy < 3 && sx < 4;
          const from = (sz * 3 + sy) * 4 + sx;
          const to = ((c * 3 + z) * 3 + y) * 3 + x;
          expect(patch.image.data[to]).toBe(isInside ? image[c * 24 + from] : 0);
          expect(patch.labels.data[to]).toBe(isInside ? seg[from] : -1);
        }
      }
    }
  }
});
