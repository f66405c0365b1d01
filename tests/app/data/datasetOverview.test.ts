// The overview of a kept dataset: a picture of every case.
import { beforeEach, expect, test } from 'vitest';
import { createDatasetService } from '@/app/data/datasetService';
import { decodePng } from '@/core/io/png';
import type { DatasetApi, OverviewPicture } from '@/workers/data/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { memoryFolder } from '../../support/memoryFolder';
import { memoryFolders } from '../../support/memoryFolders';
import { TINY_DATASET, tinyDataset } from '../../support/tinyDataset';
import { tinyPreprocessed } from '../../support/tinyTraining';

const CASES = Array.from({ length: 6 }, (_, i) => `case_${i}`);
const quiet = () => undefined;
let service: DatasetApi;

beforeEach(() => {
  service = createDatasetService({
    folders: memoryFolders(),
    records: new MemoryRecords(),
    checks: new MemoryRecords(),
    exclusively: (work) => work(),
  });
});

const given = (contents: ReadonlyMap<string, Uint8Array>) =>
  [...contents].map(([path, bytes]) => ({
    path: `${TINY_DATASET}/${path}`,
    content: new Blob([bytes as BlobPart]),
  }));

async function drawn(channel = 0) {
  const pictures: OverviewPicture[] = [];
  const failures = await service.drawOverview(TINY_DATASET, channel, 'o', (picture) =>
    pictures.push(picture),
  );
  return { pictures, failures };
}

test('every case of a raw dataset is drawn, in any channel', async () => {
  await service.importDataset(given(tinyDataset()), TINY_DATASET, 'a', quiet);
  const first = await drawn(0);
  const second = await drawn(1);
  expect(first.failures).toEqual([]);
  expect(first.pictures.map(({ caseId }) => caseId)).toEqual(CASES);
  const { shape } = await decodePng(first.pictures[0].png, 'case_0.png');
  expect(shape).toEqual([10, 12, 4]);
  expect(second.pictures[0].png).not.toEqual(first.pictures[0].png);
});

test('a case that cannot be read is told, and the others are drawn', async () => {
  const broken = tinyDataset();
  broken.set('labelsTr/case_3.nii', new Uint8Array(20));
  await service.importDataset(given(broken), TINY_DATASET, 'a', quiet);
  const { pictures, failures } = await drawn();
  expect(pictures).toHaveLength(5);
  expect(failures).toEqual([{ caseId: 'case_3', message: expect.stringContaining('case_3') }]);
});

test('cancelling ends it between two cases', async () => {
  await service.importDataset(given(tinyDataset()), TINY_DATASET, 'a', quiet);
  const pictures: string[] = [];
  const drawing = service.drawOverview(TINY_DATASET, 0, 'o', ({ caseId }) => {
    pictures.push(caseId);
    if (pictures.length === 2) service.cancel('o');
  });
  await expect(drawing).rejects.toMatchObject({ name: 'AbortError' });
  expect(pictures).toEqual(CASES.slice(0, 2));
});

test('where the images are not here, what was preprocessed is drawn', async () => {
  const preprocessed = memoryFolder();
  await tinyPreprocessed(undefined, preprocessed);
  await preprocessed.write('dataset_fingerprint.json', '{}');
  await service.importPreprocessed(given(preprocessed.contents), TINY_DATASET, 'a', quiet);
  expect((await service.find(TINY_DATASET)).kind).toBe('preprocessed');
  const { pictures, failures } = await drawn();
  expect(failures).toEqual([]);
  expect(pictures.map(({ caseId }) => caseId)).toEqual(CASES);
});
