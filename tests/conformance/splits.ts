// Folds of the real trainer: splits_final.json and the seeded draws beyond it, exactly.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { crossValidationSplits, type Split, splitOfFold } from '@/core/dataset/splits';
import { exactOutcome, type Outcome, summarise } from '../support/golden';
import type { TopicResult } from './topic';

interface SplitRow {
  readonly n: number;
  readonly identifiers_as_found: readonly string[];
  readonly splits_final: readonly Split[];
  readonly folds_beyond_file: Readonly<Record<string, Split>>;
}

export async function run(goldenFolder: string): Promise<TopicResult> {
  const file = path.join(goldenFolder, 'splits', 'splits.json');
  const rows: SplitRow[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  const inFile: Outcome[] = [];
  const beyond: Outcome[] = [];
  for (const row of rows) {
    const splits = crossValidationSplits(row.identifiers_as_found);
    inFile.push(exactOutcome(`n ${row.n}`, JSON.stringify(splits) === JSON.stringify(row.splits_final)));
    for (const [fold, expected] of Object.entries(row.folds_beyond_file)) {
      const found = splitOfFold(Number(fold), splits, row.identifiers_as_found);
      const isSame = JSON.stringify(found) === JSON.stringify(expected);
      beyond.push(exactOutcome(`n ${row.n} fold ${fold}`, isSame, JSON.stringify(found)));
    }
  }
  return summarise('splits', { 'splits_final.json': inFile, 'folds beyond the file': beyond });
}
