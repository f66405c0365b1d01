import { describe, expect, test } from 'vitest';
import { keepLargestComponent } from '@/core/postprocessing/largestComponent';
import type { Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';

/** The definition: voxels that touch at a corner are one component, all but the largest become 0. */
function flooded(labels: Uint8Array, [depth, height, width]: Zyx, members: readonly number[]): Uint8Array {
  const component = new Int32Array(labels.length);
  const sizes = [0];
  for (let start = 0; start < labels.length; start++) {
    if (!members.includes(labels[start]) || component[start] > 0) continue;
    const id = sizes.push(0) - 1;
    const pending = [start];
    component[start] = id;
    for (let voxel = pending.pop(); voxel !== undefined; voxel = pending.pop()) {
      sizes[id]++;
      const [x, y, z] = [
        voxel % width,
        Math.floor(voxel / width) % height,
        Math.floor(voxel / width / height),
      ];
      for (let i = 0; i < 27; i++) {
        const [nx, ny, nz] = [x + (i % 3) - 1, y + (Math.floor(i / 3) % 3) - 1, z + Math.floor(i / 9) - 1];
        if (nx < 0 || ny < 0 || nz < 0 || nx >= width || ny >= height || nz >= depth) continue;
        const next = (nz * height + ny) * width + nx;
        if (!members.includes(labels[next]) || component[next] > 0) continue;
        component[next] = id;
        pending.push(next);
      }
    }
  }
  const largest = Math.max(...sizes);
  return labels.map((label, i) => (component[i] > 0 && sizes[component[i]] < largest ? 0 : label));
}

function randomLabels(shape: Zyx, density: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, () =>
    random.uniform() < density ? 1 + Math.floor(3 * random.uniform()) : 0,
  );
}

describe.each([
  { shape: [1, 1, 1] },
  { shape: [1, 1, 40] },
  { shape: [1, 17, 13] },
  { shape: [9, 1, 11] },
  { shape: [7, 9, 11] },
  { shape: [16, 20, 24] },
] as const)('largest component in $shape', ({ shape }) => {
  test.each([0.02, 0.06, 0.12, 0.3, 0.9])('is what flooding finds, at density %d', (density) => {
    for (let seed = 0; seed < 4; seed++) {
      const labels = randomLabels(shape, density, seed);
      for (const members of [[1], [2, 3], [1, 2, 3]]) {
        expect(keepLargestComponent(labels, shape, [members])).toEqual(flooded(labels, shape, members));
      }
    }
  });
});

describe('keeping the largest component', () => {
  const row = (...labels: number[]) => Uint8Array.from(labels);
  const keep = (labels: Uint8Array, members: number[][], background?: number) =>
    keepLargestComponent(labels, [1, 1, labels.length], members, background);

  test('components of equal size all stay', () => {
    expect(keep(row(1, 1, 0, 1, 1, 0, 1), [[1]])).toEqual(row(1, 1, 0, 1, 1, 0, 0));
  });

  test('labels that are meant together join, those alone do not', () => {
    const labels = row(1, 2, 0, 1, 1, 0, 2);
    expect(keep(labels, [[1], [2]])).toEqual(row(1, 2, 0, 1, 1, 0, 0));
    expect(keep(labels, [[1]])).toEqual(row(0, 2, 0, 1, 1, 0, 2));
  });

  test('a background of its own is written', () => {
    expect(keep(row(1, 1, 0, 1), [[1]], 7)).toEqual(row(1, 1, 0, 7));
  });

  test('nothing to remove gives the array itself, and the input is never changed', () => {
    const labels = row(0, 1, 1, 0);
    expect(keep(labels, [[1]])).toBe(labels);
    expect(keep(labels, [[5]])).toBe(labels);
    const islands = row(1, 1, 0, 1);
    keep(islands, [[1]]);
    expect(islands).toEqual(row(1, 1, 0, 1));
  });

  test('labels beyond 255 are told apart', () => {
    const labels = Uint16Array.from([300, 300, 0, 300, 44]);
    expect(keepLargestComponent(labels, [1, 1, 5], [[300]])).toEqual(Uint16Array.from([300, 300, 0, 0, 44]));
  });
});
