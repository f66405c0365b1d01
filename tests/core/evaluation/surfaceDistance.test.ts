import { describe, expect, test } from 'vitest';
import { pointTree } from '@/core/evaluation/pointTree';
import { type SurfaceOptions, surfaceMetricsStepwise } from '@/core/evaluation/surfaceDistance';
import { elementCount, type Spacing, type Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import { percentile } from '@/shared/statistics';
import { runAtOnce } from '@/shared/stepwise';

const surfaceMetrics = (question: SurfaceOptions) => runAtOnce(surfaceMetricsStepwise(question));

const GRIDS: readonly { shape: Zyx; spacing: Spacing }[] = [
  { shape: [5, 7, 9], spacing: [1, 1, 1] },
  { shape: [4, 11, 6], spacing: [5, 0.7, 0.9] },
  { shape: [1, 12, 13], spacing: [999, 0.5, 0.25] },
  { shape: [6, 1, 8], spacing: [2, 3, 1] },
  { shape: [1, 1, 20], spacing: [1, 1, 0.3] },
];

function randomLabels(shape: Zyx, seed: number, share: number, values: readonly number[]): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: elementCount(shape) }, () =>
    random.uniform() < share ? values[Math.floor(random.uniform() * values.length)] : 0,
  );
}

function positionOf(i: number, [, ny, nx]: Zyx): Zyx {
  return [Math.floor(i / (ny * nx)), Math.floor(i / nx) % ny, i % nx];
}

function distance(a: number, b: number, shape: Zyx, spacing: Spacing): number {
  const [p, q] = [positionOf(a, shape), positionOf(b, shape)];
  return Math.hypot(...p.map((at, axis) => (at - q[axis]) * spacing[axis]));
}

describe.each(GRIDS)('distances on $shape at $spacing mm', ({ shape, spacing }) => {
  test.each([0.02, 0.3, 0.9])('equal those to each seed, share %f', (share) => {
    const seeds = randomLabels(shape, 3, share, [1]);
    seeds[elementCount(shape) - 1] = 1;
    const all = Array.from(seeds.keys()).filter((i) => seeds[i]);
    const tree = runAtOnce(pointTree(Int32Array.from(all), shape, spacing));
    for (let i = 0; i < seeds.length; i++) {
      const nearest = Math.min(...all.map((seed) => distance(i, seed, shape, spacing)));
      const found = Math.sqrt(tree.squaredDistance(i));
      expect(Math.abs(found - nearest)).toBeLessThanOrEqual(1e-12 * nearest);
    }
  });
});

test('distances among many voxels equal those to each', () => {
  const shape: Zyx = [40, 50, 60];
  const spacing: Spacing = [3, 0.8, 0.7];
  const seeds = randomLabels(shape, 5, 0.4, [1]);
  const all = Array.from(seeds.keys()).filter((i) => seeds[i]);
  const tree = runAtOnce(pointTree(Int32Array.from(all), shape, spacing));
  const random = seededRandom(6);
  for (let n = 0; n < 40; n++) {
    const i = Math.floor(random.uniform() * seeds.length);
    const nearest = all.reduce((least, seed) => Math.min(least, distance(i, seed, shape, spacing)), 1e9);
    expect(Math.sqrt(tree.squaredDistance(i))).toBeCloseTo(nearest, 10);
  }
});

/** The definition, word by word. */
function plainMetrics(question: SurfaceOptions, values: readonly number[]) {
  const { prediction, reference, shape, spacing, ignoreLabel, toleranceMm } = question;
  const boundary = (map: ArrayLike<number>) => {
    const belongs = (p: readonly number[]) => {
      if (p.some((at, axis) => at < 0 || at >= shape[axis])) return false;
      const i = (p[0] * shape[1] + p[1]) * shape[2] + p[2];
      return values.includes(map[i]) && reference[i] !== ignoreLabel;
    };
    return Array.from({ length: map.length }, (_, i) => i).filter((i) => {
      const p = positionOf(i, shape);
      const neighbours = [0, 1, 2]
        .filter((axis) => shape[axis] > 1)
        .flatMap((axis) => [-1, 1].map((step) => p.map((at, k) => (k === axis ? at + step : at))));
      return belongs(p) && neighbours.some((one) => !belongs(one));
    });
  };
  const [a, b] = [boundary(prediction), boundary(reference)];
  const far = (from: readonly number[], to: readonly number[]) =>
    from.map((i) => Math.min(...to.map((j) => distance(i, j, shape, spacing))));
  const [ab, ba] = [far(a, b), far(b, a)];
  const close = [...ab, ...ba].filter((mm) => mm <= toleranceMm * (1 + 1e-9)).length;
  return {
    NSD: close / (a.length + b.length),
    HD95: Math.max(percentile(ab, 95), percentile(ba, 95)),
  };
}

describe.each(GRIDS)('surface metrics on $shape at $spacing mm', ({ shape, spacing }) => {
  test.each([0, 0.7, 1.5])('equal the definition at a tolerance of %f mm', (toleranceMm) => {
    for (const seed of [1, 2, 3]) {
      const question = {
        prediction: randomLabels(shape, seed, 0.7, [1, 2]),
        reference: randomLabels(shape, seed + 10, 0.7, [1, 2, 3]),
        shape,
        spacing,
        labels: [[1], [1, 2]],
        ignoreLabel: 3,
        toleranceMm,
      };
      for (const [l, found] of surfaceMetrics(question).entries()) {
        const plain = plainMetrics(question, question.labels[l]);
        expect(found.NSD).toBeCloseTo(plain.NSD, 12);
        expect(found.HD95).toBeCloseTo(plain.HD95, 5);
      }
    }
  });
});

describe('surface metrics', () => {
  const shape: Zyx = [20, 20, 20];
  const grid = { shape, spacing: [2, 1, 0.5] as Spacing, labels: [[1]], ignoreLabel: undefined };
  const box = (z: number, y: number, x: number) =>
    Uint8Array.from({ length: elementCount(shape) }, (_, i) => {
      const at = positionOf(i, shape);
      const isInside = at.every((value, axis) => value >= [z, y, x][axis] && value < [z, y, x][axis] + 8);
      return isInside ? 1 : 0;
    });

  test('of equal maps are 1 and 0 mm', () => {
    const map = box(4, 4, 4);
    const [found] = surfaceMetrics({ ...grid, prediction: map, reference: map, toleranceMm: 0 });
    expect(found).toEqual({ NSD: 1, HD95: 0 });
  });

  test.each([
    { moved: box(5, 4, 4), mm: 2 },
    { moved: box(4, 6, 4), mm: 2 },
    { moved: box(4, 4, 7), mm: 1.5 },
  ])('of a box that is moved by $mm mm', ({ moved, mm }) => {
    const maps = { prediction: moved, reference: box(4, 4, 4) };
    const [found] = surfaceMetrics({ ...grid, ...maps, toleranceMm: mm });
    expect(found.NSD).toBe(1);
    expect(found.HD95).toBeCloseTo(mm, 6);
    const [strict] = surfaceMetrics({ ...grid, ...maps, toleranceMm: mm - 0.01 });
    expect(strict.NSD).toBeLessThan(1);
  });

  test('of single voxels are their distance', () => {
    const [a, b] = [new Uint8Array(8000), new Uint8Array(8000)];
    a[(3 * 20 + 3) * 20 + 3] = 1;
    b[(5 * 20 + 6) * 20 + 11] = 1;
    const [found] = surfaceMetrics({ ...grid, prediction: a, reference: b, toleranceMm: 6 });
    expect(found.HD95).toBeCloseTo(Math.hypot(4, 3, 4), 6);
    expect(found.NSD).toBe(0);
  });

  test('of a missed or an invented structure are 0 and infinite; of none there are none', () => {
    const [there, empty] = [box(4, 4, 4), new Uint8Array(8000)];
    const missed = surfaceMetrics({ ...grid, prediction: empty, reference: there, toleranceMm: 1 });
    const invented = surfaceMetrics({ ...grid, prediction: there, reference: empty, toleranceMm: 1 });
    for (const [found] of [missed, invented])
      expect(found).toEqual({ NSD: 0, HD95: Number.POSITIVE_INFINITY });
    const [none] = surfaceMetrics({ ...grid, prediction: empty, reference: empty, toleranceMm: 1 });
    expect(none).toEqual({ NSD: Number.NaN, HD95: Number.NaN });
  });
});
