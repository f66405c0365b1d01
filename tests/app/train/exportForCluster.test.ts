// What nnU-Net would refuse on a cluster is refused before anything is packed.
import { describe, expect, test } from 'vitest';
import { type ClusterFold, clusterSplitNotices } from '@/app/train/exportForCluster';
import type { Fold } from '@/app/train/foldSetup';
import { trainerNamed } from '@/core/training/trainers';
import { memoryFolder } from '../../support/memoryFolder';
import { TINY_JSON } from '../../support/tinyDataset';
import { TINY_PLANS } from '../../support/tinyTraining';

interface Changes extends Partial<Omit<ClusterFold, 'question'>> {
  readonly cases?: number;
  readonly fold?: Fold;
  readonly configurationName?: string;
  readonly splits?: unknown;
}

/** A dataset of so many cases whose arrays nobody looks into. */
async function noticesOf({
  cases = 6,
  fold = 0,
  configurationName = '3d_fullres',
  splits,
  ...changes
}: Changes) {
  const preprocessed = memoryFolder();
  await preprocessed.write('nnUNetPlans.json', JSON.stringify(TINY_PLANS));
  await preprocessed.write('dataset.json', JSON.stringify(TINY_JSON));
  if (splits) await preprocessed.write('splits_final.json', JSON.stringify(splits));
  for (let i = 0; i < cases; i++) {
    await preprocessed.write(`nnUNetPlans_3d_fullres/case_${i}.npz`, 'arrays');
    await preprocessed.write(`nnUNetPlans_3d_fullres/case_${i}.pkl`, 'properties');
  }
  return clusterSplitNotices({
    question: { preprocessed, plansName: 'nnUNetPlans', configurationName, fold },
    trainer: trainerNamed('nnUNetTrainer'),
    hasCheckpoint: false,
    previousStage: [],
    ...changes,
  });
}

describe('a fold on its way to a cluster', () => {
  test('of splits that have it is taken', async () => {
    expect(await noticesOf({ fold: 4 })).toEqual([]);
    expect(await noticesOf({ cases: 2, fold: 'all' })).toEqual([]);
  });

  test('of too few cases is refused', async () => {
    await expect(noticesOf({ cases: 4 })).rejects.toMatchObject({ name: 'TooFewCases' });
  });

  test('without cases to train on or to validate is refused', async () => {
    const splits = [{ train: ['case_0'], val: [] }];
    await expect(noticesOf({ splits })).rejects.toMatchObject({ name: 'EmptyFold' });
  });

  test('beyond the splits is refused, unless it was trained here: then its draw is said', async () => {
    const splits = [{ train: ['case_0'], val: ['case_1'] }];
    await expect(noticesOf({ splits, fold: 3 })).rejects.toMatchObject({ name: 'NoSuchFold' });
    const [notice] = await noticesOf({ splits, fold: 3, hasCheckpoint: true });
    expect(notice).toContain('fold 3 is a random 80:20 split');
  });

  test('of a cascade needs the stage before of every case', async () => {
    const cascade = { configurationName: '3d_cascade_fullres', fold: 0 } as const;
    const path = (i: number) => ({ path: `x/predicted_next_stage/3d_cascade_fullres/case_${i}.npz` });
    const all = [0, 1, 2, 3, 4, 5].map(path);
    expect(await noticesOf({ ...cascade, previousStage: all })).toEqual([]);
    await expect(noticesOf({ ...cascade, previousStage: all.slice(1) })).rejects.toThrow(
      'case_0 has no prediction of 3d_lowres',
    );
  });

  test('whose labels the trainer does not take is refused', async () => {
    const regions = { background: 0, whole: [1, 2], core: 2 };
    const trainer = trainerNamed('nnUNetTrainerCELoss');
    expect(await noticesOf({ trainer })).toEqual([]);
    const preprocessed = memoryFolder();
    await preprocessed.write('nnUNetPlans.json', JSON.stringify(TINY_PLANS));
    const dataset = { ...TINY_JSON, labels: regions, regions_class_order: [1, 2] };
    await preprocessed.write('dataset.json', JSON.stringify(dataset));
    await preprocessed.write('nnUNetPlans_3d_fullres/case_0.npz', 'arrays');
    const question = {
      preprocessed,
      plansName: 'nnUNetPlans',
      configurationName: '3d_fullres',
      fold: 'all',
    } as const;
    await expect(
      clusterSplitNotices({ question, trainer, hasCheckpoint: false, previousStage: [] }),
    ).rejects.toThrow('cannot train regions');
  });
});
