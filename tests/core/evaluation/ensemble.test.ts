import { describe, expect, test } from 'vitest';
import { averageProbabilities } from '@/core/evaluation/ensemble';
import { writeNpz } from '@/core/io/npy';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { labelsFromScores } from '@/core/preprocessing/exportPrediction';
import { labelSet } from '../../support/labels';

const LABELS = labelSet({ background: 0, a: 1, b: 2 }, undefined);
const REGIONS = labelSet({ background: 0, whole: [1, 2], core: [2] }, [1, 2]);

async function npz(shape: readonly number[], values: readonly number[], path: string): Promise<SourceFile> {
  const probabilities = { shape, data: Float32Array.from(values) };
  return memoryFile(await writeNpz({ probabilities }), path);
}

describe('averaged probabilities', () => {
  test('are summed in order and divided in single precision', async () => {
    const [a, b, c] = [0.1, 0.7, 0.2].map((value) => [value, 1 - value, 0]);
    const files = await Promise.all([a, b, c].map((values, i) => npz([3, 1, 1, 1], values, `${i}.npz`)));
    const { data, channels, shape } = await averageProbabilities(files, LABELS);
    const f = Math.fround;
    expect(data[0]).toBe(f(f(f(f(0.1) + f(0.7)) + f(0.2)) / 3));
    expect([channels, ...shape]).toEqual([3, 1, 1, 1]);
  });

  test('of one file are its own', async () => {
    const file = await npz([3, 1, 1, 1], [0.25, 0.5, 0.25], 'a.npz');
    expect([...(await averageProbabilities([file], LABELS)).data]).toEqual([0.25, 0.5, 0.25]);
  });

  test('give the first of equal labels, and of regions none at one half', async () => {
    const pair = async (a: number[], b: number[], channels: number) => [
      await npz([channels, 1, 1, a.length / channels], a, 'a.npz'),
      await npz([channels, 1, 1, a.length / channels], b, 'b.npz'),
    ];
    const labels = await averageProbabilities(await pair([0, 1, 0], [0, 0, 1], 3), LABELS);
    expect([...labelsFromScores(labels.data, LABELS)]).toEqual([1]);
    const regions = await averageProbabilities(await pair([1, 1, 0, 1], [0, 1, 0, 0.5], 2), REGIONS);
    expect([...labelsFromScores(regions.data, REGIONS)]).toEqual([0, 2]);
  });

  test('of other shapes, channels or arrays are refused with the file', async () => {
    const good = await npz([3, 1, 1, 2], [0, 0, 0, 0, 0, 0], 'good.npz');
    const wide = await npz([3, 1, 1, 3], [0, 0, 0, 0, 0, 0, 0, 0, 0], 'wide.npz');
    const two = await npz([2, 1, 1, 2], [0, 0, 0, 0], 'two.npz');
    const other = memoryFile(
      await writeNpz({ data: { shape: [1], data: new Float32Array(1) } }),
      'other.npz',
    );
    const failure = (files: SourceFile[]) =>
      averageProbabilities(files, LABELS).then(
        () => undefined,
        (error: Error) => `${error.name}: ${error.message}`,
      );
    expect(await failure([good, wide])).toMatch(/^GeometryMismatch: wide.npz is 3 × 1 × 1/);
    expect(await failure([good, two])).toMatch(/^BadProbabilities: two.npz has 2 channels/);
    expect(await failure([other])).toMatch(/^BadProbabilities: other.npz has no array/);
  });
});
