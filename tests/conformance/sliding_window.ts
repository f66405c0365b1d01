// Window positions, importance maps and padding against nnU-Net's own: positions and padding exactly, float16 maps to
// one unit in the last place, lines of the f64 map to 1e-12 relative.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  gaussianImportance,
  gaussianLines,
  paddingToPatch,
  windowStarts,
} from '@/core/inference/slidingWindow';
import type { Zyx } from '@/shared/geometry';
import { exactOutcome, type Outcome, openArrays, readJsonLines, summarise } from '../support/golden';
import type { TopicResult } from './topic';

/** Half a unit in the last place of float16 is 2^-11 of the value; subnormals are spaced 2^-24 apart. */
const FLOAT16_UNIT = 2 ** -10;
const FLOAT16_SUBNORMAL_UNIT = 2 ** -24;

export async function run(goldenFolder: string): Promise<TopicResult> {
  const folder = path.join(goldenFolder, 'sliding_window');
  return summarise('sliding_window', {
    starts: readJsonLines<StartsRow>(path.join(folder, 'steps.jsonl')).map(starts),
    padding: readJsonLines<PaddingRow>(path.join(folder, 'padding.jsonl')).map(padding),
    ...(await gaussianMaps(folder)),
  });
}

interface StartsRow {
  readonly image_size: readonly number[];
  readonly patch_size: readonly number[];
  readonly tile_step_size: number;
  readonly steps: readonly (readonly number[])[];
}

function starts(row: StartsRow): Outcome {
  const found = windowStarts(row.image_size, row.patch_size, row.tile_step_size);
  const name = `${row.image_size} by ${row.patch_size} step ${row.tile_step_size}`;
  return exactOutcome(name, JSON.stringify(found) === JSON.stringify(row.steps), JSON.stringify(found));
}

interface PaddingRow {
  readonly image_size: Zyx;
  readonly patch_size: readonly number[];
  readonly padded_size: readonly number[];
  readonly slicer_revert: readonly (readonly [number, number])[];
}

function padding(row: PaddingRow): Outcome {
  // A 2D patch leaves the slice axis alone.
  const patch = [...Array(3 - row.patch_size.length).fill(1), ...row.patch_size] as unknown as Zyx;
  const { before, paddedShape } = paddingToPatch(row.image_size, patch);
  const revert = before.map((start, axis) => [start, start + row.image_size[axis]]);
  const isRight = `${paddedShape}` === `${row.padded_size}` && `${revert}` === `${row.slicer_revert}`;
  return exactOutcome(`${row.image_size} to ${row.patch_size}`, isRight, `${paddedShape} ${revert}`);
}

interface GaussianRow {
  readonly id: string;
  readonly patch_size: readonly number[];
  readonly sigma_scale: number;
  readonly value_scaling_factor: number;
}

async function gaussianMaps(folder: string): Promise<Record<string, Outcome[]>> {
  const rows: GaussianRow[] = JSON.parse(readFileSync(path.join(folder, 'gaussian.json'), 'utf8'));
  const arrays = await openArrays(path.join(folder, 'gaussian.npz'));
  const maps: Outcome[] = [];
  const lines: Outcome[] = [];
  for (const row of rows) {
    const found = gaussianImportance(row.patch_size);
    const expected = arrays(`${row.id}_float16`).data;
    let worst = found.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
    for (let i = 0; i < found.length; i++) {
      const value = Number(expected[i]);
      const unit = Math.max(FLOAT16_SUBNORMAL_UNIT, 2 ** Math.floor(Math.log2(value)) * FLOAT16_UNIT);
      worst = Math.max(worst, Math.abs(found[i] - value) / unit);
    }
    maps.push({
      name: `${row.id} ${row.patch_size}`,
      error: worst,
      tolerance: 1,
      note: 'units in the last place',
    });
    for (const [axis, line] of gaussianLines(row.patch_size).entries()) {
      const golden = arrays(`${row.id}_line${axis}_float64`).data;
      const error = Math.max(...line.map((value, i) => Math.abs(value / Number(golden[i]) - 1)));
      lines.push({ name: `${row.id} axis ${axis}`, error, tolerance: 1e-12 });
    }
  }
  return { 'importance maps, float16 units': maps, 'importance lines, relative': lines };
}
