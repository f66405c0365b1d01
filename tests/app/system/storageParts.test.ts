import { expect, test } from 'vitest';
import { storageParts } from '@/app/system/storageParts';
import { MemoryRecords } from '../../storage/memoryRecords';

const files = [
  { path: 'cases/1/a_0000.nii.gz', sizeInBytes: 1000 },
  { path: 'cases/1/segmentation.nii.gz', sizeInBytes: 20 },
  { path: 'cases/1/probabilities.npz', sizeInBytes: 300 },
  { path: 'datasets/Dataset001_A/raw/imagesTr/a_0000.nii.gz', sizeInBytes: 4000 },
  { path: 'trainings/1/validation/a.nii.gz', sizeInBytes: 50 },
  { path: 'evaluations/1/predictions/a.nii.gz', sizeInBytes: 600 },
  { path: 'results/1/summary.json', sizeInBytes: 7 },
  { path: 'exports/1', sizeInBytes: 80 },
];

async function listed(usedBytes: number) {
  const models = new MemoryRecords();
  await models.set('m', { sizeInBytes: 9000 });
  return storageParts(usedBytes, { files: async () => files, models, checkpoints: new MemoryRecords() });
}

test('what is stored is listed by what it is, and adds up to what is used', async () => {
  const parts = await listed(20_000);
  expect(Object.fromEntries(parts.map(({ title, bytes }) => [title, bytes]))).toEqual({
    'Weights of models': 9000,
    'Images of cases': 1000,
    'Segmentations of cases': 320,
    Datasets: 4000,
    'Results of trainings': 50,
    Evaluations: 600,
    'Best configurations': 7,
    'Files being saved': 80,
    'Checkpoints of trainings': 0,
    Other: 4943,
  });
  expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(20_000);
});

test('a figure of the browser that lags behind leaves nothing over', async () => {
  expect((await listed(5000)).at(-1)).toMatchObject({ title: 'Other', bytes: 0 });
});
