// Datasets that nnU-Net preprocessed elsewhere, taken in by the studio.
import { beforeAll, beforeEach, describe, expect } from 'vitest';
import { createDatasetService } from '@/app/data/datasetService';
import type { DatasetApi } from '@/workers/data/api';
import type { GivenFile } from '@/workers/files/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { withCasesAsB2nd } from '../../support/b2ndCases';
import { test } from '../../support/gpu';
import { memoryFolder } from '../../support/memoryFolder';
import { memoryFolders } from '../../support/memoryFolders';
import { TINY_DATASET, tinyDataset } from '../../support/tinyDataset';
import { tinyPreprocessed, tinyTrainer, trainTiny } from '../../support/tinyTraining';

let preprocessed: ReturnType<typeof memoryFolder>;
let folders: ReturnType<typeof memoryFolders>;
let service: DatasetApi;
const quiet = () => undefined;

beforeAll(async () => {
  preprocessed = memoryFolder();
  await tinyPreprocessed(undefined, preprocessed);
  await withCasesAsB2nd(preprocessed);
  await preprocessed.write('dataset_fingerprint.json', '{}');
});

beforeEach(() => {
  folders = memoryFolders();
  service = createDatasetService({
    folders,
    records: new MemoryRecords(),
    checks: new MemoryRecords(),
    exclusively: (work) => work(),
  });
});

function given(contents: ReadonlyMap<string, Uint8Array>, folder = TINY_DATASET): readonly GivenFile[] {
  return [...contents].map(([path, bytes]) => ({
    path: `${folder}/${path}`,
    content: new Blob([bytes as BlobPart]),
  }));
}

const importIt = (files = given(preprocessed.contents), name = TINY_DATASET) =>
  service.importPreprocessed(files, name, 'a', quiet);

describe('a preprocessed dataset', () => {
  test('is recognised, by itself and beside nothing else', async () => {
    expect(await service.recognise(given(preprocessed.contents), { isExpected: true }, 'r', quiet)).toEqual({
      kind: 'preprocessed',
      name: TINY_DATASET,
    });
    const withModel = new Map([
      ...preprocessed.contents,
      ['m/fold_0/checkpoint_final.pth', new Uint8Array()],
    ]);
    expect(await service.recognise(given(withModel), { isExpected: true }, 'r', quiet)).toEqual({
      kind: 'none',
    });
    const withoutPlans = new Map([...preprocessed.contents].filter(([path]) => path !== 'nnUNetPlans.json'));
    expect(await service.recognise(given(withoutPlans), { isExpected: true }, 'r', quiet)).toMatchObject({
      kind: 'none',
    });
  });

  test('is a dataset of its own where its images are not here, and is trained from', async ({ gpu }) => {
    const record = await importIt();
    expect(record).toMatchObject({
      name: TINY_DATASET,
      kind: 'preprocessed',
      caseCount: 6,
      channelNames: ['T1', 'CT'],
      hasFingerprint: true,
      plans: ['nnUNetPlans'],
      check: undefined,
    });
    expect(record.preprocessed.map(({ dataIdentifier, cases }) => [dataIdentifier, cases])).toEqual([
      ['nnUNetPlans_2d', 6],
      ['nnUNetPlans_3d_fullres', 6],
      ['nnUNetPlans_3d_lowres', 6],
    ]);
    const trainer = tinyTrainer('nnUNetTrainer', 1);
    const here = folders.folder(TINY_DATASET, 'preprocessed');
    const trained = await trainTiny(gpu, { preprocessed: here, trainer });
    const there = await trainTiny(gpu, { preprocessed, trainer });
    expect(trained.state.weights).toEqual(there.state.weights);

    expect(await service.readSplits(TINY_DATASET)).toMatchObject({ splits: { length: 5 } });
    await expect(service.showLabels(TINY_DATASET, 'case_1')).resolves.toBeDefined();
    await expect(service.showImage(TINY_DATASET, 'case_1', 0)).rejects.toMatchObject({
      name: 'MissingFile',
      message: expect.stringContaining('Import the dataset with its images.'),
    });
    await expect(service.extractFingerprint(TINY_DATASET, 'b', quiet)).rejects.toMatchObject({
      name: 'NoImages',
    });
  });

  test('joins the dataset of its name, and writes over nothing there', async () => {
    const raw = given(tinyDataset());
    await service.importDataset(raw, TINY_DATASET, 'a', quiet);
    expect(await importIt()).toMatchObject({ kind: 'raw', caseCount: 6, plans: ['nnUNetPlans'] });
    await expect(importIt()).rejects.toMatchObject({
      name: 'PreprocessedExists',
      message: expect.stringContaining('nnUNetPlans_2d'),
    });
    await service.remove(TINY_DATASET, 'preprocessed');
    expect(await importIt()).toMatchObject({ preprocessed: { length: 3 } });

    await service.remove(TINY_DATASET, 'preprocessed');
    await folders.folder(TINY_DATASET, 'preprocessed').write('nnUNetPlans.json', '{}');
    await expect(importIt()).rejects.toMatchObject({
      name: 'PreprocessedExists',
      message: expect.stringContaining('another nnUNetPlans.json'),
    });
  });

  test('of other cases is refused', async () => {
    const others = new Map(tinyDataset());
    for (const path of [...others.keys()]) if (path.includes('case_5')) others.delete(path);
    await service.importDataset(given(others), TINY_DATASET, 'a', quiet);
    await expect(importIt()).rejects.toMatchObject({
      name: 'CasesDiffer',
      message: expect.stringContaining('case_5'),
    });
    expect((await service.find(TINY_DATASET)).preprocessed).toEqual([]);
  });

  test('leaves nothing where it is cancelled', async () => {
    const importing = service.importPreprocessed(given(preprocessed.contents), TINY_DATASET, 'a', () =>
      service.cancel('a'),
    );
    await expect(importing).rejects.toMatchObject({ name: 'AbortError' });
    expect(folders.paths()).toEqual([]);
    expect(await service.list()).toEqual([]);
  });
});
