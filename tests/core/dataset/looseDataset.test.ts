import { expect, test } from 'vitest';
import { layOutPairs, newDatasetJson, pairLooseFiles } from '@/core/dataset/looseDataset';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { pythonJson } from '@/core/interop/pythonJson';
import { memoryFile } from '@/core/io/sourceFile';

const file = (path: string) => memoryFile(new Uint8Array([1]), path);

test('images and label maps are paired by name, with the suffixes people use', () => {
  const images = ['x/a.nii.gz', 'x/b_0000.nii.gz', 'x/b_0001.nii.gz', 'x/c.nii.gz', 'x/d.nii'].map(file);
  const labels = ['y/a_seg.nii.gz', 'y/b.nii.gz', 'y/e-mask.nii.gz'].map(file);
  const { cases, unlabelled, unpaired } = pairLooseFiles(images, labels, '.nii.gz');
  expect(cases.map(({ caseId, images: own, label }) => [caseId, own.length, label.path])).toEqual([
    ['a', 1, 'y/a_seg.nii.gz'],
    ['b', 2, 'y/b.nii.gz'],
  ]);
  expect(unpaired.map(({ path }) => path).sort()).toEqual(['x/d.nii', 'y/e-mask.nii.gz']);
  expect(unlabelled.map(({ caseId }) => caseId)).toEqual(['c']);
});

test('what is laid out is a dataset', async () => {
  const pairs = pairLooseFiles([file('x/a.nii.gz')], [file('y/a_label.nii.gz')], '.nii.gz');
  const facts = {
    name: 'Livers',
    channelNames: ['CT'],
    labels: new Map([
      ['background', 0],
      ['9', 2],
      ['8', 1],
    ]),
    fileEnding: '.nii.gz',
    numTraining: 1,
  };
  const laidOut = layOutPairs(pairs, '.nii.gz').map(({ path, file: each }) => ({
    ...each,
    path: `Dataset001_Livers/${path}`,
  }));
  const json = memoryFile(
    new TextEncoder().encode(pythonJson(newDatasetJson(facts))),
    'Dataset001_Livers/dataset.json',
  );
  const dataset = await openRawDataset([json, ...laidOut]);
  expect(dataset.cases).toMatchObject([{ caseId: 'a', missing: [] }]);
  expect([...dataset.document.labels.keys()]).toEqual(['background', '9', '8']);
});

test('nothing to pair is said', () => {
  expect(() => layOutPairs({ cases: [], unlabelled: [] }, '.nii')).toThrow(/same name.*Name them alike/);
});
