import { expect, test } from 'vitest';
import type { ConvertedFile } from '@/core/dataset/convertMsd';
import { convertOldDataset } from '@/core/dataset/convertOldDataset';
import { memoryFile } from '@/core/io/sourceFile';

const OLD = {
  name: 'Hippocampus',
  tensorImageSize: '4D',
  modality: { '0': 'MRI', '1': 'T2' },
  labels: { '10': 'tail', '0': 'background', '2': 'Anterior' },
  numTraining: 1,
  numTest: 1,
  training: [{ image: './imagesTr/a.nii.gz', label: './labelsTr/a.nii.gz' }],
  test: ['./imagesTs/b.nii.gz'],
};

function task(json: unknown = OLD) {
  const text = (path: string, content: string) =>
    memoryFile(new TextEncoder().encode(content), `Task004_Hippocampus/${path}`);
  return [
    text('dataset.json', typeof json === 'string' ? json : JSON.stringify(json)),
    text('imagesTr/a_0000.nii.gz', 'image'),
    text('imagesTr/a_0001.nii.gz', 'second'),
    text('labelsTr/a.nii.gz', 'label'),
    text('imagesTs/b_0000.nii.gz', 'test'),
    text('readme.txt', 'not copied'),
  ];
}

async function converted(files = task()) {
  const { files: all, fileCount } = await convertOldDataset(files, 'Task004_Hippocampus/');
  const found: ConvertedFile[] = [];
  for await (const file of all()) found.push(file);
  return { found, fileCount };
}

test('copies images and labels, and turns dataset.json round as nnU-Net does', async () => {
  const order = JSON.stringify(OLD).replace(
    JSON.stringify(OLD.labels),
    '{"10": "tail", "0": "background", "2": "Anterior"}',
  );
  const { found, fileCount } = await converted(task(order));
  expect(found.map(({ path }) => path)).toEqual([
    'imagesTr/a_0000.nii.gz',
    'imagesTr/a_0001.nii.gz',
    'labelsTr/a.nii.gz',
    'imagesTs/b_0000.nii.gz',
    'dataset.json',
  ]);
  expect(fileCount).toBe(4);
  const text = new TextDecoder().decode(found.at(-1)?.content);
  expect(JSON.parse(text)).toEqual({
    name: 'Hippocampus',
    labels: { tail: 10, background: 0, Anterior: 2 },
    numTraining: 1,
    channel_names: { '0': 'MRI', '1': 'T2' },
    file_ending: '.nii.gz',
  });
  // in the order of the file
  expect(text.indexOf('tail')).toBeLessThan(text.indexOf('background'));
});

test('a folder that is no old task is refused with what is missing', async () => {
  const noLabels = task().filter(({ path }) => !path.includes('labelsTr'));
  await expect(converted(noLabels)).rejects.toThrow('Task004_Hippocampus/: labelsTr missing.');
});

test('a dataset of nnU-Net v2 is told apart', async () => {
  await expect(converted(task({ ...OLD, channel_names: { 0: 'MRI' } }))).rejects.toThrow('v2 already');
});
