import { expect, test } from 'vitest';
import { type ClusterExport, clusterParts, clusterSummary } from '@/app/train/exportForCluster';
import { textFile } from '@/core/io/sourceFile';

const DATASET = 'Dataset007_Tiny';
const FOLDER = 'nnUNetPlans_3d_fullres';

function exportOf(...arrays: readonly string[]): ClusterExport {
  const names = ['dataset.json', 'dataset_fingerprint.json', 'nnUNetPlans.json', ...arrays];
  return {
    datasetName: DATASET,
    plansName: 'nnUNetPlans',
    configurationName: '3d_fullres',
    fold: 0,
    trainerName: 'nnUNetTrainer',
    schedule: { epochs: 1000, iterationsPerEpoch: 250, validationIterationsPerEpoch: 50 },
    batchSize: 2,
    gpus: 1,
    splitNotices: [],
    dataIdentifier: FOLDER,
    raw: [],
    preprocessed: names.map((name) => textFile(name, `${DATASET}/${name}`)),
    results: [],
  };
}

test('cases of either format are taken to a cluster as they are, and .npz is said to be what it is', () => {
  const b2nd = ['case_1.b2nd', 'case_1_seg.b2nd', 'case_1.pkl'].map((name) => `${FOLDER}/${name}`);
  const npz = ['case_1.npz', 'case_1.pkl'].map((name) => `${FOLDER}/${name}`);
  for (const arrays of [b2nd, npz]) {
    const paths = clusterParts(exportOf(...arrays)).map(({ path }) => path);
    for (const name of arrays) expect(paths).toContain(`nnUNet_preprocessed/${DATASET}/${name}`);
  }
  const notes = (arrays: readonly string[]) => clusterSummary(exportOf(...arrays)).notes.join('\n');
  expect(notes(npz)).toContain('Data are .npz files');
  expect(notes(b2nd)).not.toContain('.npz');
});
