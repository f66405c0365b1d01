import { expect, test } from 'vitest';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { memoryFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import { filesOf, jsonBytes, TINY_DATASET, TINY_JSON, tinyDataset } from '../../support/tinyDataset';

test('a folder gives its cases in code-point order with channels and labels', async () => {
  const dataset = await openRawDataset(filesOf(tinyDataset()));
  expect(dataset.name).toBe(TINY_DATASET);
  expect(dataset.channelNames).toEqual(['T1', 'CT']);
  expect(dataset.cases.map(({ caseId }) => caseId)).toEqual([
    'case_0',
    'case_1',
    'case_2',
    'case_3',
    'case_4',
    'case_5',
  ]);
  expect(dataset.cases[2].images.map(({ path }) => path)).toEqual([
    `${TINY_DATASET}/imagesTr/case_2_0000.nii`,
    `${TINY_DATASET}/imagesTr/case_2_0001.nii`,
  ]);
  expect(dataset.cases[2].label?.path).toBe(`${TINY_DATASET}/labelsTr/case_2.nii`);
});

test.each([`${TINY_DATASET}/`, ''])(
  'a zip whose entries start with "%s" is the same dataset',
  async (prefix) => {
    const entries = [...tinyDataset()].map(([path, content]) => ({ path: prefix + path, content }));
    const zip = memoryFile(await writeZip(entries), `${TINY_DATASET}.zip`);
    const dataset = await openRawDataset([zip]);
    expect(dataset.name).toBe(TINY_DATASET);
    expect(dataset.cases).toHaveLength(6);
    expect((await dataset.cases[0].label?.bytes())?.length).toBeGreaterThan(352);
  },
);

test('a table of files in dataset.json replaces the folders', async () => {
  const contents = tinyDataset();
  const table = {
    b: {
      images: ['imagesTr/case_1_0000.nii', './imagesTr/../imagesTr/case_1_0001.nii'],
      label: 'labelsTr/case_1.nii',
    },
    a: { images: ['$DATA/elsewhere_0000.nii', 'imagesTr/case_9_0001.nii'], label: 'labelsTr/case_0.nii' },
  };
  contents.set('dataset.json', jsonBytes({ ...TINY_JSON, numTraining: 2, dataset: table }));
  const outside = memoryFile(new Uint8Array(1), 'elsewhere_0000.nii');
  const dataset = await openRawDataset(filesOf(contents), {
    findOutside: async (path) => (path === '$DATA/elsewhere_0000.nii' ? outside : undefined),
  });
  expect(dataset.cases.map(({ caseId }) => caseId)).toEqual(['a', 'b']);
  expect(dataset.cases[0].images).toEqual([outside]);
  expect(dataset.cases[0].missing).toEqual(['imagesTr/case_9_0001.nii']);
  expect(dataset.cases[1].missing).toEqual([]);
});

test('two datasets are not guessed between', async () => {
  const files = [...filesOf(tinyDataset(), 'Dataset001_A'), ...filesOf(tinyDataset(), 'Dataset002_B')];
  await expect(openRawDataset(files)).rejects.toThrow(/2 datasets: Dataset001_A.*Give one/);
});

test('a dataset.json of the Decathlon says what to do', async () => {
  const contents = tinyDataset();
  contents.set(
    'dataset.json',
    jsonBytes({ labels: { '0': 'background' }, modality: { '0': 'MRI' }, numTraining: 6 }),
  );
  await expect(openRawDataset(filesOf(contents))).rejects.toThrow(
    /channel_names is missing; nnU-Net 1 called it modality; file_ending is missing.*convert_MSD_dataset/,
  );
});

test('images without a channel in their names: what to append', async () => {
  const contents = tinyDataset();
  for (const [path, content] of [...contents]) {
    if (!path.startsWith('imagesTr/')) continue;
    contents.delete(path);
    if (path.endsWith('_0000.nii')) contents.set(path.replace('_0000', ''), content);
  }
  await expect(openRawDataset(filesOf(contents))).rejects.toThrow(
    /no image is named case_0000\.nii; the first is .*case_0\.nii\. .*case_0\.nii → case_0_0000\.nii/,
  );
});
