import { phantomImage } from './files';
import { expect, test } from './studioPage';

test('models, cases and results are there again after a reload; a removal can be undone, and other tabs follow', async ({
  studio,
  workbench,
  page,
}) => {
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await studio.segment();

  await page.reload();
  await studio.waitUntilShown();
  await expect(studio.segmentation).toContainText('organ');
  await expect(studio.panel.getByRole('button', { name: 'Segment again' })).toBeEnabled();

  await page.getByRole('link', { name: 'Models' }).click();
  const card = page.getByRole('article', { name: /Dataset001_Tiny/ });
  await expect(card).toContainText('0: 0.500');
  await expect(card).toContainText('16 × 16 × 4');
  const other = await page.context().newPage();
  await other.goto(page.url());
  const otherCard = other.getByRole('article', { name: /Dataset001_Tiny/ });
  await expect(otherCard).toBeVisible();
  await card.getByRole('button', { name: /^More about/ }).click();
  await page.getByRole('menuitem', { name: 'Remove' }).click();
  await expect(card).toHaveCount(0);
  // The offer stands as long as the pointer is over it, and a tab that opens meanwhile leaves the files alone.
  await page.getByRole('button', { name: 'Undo' }).hover();
  await expect(otherCard).toHaveCount(0);
  await other.reload();
  await other.waitForLoadState('networkidle');
  await expect(other.getByText('Import a trained nnU-Net model')).toBeVisible();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(card).toBeVisible();
  await expect(otherCard).toBeVisible();

  await page.getByRole('link', { name: 'Segment', exact: true }).click();
  await page.getByRole('link', { name: /head/ }).first().click();
  await other.goto(page.url());
  await expect(other.getByRole('region', { name: 'Segmentation' })).toContainText('organ');
  await page.getByRole('button', { name: 'Remove head' }).click();
  await expect(other.getByRole('alert')).toContainText('This case is no longer here');
  await other.close();

  await page.getByRole('link', { name: 'Models' }).click();
  await card.getByRole('button', { name: /^More about/ }).click();
  await page.getByRole('menuitem', { name: 'Remove' }).click();
  await expect(card).toHaveCount(0);
  await page.reload();
  await expect(page.getByText('Import a trained nnU-Net model')).toBeVisible();
});

test('a queue that was cut off by closing the tab goes on when the page is opened again', async ({
  studio,
  workbench,
  page,
}) => {
  const images = await Promise.all(
    [1, 2].map(async (seed) => workbench.write(`case${seed}_0000.nii.gz`, await phantomImage(seed))),
  );
  await studio.choose([...images, await workbench.writeModelZip('tiny.zip')]);
  await studio.waitUntilShown();
  await page.getByRole('button', { name: 'More cases' }).click();
  await page.getByRole('menuitem', { name: 'Segment all 2' }).click();
  await expect(studio.jobs).toContainText('1 case waiting');

  const context = page.context();
  await page.close();
  const later = await context.newPage();
  await later.goto('./');
  const jobs = later.getByRole('region', { name: 'Jobs' });
  await expect(jobs).toContainText('2 finished segmentations', { timeout: 600_000 });
});
