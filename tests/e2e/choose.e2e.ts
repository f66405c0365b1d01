// From validated folds to the best configuration, and a segmentation with it in one click.
import { readFileSync } from 'node:fs';
import { plansJson, TINY_CONFIGURATION } from '../support/modelFolder';
import { columns, TRUTH } from '../support/tinyCrossval';
import { phantomImage } from './files';
import { expect, test } from './studioPage';
import { keepTrainings } from './trainedHere';

const DATASET = 'Dataset001_Tiny'; // the name in the tiny model's plans
const PLANS = plansJson({ '3d_fullres': TINY_CONFIGURATION, '3d_lowres': TINY_CONFIGURATION });

/** Both find a speck of the organ where none is; each misses half of something, but is unsure there. */
const LEFT = columns([0, 3, 1], [4, 5, 2], [7, 8, 1]);
const RIGHT = columns([0, 1, 1], [4, 6, 2], [7, 8, 1]);
const SPECK = columns([7, 8, 1]);
const unsureWhereWrong = (map: readonly number[]) =>
  map.map((label, i) => (label === TRUTH[i] || SPECK[i] > 0 ? 0.9 : 0.5));
const MODELS = [
  { configuration: '3d_fullres', prediction: LEFT, confidence: unsureWhereWrong(LEFT) },
  { configuration: '3d_lowres', prediction: RIGHT, confidence: unsureWhereWrong(RIGHT) },
];

test('the best of two trainings and their pair is found, and used in one click', async ({
  studio,
  workbench,
}) => {
  const { page } = studio;
  await page.getByRole('link', { name: 'Models' }).click();
  for (const { configuration } of MODELS) {
    const folder = `nnUNetTrainer__nnUNetPlans__${configuration}`;
    const options = { folder, configuration, plans: PLANS, folds: ['0', '1'] };
    await studio.choose(await workbench.writeModelZip(`${configuration}.zip`, options));
    await expect(page.getByRole('article', { name: new RegExp(configuration) })).toBeVisible();
  }
  await keepTrainings(page, DATASET, MODELS);

  await page.getByRole('link', { name: 'Best configuration' }).click();
  const candidates = page.getByRole('table', { name: 'Candidates' });
  await expect(candidates.getByRole('row', { name: /^3d_lowres/ })).toContainText('kept');
  await page.getByRole('button', { name: 'Find the best' }).click();
  const outcome = page.getByRole('table', { name: 'Outcome' });
  await expect(outcome.getByRole('row')).toHaveCount(4);
  await expect(outcome.getByRole('row').nth(1)).toContainText('3d_fullres + 3d_lowres');
  await expect(outcome.getByRole('row').nth(1).getByRole('img', { name: 'The best' })).toBeVisible();
  const region = page.getByRole('region', { name: 'Outcome' });
  await expect(region).toContainText('Only the largest component is kept of organ');
  await expect(region).toContainText('1.0000 with it');

  await page.reload();
  await page.getByRole('button', { name: 'Use the best' }).click();
  await studio.choose(workbench.write('head_0000.nii.gz', await phantomImage()));
  await studio.waitUntilShown();
  await expect(studio.panel.getByRole('combobox', { name: 'Model' })).toHaveValue(`Best of ${DATASET}`);
  await page.getByRole('button', { name: /^Settings/ }).click();
  await studio.turn(/^Mirroring/, false);
  await studio.segment();
  await expect(studio.segmentation).toContainText('2 models averaged, largest components kept');
  expect(readFileSync((await studio.save('Save segmentation')).file).length).toBeGreaterThan(100);
});
