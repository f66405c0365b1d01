// Training data in the studio: from a dropped folder to preprocessed cases and plans, and what is wrong with bad data.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from '@playwright/test';
import { memoryFile } from '@/core/io/sourceFile';
import { openZip } from '@/core/io/zip';
import type { Workbench } from './files';
import { expect, type StudioPage, test } from './studioPage';
import { CASES, nifti, writeRawDataset, writeTask } from './trainingData';
import { expectMouseWorks } from './viewerMouse';

const step = (page: Page, name: string) =>
  page.getByRole('region', { name: 'Steps' }).getByRole('listitem', { name });

async function expectDone(page: Page, name: string): Promise<void> {
  await expect(step(page, name)).toHaveAttribute('data-state', 'done', { timeout: 600_000 });
}

/** Check, fingerprint, plan, preprocess, by the button of each step. */
async function prepare(page: Page): Promise<void> {
  await expectDone(page, 'Check');
  await page.getByRole('button', { name: 'Compute fingerprint' }).click();
  await expectDone(page, 'Fingerprint');
  await page.getByRole('button', { name: 'Plan', exact: true }).click();
  await expectDone(page, 'Plan');
  await page.getByRole('button', { name: 'Preprocess', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Preprocess' }).click();
  await expectDone(page, 'Preprocess');
}

/** The plans that the command makes of a raw dataset's folder. */
function plansOfCommand(bench: Workbench, rawFolder: string): unknown {
  const preprocessed = path.join(bench.folder, 'preprocessed');
  const run = (...args: readonly string[]) =>
    execFileSync('node', ['bin/nnstudio.mjs', ...args, '-preprocessed', preprocessed], { encoding: 'utf8' });
  run('extract_fingerprint', '-d', rawFolder, '--verify_dataset_integrity');
  run('plan_experiment', '-d', rawFolder);
  return JSON.parse(
    readFileSync(path.join(preprocessed, path.basename(rawFolder), 'nnUNetPlans.json'), 'utf8'),
  );
}

async function downloadedPlans(studio: StudioPage): Promise<unknown> {
  await studio.page.getByRole('tab', { name: 'Files and storage' }).click();
  const { file, name } = await studio.save('nnUNetPlans.json');
  expect(name).toBe('nnUNetPlans.json');
  return JSON.parse(readFileSync(file, 'utf8'));
}

test('a dropped Decathlon folder becomes plans and preprocessed cases, which a reload keeps', async ({
  studio,
  workbench,
}) => {
  const { page } = studio;
  await studio.drop(await writeTask(workbench));
  await expect(page.getByRole('heading', { name: 'Hippocampus', level: 1 })).toBeVisible();
  await prepare(page);
  const plans = await downloadedPlans(studio);
  expect(plans).toEqual(plansOfCommand(workbench, await writeRawDataset(workbench)));

  await page.getByRole('tab', { name: 'Overview' }).click();
  const pictures = page.getByRole('tabpanel', { name: 'Overview' }).getByRole('listitem');
  await expect(pictures).toHaveCount(CASES.length);
  await expect(page.getByText(`${CASES.length} of ${CASES.length} cases drawn`)).toBeVisible();
  const { file, name: zipName } = await studio.save('Save as zip');
  expect(zipName).toMatch(/_overview\.zip$/);
  const drawn = (await openZip(memoryFile(readFileSync(file), zipName))).map((entry) => entry.path);
  expect(drawn).toEqual(CASES.map((caseId) => `${caseId}.png`));
  await pictures.filter({ hasText: CASES[1] }).getByRole('link').click();
  await expect(page.getByRole('heading', { name: CASES[1] })).toBeVisible();
  await page.goBack();

  await page.reload();
  for (const name of ['Check', 'Fingerprint', 'Plan', 'Preprocess']) await expectDone(page, name);
  await expect(page.getByRole('table', { name: 'Cases' }).getByRole('row')).toHaveCount(CASES.length + 1);
  await page.getByRole('link', { name: CASES[2] }).click();
  await studio.waitUntilShown();
  await expect(page.getByRole('heading', { name: CASES[2] })).toBeVisible();
  await expectMouseWorks(page);
  await page.getByRole('button', { name: 'Next case' }).click();
  await expect(page.getByRole('heading', { name: CASES[3] })).toBeVisible();
  await studio.waitUntilShown();
  await expectMouseWorks(page);
});

test('the Hippocampus task of the Decathlon: plans as the command makes them, kept over a reload', {
  tag: '@conformance',
}, async ({ studio, workbench }) => {
  const source = path.resolve('../shared/data/msd-hippocampus');
  test.skip(!existsSync(source), 'the shared test data are not there');
  const folder = path.join(workbench.folder, 'Dataset004_Hippocampus');
  for (const part of ['imagesTr', 'labelsTr', 'dataset.json']) {
    cpSync(path.join(source, part), path.join(folder, part), { recursive: true });
  }
  const { page } = studio;
  await studio.drop(folder);
  await expect(page.getByRole('heading', { name: 'Hippocampus', level: 1 })).toBeVisible({
    timeout: 300_000,
  });
  await prepare(page);
  expect(await downloadedPlans(studio)).toEqual(plansOfCommand(workbench, folder));
  await page.reload();
  for (const name of ['Check', 'Fingerprint', 'Plan', 'Preprocess']) await expectDone(page, name);
  await expect(page.getByText('156 cases, no errors')).toBeVisible();
});

test('a broken dataset is not planned, and says what is wrong with which case', async ({
  studio,
  workbench,
}) => {
  const { page } = studio;
  const other = await nifti(0, [10, 12, 14]);
  const folder = await writeRawDataset(workbench, (file, content) => {
    if (file === 'labelsTr/hippocampus_002.nii.gz') return undefined;
    if (file === 'labelsTr/hippocampus_003.nii.gz') return other.labels;
    if (file === 'imagesTr/hippocampus_004_0000.nii.gz') return new TextEncoder().encode('no image');
    return content;
  });
  await studio.drop(folder);
  const problems = page.getByRole('region', { name: 'Problems' });
  await expect(problems).toContainText('cannot be planned or trained');
  await expect(step(page, 'Check')).toHaveAttribute('data-state', 'failed');
  await expect(page.getByRole('button', { name: 'Compute fingerprint' })).toHaveCount(0);

  await page.getByText('Unlabelled 1').click();
  const rows = page.getByRole('table', { name: 'Cases' }).getByRole('row');
  await expect(rows).toHaveCount(2);
  await expect(rows.filter({ hasText: CASES[1] })).toContainText('no label map');
  await page.getByText('Problems 2').click();
  await expect(rows).toHaveCount(3);
  await expect(rows.filter({ hasText: CASES[2] })).toContainText('its label map 14 × 12 × 10');
  await expect(rows.filter({ hasText: CASES[3] })).toContainText('not a NIfTI file');
  await page.getByLabel('Search cases').fill('label map 14');
  await expect(rows).toHaveCount(2);

  // Corrected and dropped again, it takes the old one's place.
  await studio.drop(await writeRawDataset(workbench));
  await page.getByRole('button', { name: 'Replace it' }).click();
  await expectDone(page, 'Check');
  await expect(problems).toHaveCount(0);
});

test('images with label maps of the same names become a dataset by a form', async ({ studio, workbench }) => {
  const { page } = studio;
  for (const i of [0, 1]) {
    const { image, labels } = await nifti(i);
    workbench.write(`brains/images/anna${i}.nii.gz`, image);
    workbench.write(`brains/labels/anna${i}.nii.gz`, labels);
  }
  await studio.drop(path.join(workbench.folder, 'brains'));
  const form = page.getByRole('dialog', { name: 'A new dataset' });
  await expect(form).toContainText('2 images with a label map of the same name');
  await expect(form.getByRole('textbox', { name: 'Name', exact: true })).toHaveValue('Brains');
  const submit = form.getByRole('button', { name: 'Import 2 cases' });
  await expect(submit).toBeDisabled();
  await form.getByLabel('Name of channel 0').fill('T1');
  await form.getByLabel('Name of label 1').fill('front');
  await form.getByLabel('Name of label 2').fill('front');
  await expect(form.getByRole('alert')).toContainText('Two labels are called front');
  await form.getByLabel('Name of label 2').fill('back');
  await submit.click();
  await expect(page.getByRole('heading', { name: 'Brains', level: 1 })).toBeVisible();
  await expectDone(page, 'Check');
  await page.getByRole('tab', { name: 'Files and storage' }).click();
  const { file } = await studio.save('dataset.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    channel_names: { '0': 'T1' },
    labels: { background: 0, front: 1, back: 2 },
    numTraining: 2,
    file_ending: '.nii.gz',
    name: 'Dataset001_Brains',
  });

  // Removing it frees what it took.
  await page.getByRole('button', { name: 'Remove the dataset' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click();
  await expect(page.getByRole('heading', { name: 'Add labelled images' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Storage' })).toContainText('Datasets 0 B');
});

test('own splits are taken if the dataset knows their cases', async ({ studio, workbench }) => {
  const { page } = studio;
  await studio.drop(await writeRawDataset(workbench));
  await page.getByRole('tab', { name: 'Splits' }).click();
  const folds = page.getByRole('table', { name: 'Folds' }).getByRole('row');
  await expect(folds).toHaveCount(6);
  const give = async (splits: unknown) => {
    const choosing = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Import splits_final.json' }).click();
    await (await choosing).setFiles(workbench.write('splits.json', JSON.stringify(splits)));
  };
  await give([{ train: [CASES[0]], val: ['somebody'] }]);
  await expect(page.getByRole('alert')).toContainText('the dataset has no case somebody');
  await expect(folds).toHaveCount(6);
  await give([{ train: CASES.slice(1), val: [CASES[0]] }]);
  await expect(folds).toHaveCount(2);
  await page.reload();
  await page.getByRole('tab', { name: 'Splits' }).click();
  await expect(page.getByText('These are your own')).toBeVisible();
});

test('the sample is made up here, and work that was under way goes on after a reload', async ({ studio }) => {
  const { page } = studio;
  await page.goto('./#/data');
  await page.getByRole('button', { name: 'Try the sample' }).click();
  await expect(page.getByRole('heading', { name: 'Phantom', level: 1 })).toBeVisible({ timeout: 120_000 });
  await expectDone(page, 'Check');
  await page.getByRole('button', { name: 'All steps' }).click();
  await expect(studio.jobs).toContainText('Reading cases');
  expect(studio.requests).toEqual([]);
  await page.reload();
  for (const name of ['Fingerprint', 'Plan', 'Preprocess']) await expectDone(page, name);
  await expect(step(page, 'Preprocess')).toContainText('nnUNetPlans_2d, nnUNetPlans_3d_fullres');
});

test('a cancelled import leaves nothing', async ({ studio, workbench }) => {
  const { page } = studio;
  const { image, labels } = await nifti(0);
  for (let i = 0; i < 300; i++) {
    workbench.write(`Dataset005_Many/imagesTr/case_${i}_0000.nii.gz`, image);
    workbench.write(`Dataset005_Many/labelsTr/case_${i}.nii.gz`, labels);
  }
  const json = {
    channel_names: { '0': 'MRI' },
    labels: { background: 0, a: 1, b: 2 },
    numTraining: 300,
    file_ending: '.nii.gz',
  };
  workbench.write('Dataset005_Many/dataset.json', JSON.stringify(json));
  await studio.drop(path.join(workbench.folder, 'Dataset005_Many'));
  const notice = page.getByRole('region', { name: 'Import' });
  await expect(notice).toContainText('Copying');
  await notice.getByRole('button', { name: 'Cancel' }).click();
  await expect(notice).toHaveCount(0);
  const left = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const datasets = await root.getDirectoryHandle('datasets', { create: true });
    const names: string[] = [];
    for await (const name of datasets.keys()) names.push(name);
    return names;
  });
  expect(left).toEqual([]);
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Choose a folder' })).toBeVisible();
});

test('a second tab shows what the first one did', async ({ studio, workbench }) => {
  const { page } = studio;
  await studio.drop(await writeRawDataset(workbench));
  await expectDone(page, 'Check');
  const other = await page.context().newPage();
  await other.goto(page.url());
  await expectDone(other, 'Check');
  await page.getByRole('button', { name: 'Compute fingerprint' }).click();
  await expectDone(page, 'Fingerprint');
  await expectDone(other, 'Fingerprint');
});

test('a dataset is prepared without a request', async ({ studio }) => {
  const { page } = studio;
  await page.goto('./#/data');
  await page.getByRole('button', { name: 'Try the sample' }).click();
  await expectDone(page, 'Check');
  await page.getByRole('button', { name: 'All steps' }).click();
  await expectDone(page, 'Preprocess');
  expect(studio.requests).toEqual([]);
});
