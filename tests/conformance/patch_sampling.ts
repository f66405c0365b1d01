// Where nnU-Net cuts patches, and which samples of a batch must show foreground.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { mustShowForeground, patchBounds, startAround } from '@/core/training/patchPosition';
import type { Zyx } from '@/shared/geometry';
import { seededRandom } from '@/shared/random';
import { exactOutcome, readJsonLines, summarise } from '../support/golden';
import type { RunTopic } from './topic';

interface Position {
  readonly shape: Zyx;
  readonly patch_size: Zyx;
  readonly final_patch_size: Zyx;
  readonly random_lower_bound_inclusive: readonly number[];
  readonly random_lower_bound_exclusive_max: readonly number[];
  readonly forced_voxel: Zyx;
  readonly forced_bbox_lower: readonly number[];
}

export const run: RunTopic = async (goldenFolder) => {
  const folder = path.join(goldenFolder, 'augmentation');
  const positions = readJsonLines<Position>(path.join(folder, 'patch_position.jsonl'));
  const batches: { batch_size: number; forced: boolean[] }[] = JSON.parse(
    readFileSync(path.join(folder, 'oversampling.json'), 'utf8'),
  );
  return summarise('patch_sampling', {
    'bounds of patches placed by chance': positions.map((row, i) => {
      const { lower, upper } = patchBounds(row.shape, sizesOf(row));
      const ends = upper.map((last) => last + 1);
      const isRight =
        isSame(lower, row.random_lower_bound_inclusive) && isSame(ends, row.random_lower_bound_exclusive_max);
      return exactOutcome(`row ${i}`, isRight, `[${lower}] … [${ends}]`);
    }),
    'patches around a voxel': positions.map((row, i) => {
      const sizes = sizesOf(row);
      const start = startAround(row.forced_voxel, patchBounds(row.shape, sizes), sizes);
      return exactOutcome(`row ${i}`, isSame(start, row.forced_bbox_lower), `[${start}]`);
    }),
    'samples that must show foreground': batches.map(({ batch_size, forced }) => {
      const random = seededRandom(1);
      const found = forced.map((_, sample) =>
        mustShowForeground({ kind: 'lastOfBatch' }, sample, batch_size, random),
      );
      return exactOutcome(`batch of ${batch_size}`, isSame(found, forced), `[${found}]`);
    }),
  });
};

function sizesOf({ patch_size, final_patch_size }: Position) {
  return { loaded: patch_size, network: final_patch_size };
}

function isSame<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
