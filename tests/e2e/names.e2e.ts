// Names that people give, images that are given twice, and a list of 117 labels beside a case.
import type { Locator } from '@playwright/test';
import { phantomImage } from './files';
import { open } from './filledStudio';
import * as body from './manyLabels';
import { expect, test } from './studioPage';

/** Changes a name in place and presses a key; the field, for what it says. */
async function rename(within: Locator, name: string, key: 'Enter' | 'Escape'): Promise<Locator> {
  const field = within.getByRole('textbox', { name: /^New name of/ });
  if (!(await field.isVisible()))
    await within
      .getByRole('button', { name: /^Rename/ })
      .first()
      .click();
  await field.fill(name);
  await field.press(key);
  return field;
}

test('cases and models are renamed in place, and an image given twice is said to be there', async ({
  studio,
  workbench,
}) => {
  const { page } = studio;
  const image = await phantomImage();
  await studio.choose([
    workbench.write('head_0000.nii.gz', image),
    workbench.write('other_0000.nii.gz', await phantomImage(2)),
  ]);
  const cases = page.getByRole('region', { name: 'Cases' });
  await expect(cases.getByRole('listitem')).toHaveCount(2);
  await studio.choose(workbench.write('copy.nii.gz', image));
  await expect(page.getByText('copy.nii.gz shows the same image as head')).toBeVisible();
  await expect(cases.getByRole('listitem')).toHaveCount(2);

  const head = cases.getByRole('listitem').first();
  const field = await rename(head, '  ', 'Enter');
  await expect(head).toContainText('Enter a name');
  await rename(head, 'Other', 'Enter');
  await expect(head).toContainText('Another case is called Other already');
  await rename(head, 'nobody', 'Escape');
  await expect(head.getByRole('link')).toContainText('head');
  await rename(head, 'Anna first visit', 'Enter');
  await expect(field).toBeHidden();
  await page.reload();
  await expect(cases.getByRole('listitem').first()).toContainText('Anna first visit');

  await open(page, 'models');
  await studio.choose(await workbench.writeModelZip('a.zip'));
  await studio.choose(await workbench.writeModelZip('b.zip', { folds: ['0', '1'] }));
  const cards = page.getByRole('article');
  await expect(cards).toHaveCount(2);
  await expect(cards.filter({ hasText: 'a.zip' })).toContainText('fold 0');
  await expect(cards.filter({ hasText: 'b.zip' })).toContainText('folds 0, 1');
  // The field goes when the name is kept.
  await expect(await rename(cards.filter({ hasText: 'b.zip' }), 'Both folds', 'Enter')).toBeHidden();
  await page.reload();
  await expect(page.getByRole('article', { name: 'Both folds' })).toContainText('Dataset001_Tiny');
});

test('117 labels: a dataset keeps its title, its card is short, and a case lists, finds, hides and goes to labels', async ({
  studio,
  workbench,
}) => {
  const { page } = studio;
  await studio.drop(await body.writeDataset(workbench));
  await expect(page.getByRole('listitem', { name: 'Check' })).toHaveAttribute('data-state', 'done');
  const names = page.getByRole('list', { name: '117 labels' });
  await expect(names.getByRole('listitem')).toHaveCount(8);
  await page.getByRole('button', { name: 'Show all 117 labels' }).click();
  await page.getByPlaceholder('Search 117 labels').fill('_11');
  await expect(names.getByRole('listitem')).toHaveText(
    ['110', '111', '112', '113', '114', '115', '116', '117'].map((value) => `structure_${value}`),
  );
  await expect(await rename(page.locator('header'), 'Whole body', 'Enter')).toBeHidden();
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Whole body');

  await page.getByRole('link', { name: body.CASES[0] }).click();
  await studio.waitUntilShown();
  const panel = page.getByRole('complementary', { name: 'Labels' });
  const readout = page.getByRole('region', { name: 'Under the crosshair' });
  await panel.getByPlaceholder('Search 117 labels').fill('structure_077');
  await panel.getByRole('button', { name: 'structure_077', exact: true }).click();
  await expect(readout).toContainText('structure_077');
  const eye = panel.getByRole('button', { name: 'Show structure_077' });
  await eye.click();
  await expect(eye).toHaveAttribute('aria-pressed', 'false');
  await page.getByRole('button', { name: 'Labels', exact: true }).click();
  await expect(panel).toBeHidden();
});
