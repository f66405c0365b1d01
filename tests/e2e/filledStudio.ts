// The studio with something in every place, put there through its own doors or as it would lie after hours of work.
import { expect, type Page } from '@playwright/test';
import { DATABASES } from '@/storage/browserRecords';
import { RUNS_FOLDER } from '@/workers/train/api';
import { threeClassNetwork } from '../support/onnxFiles';
import { importFiles, keepRecords } from './browserContents';
import { EvaluatePage } from './evaluatePage';
import type { Workbench } from './files';
import * as body from './manyLabels';
import type { StudioPage } from './studioPage';
import { nifti } from './trainingData';

/** Goes to an address of the studio, `data/Dataset117_Body`. */
export async function open(page: Page, address: string): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${address}`);
  await expect(page.getByRole('main')).not.toBeEmpty();
}

const TROUBLE = {
  name: 'NonFiniteLoss',
  message: 'The loss is no number any more. Lower the learning rate.',
};

const FAILED_CASE = {
  id: 'failed-case',
  caseId: 'body_009',
  addedAt: 0,
  run: { status: 'failed', job: body.JOB, error: TROUBLE },
  result: undefined,
} as const;

/** A segmented case, a model, a dataset with plans, a training and an evaluation, all with 117 labels. */
export async function fillStudio(studio: StudioPage, workbench: Workbench): Promise<void> {
  const { page } = studio;
  await open(page, 'models');
  await studio.choose(await body.writeModel(workbench));
  await expect(page.getByRole('article')).toBeVisible();
  const segmented = await body.segmentedCase();
  const failed = { ...segmented.record, ...FAILED_CASE };
  await keepRecords(page, DATABASES.cases, [
    [failed.id, failed],
    [segmented.record.id, segmented.record],
  ]);
  const run = body.stoppedRun();
  await keepRecords(page, DATABASES.trainings, [
    ['run-1', run],
    ['run-2', { ...run, id: 'run-2', state: { status: 'failed', ...TROUBLE } }],
    ['run-3', { ...run, id: 'run-3', state: { status: 'interrupted' } }],
  ]);
  await importFiles(page, [...segmented.files, ...(await body.runFiles(RUNS_FOLDER))]);
  await page.reload();

  await open(page, 'data');
  await studio.drop(await body.writeBrokenDataset(workbench));
  await expect(page.getByRole('region', { name: 'Problems' })).toBeVisible();
  await studio.drop(await body.writeDataset(workbench));
  const step = (name: string) => page.getByRole('listitem', { name, exact: true });
  await expect(step('Check')).toHaveAttribute('data-state', 'done');
  await page.getByRole('button', { name: 'All steps' }).click();
  await expect(step('Preprocess')).toHaveAttribute('data-state', 'done');

  await body.writeEvaluation(workbench);
  const evaluate = new EvaluatePage(page);
  await evaluate.open();
  await evaluate.drop('Predictions', `${workbench.folder}/predicted`);
  await evaluate.drop('References', `${workbench.folder}/references`);
  await page.getByRole('button', { name: 'Evaluate 3 cases' }).click();
  await expect(page.getByText('done', { exact: true })).toBeVisible();

  const { image, labels } = await nifti(0);
  workbench.write('brains/images/anna.nii.gz', image);
  workbench.write('brains/labels/anna.nii.gz', labels);
  workbench.write('imagesTr/bert_0000.nii.gz', image);
  const elu = { operator: 'Elu', inputs: ['x'], outputs: ['h'] };
  workbench.write('tones.onnx', threeClassNetwork([elu], [1, 1, 8, 8, 8]));
}
