import { describe, expect, test } from 'vitest';
import { importFiles } from '@/app/files/importFiles';
import { modelArchiveParts } from '@/app/models/modelArchive';
import { importModels } from '@/core/interop/importModel';
import { concatenate } from '@/core/io/compression';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import type { CaseFileStore } from '@/storage/caseFiles';
import { createModelLibrary } from '@/storage/modelLibrary';
import { MemoryRecords } from '../../storage/memoryRecords';
import { modelFolderFiles, TINY_FOLDER } from '../../support/modelFolder';

const MODEL_NAME = 'nnUNetTrainer__nnUNetPlans__3d_fullres';
const STOCK = `Dataset001_Tiny/${MODEL_NAME}`;
const junk = new Uint8Array(90);

type Entry = readonly [path: string, content: Uint8Array];

async function modelEntries(folder: string): Promise<Entry[]> {
  return Promise.all(
    modelFolderFiles().map(async (file): Promise<Entry> => {
      const below = file.path.slice(TINY_FOLDER.length + 1);
      return [folder ? `${folder}/${below}` : below, await file.bytes()];
    }),
  );
}

const zipOf = (entries: readonly Entry[]) =>
  writeZip(entries.map(([path, content]) => ({ path, content, isCompressed: true })));

/** Finder's: a resource fork for every file, and its notes. */
const withFinderFiles = (entries: readonly Entry[]): Entry[] => [
  ...entries,
  ...entries.map(([path]): Entry => [`__MACOSX/${path.replace(/([^/]+)$/, '._$1')}`, junk]),
  ...entries.map(([path]): Entry => [path.replace(/([^/]+)$/, '._$1'), junk]),
  [`${STOCK}/.DS_Store`, junk],
];

const program = new Uint8Array(3000).fill(0x90);

const WAYS: readonly (readonly [string, () => Promise<Uint8Array>])[] = [
  ['nnU-Net', async () => zipOf(await modelEntries(STOCK))],
  ['Finder', async () => zipOf(withFinderFiles(await modelEntries(STOCK)))],
  [
    'Explorer',
    async () =>
      zipOf([
        ...(await modelEntries(STOCK)).map(([path, content]): Entry => [path.replaceAll('/', '\\'), content]),
        ['Thumbs.db', junk],
        [`${STOCK}\\desktop.ini`, junk],
      ]),
  ],
  ['folders above it', async () => zipOf(await modelEntries(`my models/final v2/${STOCK}`))],
  ['its folder alone', async () => zipOf(await modelEntries(MODEL_NAME))],
  ['a folder of another name', async () => zipOf(await modelEntries('liver model'))],
  ['no folder', async () => zipOf(await modelEntries(''))],
  ['a program before it', async () => concatenate([program, zipOf(await modelEntries(STOCK))])],
  [
    'an archive in it',
    async () =>
      zipOf([
        ['mail/model.zip', zipOf(await modelEntries(STOCK))],
        ['mail/readme.txt', junk],
      ]),
  ],
];

async function files(parts: Awaited<ReturnType<typeof modelArchiveParts>>): Promise<readonly string[]> {
  return parts.map(({ path }) => path).sort();
}

describe.each(WAYS)('a zip with %s', (_, make) => {
  const archive = async () => memoryFile(await make(), 'model.zip');

  test('is unpacked to where nnU-Net looks, without what systems add', async () => {
    const expected = (await modelEntries(STOCK)).map(([path]) => path).sort();
    const parts = await modelArchiveParts(await archive());
    expect(await files(parts)).toEqual(expected);
    const plans = parts.find(({ path }) => path.endsWith('/plans.json'));
    expect(new TextDecoder().decode(await (await plans?.open())?.bytes())).toContain('Dataset001_Tiny');
  });

  test('is a model for predict -m', async () => {
    const outcomes = await importModels([await archive()]);
    expect(outcomes).toHaveLength(1);
    expect(outcomes[0]).toHaveProperty('imported.model.configuration.name', '3d_fullres');
  });

  test('is a model for the studio, and nothing else', async () => {
    const report = await importFiles({
      files: [await archive()],
      origin: 'imported',
      library: createModelLibrary(new MemoryRecords(), new MemoryRecords()),
      caseFiles: {} as CaseFileStore,
      open: [],
      onStep: () => undefined,
    });
    expect(report.models).toHaveLength(1);
    expect(report.cases).toEqual([]);
    const told = report.problems.filter(({ path }) => !path.endsWith('readme.txt'));
    expect(told).toEqual([]);
  });
});

describe('what cannot be unpacked is explained', () => {
  const parts = (entries: readonly Entry[]) => modelArchiveParts(memoryFile(zipOf(entries), 'model.zip'));
  const without = (entries: readonly Entry[], name: string) =>
    entries.filter(([path]) => !path.endsWith(name));

  test.each(['plans.json', 'dataset.json'])('%s is missing', async (name) => {
    await expect(parts(without(await modelEntries(STOCK), name))).rejects.toThrow(`has no ${name}`);
    await expect(parts(without(await modelEntries(''), name))).rejects.toThrow(`has no ${name}`);
  });

  test('no model in it', async () => {
    await expect(parts([['a/readme.txt', junk]])).rejects.toMatchObject({ name: 'NoModel' });
  });

  test('two models of one name', async () => {
    const twice = [...(await modelEntries('a')), ...(await modelEntries('b'))];
    await expect(parts(twice)).rejects.toThrow(/several models that would all be Dataset001_Tiny/);
  });

  test('archives in archives without end', async () => {
    const nest = (content: Uint8Array, depth: number): Uint8Array =>
      depth === 0 ? content : nest(zipOf([['a.zip', content]]), depth - 1);
    const file: SourceFile = memoryFile(nest(zipOf(await modelEntries(STOCK)), 4), 'model.zip');
    await expect(modelArchiveParts(file)).rejects.toMatchObject({ name: 'UnsafeZip' });
  });
});
