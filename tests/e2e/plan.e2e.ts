import { readFileSync } from 'node:fs';
import { planExperiment } from '@/core/planning/planExperiment';
import { type Planner, plannerNamed } from '@/core/planning/planners';
import { readPlans } from '@/core/planning/readPlans';
import { plansJson } from '@/core/planning/writePlans';
import { formatXyz } from '@/shared/geometry';
import { expect, test } from './studioPage';
import { writeRawDataset } from './trainingData';

const INTENSITIES = {
  max: 900,
  mean: 90,
  median: 95,
  min: -120,
  percentile_00_5: -40,
  percentile_99_5: 310,
  std: 50,
};

/** Plans of scans too large for one patch: with a low resolution and a cascade. */
function scanPlans(name: string, planner: Planner, shape: readonly number[]): string {
  const fingerprint = {
    foreground_intensity_properties_per_channel: { 0: INTENSITIES },
    median_relative_size_after_cropping: 1,
    shapes_after_crop: Array.from({ length: 12 }, () => [...shape]),
    spacings: Array.from({ length: 12 }, () => [1.5, 0.8, 0.8]),
  };
  const dataset = {
    name,
    channelNames: ['CT'],
    labelEntries: 3,
    numTraining: 12,
    imageReaderWriter: 'SimpleITKIO',
  };
  return plansJson(planExperiment(fingerprint, dataset, planner));
}

const DEFAULT = scanPlans('Dataset011_Scans', plannerNamed('ExperimentPlanner'), [220, 512, 512]);
const RESIDUAL = scanPlans('Dataset012_Others', plannerNamed('nnUNetPlannerResEncM'), [160, 300, 300]);

test('a plans file from anywhere opens under Plan, is kept, and comes out as it went in', async ({
  studio,
  workbench,
  page,
}) => {
  await studio.choose(workbench.write('nnUNetPlans.json', DEFAULT));
  await expect(page).toHaveURL(/#\/plan\//);
  const plans = page.getByRole('article', { name: 'nnUNetPlans of Dataset011_Scans' });
  const table = plans.getByRole('region', { name: 'Configurations' });
  const { configurations } = readPlans(DEFAULT, 'plans.json');
  for (const name of ['2d', '3d_lowres', '3d_fullres', '3d_cascade_fullres']) {
    await expect(table.getByRole('button', { name, exact: true })).toBeVisible();
    const patch = formatXyz(configurations[name].patchSize);
    await expect(table.getByRole('row', { name: /^Patch, voxels/ })).toContainText(patch);
  }
  await expect(table.getByRole('row', { name: /^Parameters/ })).toContainText(' M');

  const { strides, featuresPerStage } = configurations['2d'].architecture;
  await table.getByRole('button', { name: '2d' }).click();
  const drawing = plans.getByRole('img', { name: `PlainConvUNet with ${strides.length} stages` });
  await expect(drawing).toBeVisible();
  await expect(drawing).toContainText(`${featuresPerStage.at(-1)} × 4 × 4`);
  await expect(plans.getByRole('img', { name: /^Axial: the patch is/ })).toBeVisible();

  expect(studio.requests).toEqual([]);
  await page.reload();
  await expect(plans).toBeVisible();
  const { file, name } = await studio.save('Download');
  expect(name).toBe('nnUNetPlans.json');
  expect(readFileSync(file, 'utf8')).toBe(DEFAULT);
});

test('an edit that does not fit is refused with the size that does, and saved as new plans', async ({
  studio,
  workbench,
  page,
}) => {
  await studio.choose(workbench.write('nnUNetPlans.json', DEFAULT));
  await page.getByText('Edit', { exact: true }).click();
  const save = page.getByRole('button', { name: 'Save as new plans' });
  await expect(save).toBeDisabled();
  await page.getByLabel('Patch, voxels').fill('120 120 60');
  await expect(page.getByText('The patch 120 × 120 × 60 is not a multiple of')).toBeVisible();
  await expect(save).toBeDisabled();
  await page.getByRole('button', { name: 'Use 128 × 128 × 64' }).click();
  await page.getByLabel('Batch', { exact: true }).fill('3');
  await expect(page.getByRole('region', { name: 'What it costs' })).toContainText('GB');

  const nameField = page.getByLabel('Name of the new plans');
  await nameField.fill('nnUNetPlans');
  await expect(page.getByText('ExperimentPlanner writes')).toBeVisible();
  await expect(save).toBeDisabled();
  await nameField.fill('nnUNetPlans_small');
  await save.click();

  await expect(page.getByRole('article', { name: 'nnUNetPlans_small of Dataset011_Scans' })).toBeVisible();
  await page.reload();
  const { file, name } = await studio.save('Download');
  expect(name).toBe('nnUNetPlans_small.json');
  const edited = readPlans(readFileSync(file, 'utf8'), name).configurations;
  const before = readPlans(DEFAULT, 'plans.json').configurations;
  expect(edited['3d_fullres']).toEqual({ ...before['3d_fullres'], patchSize: [64, 128, 128], batchSize: 3 });
  expect(edited['3d_cascade_fullres'].patchSize).toEqual([64, 128, 128]);
  expect(edited['2d']).toEqual(before['2d']);
  await expect(page.getByRole('navigation', { name: 'All plans' }).getByRole('link')).toHaveCount(2);
});

test('plans of two datasets are compared, and deleted plans can be had back', async ({
  studio,
  workbench,
  page,
}) => {
  await studio.choose([
    workbench.write('a/nnUNetPlans.json', DEFAULT),
    workbench.write('b/nnUNetResEncUNetMPlans.json', RESIDUAL),
  ]);
  await expect(page.getByRole('article', { name: /nnUNetResEncUNetMPlans/ })).toBeVisible();
  await page.getByText('Compare', { exact: true }).click();
  const comparison = page.getByRole('region', { name: 'Comparison' });
  const field = (name: string) => comparison.getByRole('row', { name: new RegExp(`^${name}`) });
  await expect(field('dataset_name')).toContainText('Dataset012_Others');
  await expect(field('dataset_name')).toContainText('Dataset011_Scans');
  await expect(field('n_blocks_per_stage').first()).toContainText('[1, 3, 4, 6');
  await expect(field('image_reader_writer')).toHaveCount(0);
  await page.getByLabel('Only differences').click();
  await expect(field('image_reader_writer')).toContainText('SimpleITKIO');

  await page.getByRole('button', { name: 'Delete nnUNetResEncUNetMPlans' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete nnUNetResEncUNetMPlans?' });
  await dialog.getByRole('button', { name: 'Delete' }).click();
  const list = page.getByRole('navigation', { name: 'All plans' });
  await expect(list.getByRole('link')).toHaveCount(1);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(list.getByRole('link')).toHaveCount(2);
});

test('the JSON of plans can be edited; what is wrong is named with its path', async ({
  studio,
  workbench,
  page,
}) => {
  await studio.choose(workbench.write('nnUNetPlans.json', DEFAULT));
  await page.getByText('JSON', { exact: true }).click();
  const editor = page.getByLabel('Plans as JSON');
  const save = page.getByRole('button', { name: 'Save as new plans' });
  const mine = DEFAULT.replace('"plans_name": "nnUNetPlans"', '"plans_name": "mine"');
  await editor.fill(mine.replace(/"batch_size": \d+/, '"batch_size": "two"'));
  await expect(page.getByText(/configuration 2d: batch_size: /)).toBeVisible();
  await expect(save).toBeDisabled();
  await editor.fill(mine.slice(0, -3));
  await expect(page.getByText(/is not valid JSON/)).toBeVisible();
  await editor.fill(mine);
  await save.click();
  await expect(page.getByRole('article', { name: 'mine of Dataset011_Scans' })).toBeVisible();
});

test('a file that only looks like plans is answered, and there is an example where there are none', async ({
  studio,
  workbench,
  page,
}) => {
  await studio.choose(workbench.write('plans.json', '{"configurations": {"2d": 3}}'));
  await expect(page.getByText(/plans\.json: plans_name: /)).toBeVisible();
  await page.getByRole('button', { name: 'Or look at an example' }).click();
  await expect(page.getByRole('region', { name: 'Configurations' })).toBeVisible();
});

test('a dataset is planned by another planner and for this GPU, its patch shown over a case, its plans moved', async ({
  studio,
  workbench,
  page,
}) => {
  await studio.choose(await writeRawDataset(workbench), 'Choose a folder');
  const steps = page.getByRole('region', { name: 'Steps' });
  await steps.getByRole('button', { name: 'Compute fingerprint' }).click({ timeout: 600_000 });
  await expect(steps.getByRole('listitem', { name: 'Fingerprint' })).toHaveAttribute('data-state', 'done', {
    timeout: 600_000,
  });

  await page.getByRole('link', { name: 'Plan', exact: true }).click();
  const plan = async (planner: string, fill: () => Promise<void> = async () => undefined) => {
    await page
      .getByRole('button', { name: /^(New plans|Plan a dataset)$/ })
      .first()
      .click();
    const dialog = page.getByRole('dialog', { name: 'New plans' });
    await dialog.getByRole('combobox', { name: 'Planner' }).click();
    await page.getByRole('option', { name: planner }).first().click();
    await fill();
    await dialog.getByRole('button', { name: 'Plan', exact: true }).click();
    await expect(dialog).toHaveCount(0, { timeout: 600_000 });
  };
  const article = (name: string) => page.getByRole('article', { name: `${name} of Dataset004_Hippocampus` });
  await plan('nnUNetPlannerResEncM');
  await expect(article('nnUNetResEncUNetMPlans')).toBeVisible();
  await expect(page.getByRole('row', { name: /^Network U-Net/ })).toContainText('residual encoder');
  await plan('ExperimentPlanner', async () => {
    await page.getByLabel('GPU memory target, GB').fill('4');
    await page.getByLabel('Target spacing, mm').fill('2 2 1');
    await page.getByLabel('Name of the plans').fill('coarse');
  });
  await expect(article('coarse')).toBeVisible();
  await expect(page.getByRole('row', { name: /^Spacing, mm/ })).toContainText('2 × 2 × 1');

  await plan('For this GPU', async () => {
    await page.getByLabel('Hours').fill('100000');
    await page.getByLabel('GPU memory, GB').fill('2');
  });
  await expect(article('nnUNetPlans_webgpu')).toBeVisible();
  const memory = page.getByRole('row', { name: /^GPU memory/ });
  await expect(memory).toContainText(/(1\.\d\d GB|\d+\.\d MB)/);
  await expect(page.getByText(/measured on this GPU/)).toBeVisible();

  await page.getByRole('button', { name: 'Show over a case' }).click();
  await studio.waitUntilShown();
  await page.getByRole('button', { name: 'Move the patch to the crosshair' }).click();
  await page.keyboard.press('Escape');

  await page
    .getByLabel('Choose plans files')
    .setInputFiles(
      workbench.write(
        'shared.json',
        scanPlans('Dataset011_Scans', plannerNamed('ExperimentPlanner'), [40, 60, 50]),
      ),
    );
  await expect(page.getByRole('article', { name: 'nnUNetPlans of Dataset011_Scans' })).toBeVisible();
  await page.getByRole('button', { name: 'Use for another dataset' }).click();
  const move = page.getByRole('dialog', { name: 'Use nnUNetPlans for another dataset' });
  await move.getByLabel('Name of the plans there').fill('coarse');
  await expect(move.getByText('has plans of that name already')).toBeVisible();
  await move.getByLabel('Name of the plans there').fill('fromScans');
  await move.getByRole('button', { name: 'Copy the plans' }).click();
  await expect(article('fromScans')).toBeVisible();

  await page.reload();
  const ofDataset = page.getByRole('region', { name: 'Dataset004_Hippocampus', exact: true });
  await expect(ofDataset.getByRole('link')).toHaveText([
    'coarse',
    'fromScans',
    'nnUNetPlans_webgpu',
    'nnUNetResEncUNetMPlans',
  ]);
  await expect(article('fromScans')).toBeVisible();
  const { file } = await studio.save('Download');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    dataset_name: 'Dataset004_Hippocampus',
    plans_name: 'fromScans',
    image_reader_writer: 'SimpleITKIO',
  });
});
