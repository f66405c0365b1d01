// Training data in the studio: from a dropped folder to preprocessed cases and plans, and what is wrong with bad data.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from '@playwright/test';
import type { Workbench } from './files';
import { expect, type StudioPage, test } from './studioPage';
import { CASES, writeRawDataset, writeTask } from './trainingData';

/** Drops files or folders from the disk on the page, as a file manager would. */
async function dropFromDisk(page: Page, ...files: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 700, y: 450, data });
  }
  await session.detach();
}

const step = (page: Page, name: string) =>
  page.getByRole('region', { name: 'Steps' }).getByRole('listitem', { name });

async function expectDone(page: Page, name: string): Promise<void> {
  await expect(step(page, name)).toHaveAttribute('data-state', 'done', { timeout: 600_000 });
}

/** Check, fingerprint, plan, preprocess, by the button of each step. */
async function prepare(page: Page): Promise<void> {
  await expectDone(page, 'Check');
  await page.getByRole('button', { name: 'Take the fingerprint' }).click();
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
  await dropFromDisk(page, await writeTask(workbench));
  await expect(page.getByRole('heading', { name: 'Hippocampus', level: 1 })).toBeVisible();
  await prepare(page);
  const plans = await downloadedPlans(studio);
  expect(plans).toEqual(plansOfCommand(workbench, await writeRawDataset(workbench)));

  await page.reload();
  for (const name of ['Check', 'Fingerprint', 'Plan', 'Preprocess']) await expectDone(page, name);
  await expect(page.getByRole('table', { name: 'Cases' }).getByRole('row')).toHaveCount(CASES.length + 1);
  await page.getByRole('link', { name: CASES[2] }).click();
  await studio.waitUntilShown();
  await expect(page.getByRole('heading', { name: CASES[2] })).toBeVisible();
});
