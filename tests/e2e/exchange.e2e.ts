// A model leaves one browser as a file and works the same in another.
import { readFileSync } from 'node:fs';
import { memoryFile } from '@/core/io/sourceFile';
import { entriesOf } from '../support/zipped';
import { phantomImage, zipOf } from './files';
import { expect, StudioPage, test } from './studioPage';

test('a bundle made from a card gives the same segmentation in a fresh profile', async ({
  studio,
  workbench,
  page,
  browser,
}) => {
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await studio.segment();
  const first = await studio.save('Save segmentation');

  await page.getByRole('link', { name: 'Models' }).click();
  const card = page.getByRole('article', { name: /Dataset001_Tiny/ });
  await card.getByRole('button', { name: /^More about/ }).click();
  await page.getByRole('menuitem', { name: /One file to share/ }).click();
  const dialog = page.getByRole('dialog', { name: 'One file to share' });
  await dialog.getByLabel('Title').fill('Tiny organs');
  await dialog.getByLabel('Authors').fill('A. Müller');
  await dialog.getByLabel('Licence').fill('CC BY 4.0');
  await dialog.getByLabel('Citation').fill('Müller 2026');
  const { file, name } = await studio.save('Save the file');
  expect(name).toBe('Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres.nnstudio');
  await expect(page.getByRole('alert').filter({ hasText: 'Saved' })).toContainText('.nnstudio');

  const context = await browser.newContext();
  const other = new StudioPage(await context.newPage());
  await other.open();
  const renamed = workbench.write('a model without its ending', readFileSync(file));
  await other.drop(image, renamed);
  await other.waitUntilShown();
  await other.segment();
  const second = await other.save('Save segmentation');
  expect(readFileSync(second.file).equals(readFileSync(first.file))).toBe(true);

  await other.page.getByRole('link', { name: 'Models' }).click();
  const shared = other.page.getByRole('article', { name: /Dataset001_Tiny/ });
  await expect(shared).toContainText('Tiny organs');
  await expect(shared).toContainText('A. Müller');
  await expect(shared).toContainText('CC BY 4.0');
  await expect(shared).toContainText('Müller 2026');
  await context.close();
});

test('the zip for nnU-Net holds the files that were imported, to the byte', async ({
  studio,
  workbench,
  page,
}) => {
  const zip = await workbench.writeModelZip('tiny.zip', { folds: ['0', '1'] });
  await page.getByRole('link', { name: 'Models' }).click();
  await studio.choose(zip);
  const card = page.getByRole('article', { name: /Dataset001_Tiny/ });
  await card.getByRole('button', { name: /^More about/ }).click();
  const downloading = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: /For nnU-Net/ }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres.zip');
  const [given, saved] = await Promise.all(
    [zip, await download.path()].map((each) => entriesOf(memoryFile(readFileSync(each), each))),
  );
  expect(saved.size).toBe(given.size);
  for (const [path, original] of given) {
    const bytes = await saved.get(`Dataset001_Tiny/${path}`)?.bytes();
    expect(bytes && Buffer.from(bytes).equals(Buffer.from(await original.bytes())), path).toBe(true);
  }
});

test('what is no bundle, or one to come, is answered in words', async ({ studio, workbench, page }) => {
  await page.getByRole('link', { name: 'Models' }).click();
  await studio.choose(workbench.write('broken.nnstudio', 'what is this, then, which is no archive'));
  await expect(page.getByRole('alert')).toContainText('broken.nnstudio is not a bundle');
  await page.getByRole('button', { name: 'Dismiss' }).click();

  const newer = await workbench.writeModelZip('newer.zip');
  const entries = await entriesOf(memoryFile(readFileSync(newer), newer));
  const manifest = memoryFile(
    new TextEncoder().encode('{"format": "nnstudio-model", "version": 7}'),
    'nnUNetTrainer__nnUNetPlans__3d_fullres/manifest.json',
  );
  const mimetype = memoryFile(new Uint8Array(), 'nnUNetTrainer__nnUNetPlans__3d_fullres/mimetype');
  const files = [...entries.values(), manifest, mimetype];
  await studio.choose(workbench.write('newer.nnstudio', await zipOf(files)));
  await expect(page.getByRole('alert')).toContainText('bundle version 7');
});
