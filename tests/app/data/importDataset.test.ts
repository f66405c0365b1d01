import { expect, test } from 'vitest';
import { importDataset, importPairs } from '@/app/data/importDataset';
import { pairLooseFiles } from '@/core/dataset/looseDataset';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { gzip } from '@/core/io/gzip';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import { isAbort } from '@/shared/errors';
import { memoryFolder } from '../../support/memoryFolder';
import { niftiFile } from '../../support/nifti';
import {
  filesOf,
  jsonBytes,
  TINY_DATASET,
  TINY_JSON,
  tinyDataset,
  tinyImage,
  tinyLabels,
} from '../../support/tinyDataset';

const reopened = (folder: ReturnType<typeof memoryFolder>, name: string) =>
  openRawDataset([...folder.contents].map(([path, content]) => memoryFile(content, `${name}/${path}`)));

test('a raw dataset is copied byte for byte, with what else it needs and nothing more', async () => {
  const contents = tinyDataset();
  contents.set('splits_final.json', jsonBytes([{ train: ['case_0'], val: ['case_1'] }]));
  contents.set('imagesTs/case_9_0000.nii', tinyImage(9));
  contents.set('README.md', new Uint8Array(3));
  const folder = memoryFolder();
  const { name, kind } = await importDataset(filesOf(contents), async () => folder);
  expect([name, kind]).toEqual([TINY_DATASET, 'raw']);
  expect([...folder.contents.keys()].at(-1)).toBe('dataset.json');
  expect(folder.contents.get('labelsTr/case_2.nii')).toEqual(contents.get('labelsTr/case_2.nii'));
  expect(folder.contents.has('splits_final.json')).toBe(true);
  expect(folder.contents.has('README.md')).toBe(false);
  expect((await reopened(folder, name)).cases).toHaveLength(6);
});

test.each([false, true])('a Decathlon task is converted (zipped: %s)', async (isZipped) => {
  const json = { labels: { '0': 'background', '1': 'x' }, modality: { '0': 'MRI' }, numTraining: 1 };
  const image = await gzip(niftiFile({ dim: [4, 3, 2] }));
  const entries = ['imagesTr/a.nii.gz', 'imagesTs/b.nii.gz', 'labelsTr/a.nii.gz'].map((path) => ({
    path,
    content: image,
  }));
  const all = [...entries, { path: 'dataset.json', content: jsonBytes(json) }].map(({ path, content }) => ({
    path: `Task03_Test/${path}`,
    content,
  }));
  const files: readonly SourceFile[] = isZipped
    ? [memoryFile(writeZip(all), 'Task03_Test.zip')]
    : all.map(({ path, content }) => memoryFile(content, path));
  const folder = memoryFolder();
  const { name, kind } = await importDataset(files, async () => folder);
  expect([name, kind]).toEqual(['Dataset003_Test', 'decathlon']);
  expect((await reopened(folder, name)).channelNames).toEqual(['MRI']);
});

test('loose pairs become a dataset', async () => {
  const images = [memoryFile(tinyImage(1), 'a.nii'), memoryFile(tinyImage(2), 'b.nii')];
  const labels = [memoryFile(tinyLabels(), 'a_seg.nii'), memoryFile(tinyLabels(), 'b_seg.nii')];
  const folder = memoryFolder();
  const facts = {
    name: 'Dataset001_Loose',
    channelNames: ['MR'],
    labels: new Map(Object.entries(TINY_JSON.labels)),
    fileEnding: '.nii',
  };
  await importPairs(pairLooseFiles(images, labels, '.nii'), facts, folder);
  const dataset = await reopened(folder, 'Dataset001_Loose');
  expect(dataset.document.numTraining).toBe(2);
  expect(dataset.cases.map(({ missing }) => missing)).toEqual([[], []]);
});

test('a cancelled import leaves no dataset.json', async () => {
  const controller = new AbortController();
  const folder = memoryFolder();
  const importing = importDataset(filesOf(tinyDataset()), async () => folder, {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(importing).rejects.toSatisfy(isAbort);
  expect(folder.contents.has('dataset.json')).toBe(false);
});
