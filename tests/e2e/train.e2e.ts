// From a dropped folder to a model that segments: trained in the tab, reloaded in the middle.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { decode } from 'fast-png';
import type { Zyx } from '@/shared/geometry';
import type { Workbench } from './files';
import { expect, StudioPage, test } from './studioPage';
import { nifti } from './trainingData';
import { expectMouseWorks } from './viewerMouse';

const DATASET = 'Dataset007_Tiny';
const SHAPES: readonly Zyx[] = [
  [16, 24, 16],
  [16, 23, 15],
  [15, 24, 16],
  [16, 22, 16],
  [15, 23, 15],
  [16, 24, 15],
];
const EPOCHS = 5;
/** As the plans of a dataset would be for a far smaller GPU. */
const TINY_NETWORK = { patch: [16, 16, 16], features: [6, 12], batch: 2 };

async function writeTinyDataset(bench: Workbench): Promise<string> {
  for (const [i, shape] of SHAPES.entries()) {
    const { image, labels } = await nifti(i, shape);
    bench.write(`${DATASET}/imagesTr/case_${i}_0000.nii.gz`, image);
    bench.write(`${DATASET}/labelsTr/case_${i}.nii.gz`, labels);
  }
  const json = {
    channel_names: { '0': 'MRI' },
    labels: { background: 0, Anterior: 1, Posterior: 2 },
    numTraining: SHAPES.length,
    file_ending: '.nii.gz',
  };
  bench.write(`${DATASET}/dataset.json`, JSON.stringify(json));
  return `${bench.folder}/${DATASET}`;
}

/** The plans with a network that a processor trains in seconds. */
function shrunkPlans(text: string): string {
  const plans = JSON.parse(text);
  const { '3d_fullres': fullres } = plans.configurations;
  const { patch, features, batch } = TINY_NETWORK;
  const stages = features.map(() => 1);
  const kernels = features.map(() => [3, 3, 3]);
  const strides = features.map((_, stage) => (stage === 0 ? [1, 1, 1] : [2, 2, 2]));
  Object.assign(fullres, { patch_size: patch, batch_size: batch });
  Object.assign(fullres.architecture.arch_kwargs, {
    n_stages: features.length,
    features_per_stage: features,
    kernel_sizes: kernels,
    strides,
    n_conv_per_stage: stages,
    n_conv_per_stage_decoder: stages.slice(1),
  });
  return JSON.stringify({ ...plans, plans_name: 'tinyPlans', configurations: { '3d_fullres': fullres } });
}

async function keepShrunkPlans(page: Page): Promise<void> {
  await page.goto(`./#/plan/${DATASET}`);
  await page.getByText('JSON', { exact: true }).click();
  const editor = page.getByLabel('Plans as JSON');
  await editor.fill(shrunkPlans(await editor.inputValue()));
  await page.getByRole('button', { name: 'Save as new plans' }).click();
  await expect(page.getByRole('heading', { name: 'tinyPlans' })).toBeVisible();
}

const figures = (page: Page) => page.getByLabel('Figures');

async function waitForEpochs(page: Page, epochs: RegExp): Promise<void> {
  await expect(figures(page)).toContainText(epochs, { timeout: 120_000 });
}

/** Drops the dataset, prepares it, and gives it plans that a processor trains in seconds. */
async function prepareDataset(studio: StudioPage, workbench: Workbench): Promise<void> {
  const { page } = studio;
  await studio.drop(await writeTinyDataset(workbench));
  await expect(page.getByText('6 cases, no errors')).toBeVisible();

  await page.getByRole('link', { name: 'Train' }).click();
  await page.getByRole('button', { name: 'Train on a dataset' }).click();
  const form = page.getByRole('dialog', { name: 'New training' });
  await form.getByRole('button', { name: 'Prepare dataset' }).click();
  await expect(form.getByRole('button', { name: 'Train', exact: true })).toBeEnabled({ timeout: 120_000 });
  await form.getByRole('button', { name: 'Cancel', exact: true }).click();
  await keepShrunkPlans(page);
}

async function startTraining(page: Page, epochs: number, fold = 0): Promise<void> {
  await page.getByRole('link', { name: 'Train' }).click();
  await page.getByRole('button', { name: 'New training' }).click();
  const form = page.getByRole('dialog', { name: 'New training' });
  await form.getByRole('combobox', { name: 'Plans' }).click();
  await page.getByRole('option', { name: 'tinyPlans' }).click();
  for (const each of [0, 1]) {
    await form.getByRole('checkbox', { name: `${each}`, exact: true }).setChecked(each === fold);
  }
  await form.getByRole('radio', { name: /Custom/ }).check();
  await form.getByRole('textbox', { name: 'Epochs' }).fill(`${epochs}`);
  await form.getByRole('textbox', { name: 'Iterations per epoch' }).fill('6');
  await form.getByRole('button', { name: /^Trainer and seed/ }).click();
  await form.getByRole('combobox', { name: 'Trainer' }).click();
  await page.getByRole('option', { name: 'nnUNetTrainerAdam1en3' }).click();
  await form.getByRole('button', { name: 'Train', exact: true }).click();
}

test('a dropped dataset is prepared, trained over a reload, validated and cross-validated; its model segments, here and elsewhere; made longer, its training outlives the GPU device', async ({
  studio,
  workbench,
  browser,
}) => {
  const { page } = studio;
  await prepareDataset(studio, workbench);
  await startTraining(page, EPOCHS);
  await expect(studio.jobs).toContainText('Tiny 3d_fullres');
  await waitForEpochs(page, /[1-3] of 5/);
  await page.reload();
  await expect(page.getByText('interrupted', { exact: true })).toHaveCount(2);
  await page.getByRole('article').getByRole('button', { name: 'Resume' }).click();

  const table = page.getByRole('table', { name: 'Validation cases' });
  await expect(table).toBeVisible({ timeout: 300_000 });
  await waitForEpochs(page, /5 of 5/);
  await expect(page.getByRole('button', { name: 'Segment with it' })).toBeVisible({ timeout: 60_000 });
  await expectWholeLog(studio);
  await expectPicture(studio);
  await table.getByRole('link').first().click();
  await studio.waitUntilShown();
  await page.getByText('Reference', { exact: true }).click();
  await expectMouseWorks(page);
  await page.goBack();

  await startTraining(page, EPOCHS, 1);
  await expect(page).not.toHaveURL(/run-1$/);
  await expect(table).toBeVisible({ timeout: 300_000 });
  await findBest(page);
  await page.getByRole('button', { name: 'Use the best' }).click();
  const image = workbench.write('new.nii.gz', (await nifti(7, [16, 24, 17])).image);
  await studio.drop(image);
  await studio.waitUntilShown();
  await expect(studio.panel.getByRole('combobox', { name: 'Model' })).toHaveValue(`Best of ${DATASET}`);
  await studio.segment();
  await expect(studio.segmentation).toContainText('Anterior');

  await page.getByRole('link', { name: 'Models' }).click();
  const bundle = await saveBundle(studio);
  await page.getByRole('article', { name: DATASET }).getByRole('button', { name: 'Use' }).click();
  await studio.segment();
  const here = await studio.save('Save segmentation');

  const context = await browser.newContext();
  const other = new StudioPage(await context.newPage());
  await other.open();
  await other.drop(image, workbench.write('tiny.nnstudio', bundle));
  await other.waitUntilShown();
  await other.segment();
  const elsewhere = await other.save('Save segmentation');
  expect(readFileSync(elsewhere.file).equals(readFileSync(here.file))).toBe(true);
  await context.close();

  await trainLonger(page, EPOCHS, EPOCHS + 3);
  await waitForEpochs(page, /[67] of 8/);
  studio.expectedError = /A valid external Instance reference no longer exists/; // the browser's own words on it
  const devtools = await browser.newBrowserCDPSession();
  await devtools.send('Browser.crashGpuProcess');
  await expect(figures(page)).toContainText('lost and opened again: 1', { timeout: 120_000 });
  await waitForEpochs(page, /8 of 8/);
  await expect(table).toBeVisible({ timeout: 300_000 });
  await expect(page.getByText('nnUNetTrainerAdam1en3_8epochs')).toBeVisible();
});

/** Makes the training of fold 0 longer. */
async function trainLonger(page: Page, done: number, epochs: number): Promise<void> {
  await page.getByRole('link', { name: 'Train' }).click();
  await page.getByRole('link', { name: /fold 0/ }).click();
  await page.getByRole('button', { name: 'More about this training' }).click();
  await page.getByRole('menuitem', { name: 'Change length…' }).click();
  const form = page.getByRole('dialog', { name: 'Change the length of this training' });
  await expect(form).toContainText(`${done} of ${done} epochs are done`);
  await form.getByRole('textbox', { name: 'Epochs in all' }).fill(`${epochs}`);
  await form.getByRole('button', { name: 'Resume training' }).click();
  await expect(
    page.getByText(new RegExp(`${done} epochs of 6 \\+ 1 iterations before, now ${epochs} epochs`)),
  ).toBeVisible({ timeout: 120_000 });
}

/** Cross-validation of the folds that are there, and what it chooses. */
async function findBest(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Models' }).click();
  await page.getByRole('link', { name: 'Best configuration' }).click();
  await page.getByRole('button', { name: 'Find the best' }).click();
  const outcome = page.getByRole('table', { name: 'Outcome' });
  await expect(outcome.getByRole('row').nth(1)).toContainText('3d_fullres', { timeout: 120_000 });
}

async function saveBundle(studio: StudioPage): Promise<Buffer> {
  const card = studio.page.getByRole('article', { name: DATASET });
  await card.getByRole('button', { name: /^More about/ }).click();
  await studio.page.getByRole('menuitem', { name: /One file to share/ }).click();
  const { file } = await studio.save('Save the file');
  return readFileSync(file);
}

/** The logger's lists have every epoch once, those before the reload among them. */
async function expectWholeLog(studio: StudioPage): Promise<void> {
  await studio.page.getByRole('button', { name: 'More about this training' }).click();
  const downloading = studio.page.waitForEvent('download');
  await studio.page.getByRole('menuitem', { name: 'Log as JSON' }).click();
  const log = JSON.parse(readFileSync(await (await downloading).path(), 'utf8'));
  expect(log.train_losses).toHaveLength(EPOCHS);
  expect(log.train_losses[EPOCHS - 1]).toBeLessThan(log.train_losses[0]);
}

/** The curves as nnU-Net draws them. */
async function expectPicture({ page }: StudioPage): Promise<void> {
  await page.getByRole('button', { name: 'More about this training' }).click();
  const downloading = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: 'Curves as picture' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe(`${DATASET}_3d_fullres_fold_0_progress.png`);
  const { width, height } = decode(readFileSync(await download.path()));
  expect([width, height]).toEqual([1500, 2700]);
}
