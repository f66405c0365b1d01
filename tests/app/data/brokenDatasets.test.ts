// 100 broken datasets through what a person does with one: drop it (folder or zip), import, open, check. Each is
// refused, or warned about where nnU-Net only warns, with case or file and remedy; nothing crashes.
import { expect, test } from 'vitest';
import { importDataset } from '@/app/data/importDataset';
import type { Finding } from '@/core/dataset/findings';
import { checkIntegrity } from '@/core/dataset/integrity';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import { messageOf, StudioError } from '@/shared/errors';
import { seededRandom } from '@/shared/random';
import {
  BAD_PACKAGES,
  BREAKAGES,
  CASE_BREAKAGES,
  DATASET_BREAKAGES,
  ODDITIES,
  scribbledOver,
} from '../../support/brokenDatasets';
import { memoryFolder } from '../../support/memoryFolder';
import { type DatasetContents, filesOf, TINY_DATASET, tinyDataset } from '../../support/tinyDataset';

interface Verdict {
  readonly isTrainable: boolean;
  readonly messages: readonly string[];
}

/** What a person is told. Whatever is thrown has to be an error for people. */
async function evaluationOf(files: readonly SourceFile[]): Promise<Verdict> {
  try {
    const folder = memoryFolder();
    const { name } = await importDataset(files, async () => folder);
    const imported = [...folder.contents].map(([path, content]) => memoryFile(content, `${name}/${path}`));
    const [dropped, stored] = [await checked(files), await checked(imported)];
    expect(stored.isTrainable, 'after the import').toBe(dropped.isTrainable);
    return dropped;
  } catch (error) {
    if (!(error instanceof StudioError)) throw error;
    return { isTrainable: false, messages: [messageOf(error)] };
  }
}

async function checked(files: readonly SourceFile[]): Promise<Verdict> {
  const report = await checkIntegrity(await openRawDataset(files));
  const findings: readonly Finding[] = [...report.findings, ...report.cases.flatMap((each) => each.findings)];
  const hasErrors = findings.some(({ severity }) => severity === 'error');
  expect(report.isTrainable).toBe(!hasErrors);
  return { isTrainable: report.isTrainable, messages: findings.map(({ message }) => message) };
}

function packed(contents: DatasetContents, isZipped: boolean): readonly SourceFile[] {
  if (!isZipped) return filesOf(contents);
  const entries = [...contents].map(([path, content]) => ({ path: `${TINY_DATASET}/${path}`, content }));
  return [memoryFile(writeZip(entries), `${TINY_DATASET}.zip`)];
}

function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)];
}

test('a right dataset passes, folder or zip', async () => {
  for (const isZipped of [false, true]) {
    expect(await evaluationOf(packed(tinyDataset(), isZipped))).toEqual({ isTrainable: true, messages: [] });
  }
});

test('100 broken datasets are all refused, and every fault is named with its remedy', async () => {
  const used = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const random = seededRandom(seed).uniform;
    const contents = tinyDataset();
    const caseIds = [0, 1, 2, 3, 4, 5].sort(() => random() - 0.5).map((i) => `case_${i}`);
    const whole = Object.keys(DATASET_BREAKAGES);
    const names =
      seed < 2 * whole.length && seed % 2 === 0
        ? [whole[seed / 2]]
        : Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
            pick(Object.keys(CASE_BREAKAGES), random),
          );
    const expected = names.map((name, i) => BREAKAGES[name](contents, caseIds[i], random));
    const { isTrainable, messages } = await evaluationOf(packed(contents, random() < 0.3));
    expect(isTrainable, `seed ${seed}: ${names}`).toBe(false);
    for (const each of expected) expect(messages.join('\n'), `seed ${seed}: ${names}`).toMatch(each);
    for (const name of names) used.add(name);
  }
  expect([...used].sort()).toEqual(Object.keys(BREAKAGES).sort());
}, 60_000);

test.each(Object.keys(ODDITIES))('%s: a warning, as in nnU-Net', async (name) => {
  const contents = tinyDataset();
  const expected = ODDITIES[name](contents, 'case_2', seededRandom(5).uniform);
  const { isTrainable, messages } = await checked(filesOf(contents));
  expect(messages.join('\n')).toMatch(expected);
  expect(isTrainable).toBe(true);
});

test.each(Object.keys(BAD_PACKAGES))('%s is refused', async (name) => {
  for (let seed = 0; seed < 5; seed++) {
    const { files, expected } = BAD_PACKAGES[name](tinyDataset(), seededRandom(seed).uniform);
    const { isTrainable, messages } = await evaluationOf(files);
    expect(messages.join('\n')).toMatch(expected);
    expect(isTrainable).toBe(false);
  }
});

test('200 datasets with bytes changed at will never crash it', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const { isTrainable, messages } = await evaluationOf(filesOf(scribbledOver(seededRandom(seed).uniform)));
    if (!isTrainable) expect(messages.join('\n')).toMatch(/case_\d|dataset\.json/);
  }
}, 60_000);
