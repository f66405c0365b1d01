import { expect, test } from 'vitest';
import { convertMsd } from '@/core/dataset/convertMsd';
import { gzip } from '@/core/io/gzip';
import { readCase } from '@/core/io/readers';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { niftiFile } from '../../support/nifti';
import { jsonBytes } from '../../support/tinyDataset';

const json = {
  name: 'Test',
  modality: { '0': 'FLAIR', '1': 'T1w' },
  labels: { '0': 'background', '1': 'edema' },
  numTraining: 1,
  training: [{ image: './imagesTr/a.nii.gz', label: './labelsTr/a.nii.gz' }],
  test: ['./imagesTs/b.nii.gz'],
};

async function task(
  folder = 'Task09_Test',
  change: Partial<Parameters<typeof niftiFile>[0]> = {},
): Promise<SourceFile[]> {
  const image = await gzip(niftiFile({ dim: [4, 3, 2, 2], pixdim: [1, 1, 3, 1], ...change }));
  const volume = await gzip(niftiFile({ dim: [4, 3, 2], pixdim: [1, 1, 3] }));
  return [
    memoryFile(jsonBytes(json), `${folder}/dataset.json`),
    memoryFile(image, `${folder}/imagesTr/a.nii.gz`),
    memoryFile(new Uint8Array(1), `${folder}/imagesTr/._a.nii.gz`),
    memoryFile(volume, `${folder}/imagesTs/b.nii.gz`),
    memoryFile(volume, `${folder}/labelsTr/a.nii.gz`),
  ];
}

async function converted(files: readonly SourceFile[], id?: number) {
  const dataset = await convertMsd(files, id);
  const contents = new Map<string, Uint8Array>();
  for await (const { path, content } of dataset.files()) contents.set(path, content);
  return { name: dataset.name, contents };
}

test('a task becomes a raw dataset with a file per channel', async () => {
  const { name, contents } = await converted(await task());
  expect(name).toBe('Dataset009_Test');
  expect([...contents.keys()]).toEqual([
    'imagesTr/a_0000.nii.gz',
    'imagesTr/a_0001.nii.gz',
    'imagesTs/b_0000.nii.gz',
    'labelsTr/a.nii.gz',
    'dataset.json',
  ]);
  expect(JSON.parse(new TextDecoder().decode(contents.get('dataset.json')))).toEqual({
    name: 'Test',
    numTraining: 1,
    labels: { background: 0, edema: 1 },
    file_ending: '.nii.gz',
    channel_names: { '0': 'FLAIR', '1': 'T1w' },
  });
});

test.each([
  ['stored as they are', {}],
  ['scaled by a slope', { slope: 0.5, intercept: 10 }],
  ['stored big-endian', { littleEndian: false }],
])('channels %s keep values and geometry', async (_, change) => {
  const files = await task('Task09_Test', change);
  const { contents } = await converted(files);
  const whole = await readCase([files[1]], 'SimpleITKIO');
  for (const channel of [0, 1]) {
    const path = `imagesTr/a_000${channel}.nii.gz`;
    const one = await readCase([memoryFile(contents.get(path) ?? new Uint8Array(), path)], 'SimpleITKIO');
    expect(one.spacing).toEqual([3, 1, 1]);
    expect([...one.data]).toEqual([...whole.data.subarray(24 * channel, 24 * (channel + 1))]);
  }
});

test('another id can be given', async () => {
  expect((await converted(await task(), 104)).name).toBe('Dataset104_Test');
});

test('what is no task is refused', async () => {
  await expect(convertMsd(await task('Hippocampus'))).rejects.toThrow(/TaskNN_Name/);
  const withoutLabels = (await task()).filter(({ path }) => !path.includes('labelsTr'));
  await expect(convertMsd(withoutLabels)).rejects.toThrow(/labelsTr missing/);
});
