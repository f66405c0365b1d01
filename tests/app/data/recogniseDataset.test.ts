import { expect, test } from 'vitest';
import { datasetNameFor } from '@/app/data/recogniseDataset';

test.each([
  ['Dataset004_Hippocampus', 'Dataset004_Hippocampus'],
  ['dataset4_Hippocampus', 'Dataset004_Hippocampus'],
  ['DATASET_012-left lung', 'Dataset012_left lung'],
  ['Task04_Hippocampus', 'Dataset004_Hippocampus'],
  ['my brains (final)', 'Dataset002_MyBrainsFinal'],
  ['脳', 'Dataset002_New'],
])('a folder called %s becomes %s', (folder, name) => {
  expect(datasetNameFor(folder, ['Dataset001_Taken'])).toBe(name);
});
