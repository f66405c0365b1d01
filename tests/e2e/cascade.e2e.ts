import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cascadePlansJson, type ModelFolderOptions } from '../support/modelFolder';
import { headerOf, labelsOf, shareOfEqualVoxels } from './compare';
import { phantomImage } from './files';
import { expect, test } from './studioPage';

const plans = cascadePlansJson();
const optionsOf = (configuration: string): ModelFolderOptions => ({
  folder: `nnUNetTrainer__nnUNetPlans__${configuration}`,
  plans,
  configuration,
  folds: ['0', '1'],
});

test('a cascade says what it lacks, then runs both stages and gives the file that the command gives', async ({
  studio,
  workbench,
  page,
}) => {
  const image = workbench.write('in/head_0000.nii.gz', await phantomImage());
  const second = await workbench.writeModelZip('second.zip', optionsOf('3d_cascade_fullres'));
  await studio.choose([image, second]);
  await studio.waitUntilShown();
  const model = page.getByRole('region', { name: 'Model' });
  await expect(model).toContainText('add the 3d_lowres model of Dataset001_Tiny too');
  await expect(model.getByRole('button', { name: 'Segment', exact: true })).toBeDisabled();
  await page.getByRole('link', { name: 'Models' }).click();
  await expect(page.getByRole('article')).toContainText('add the 3d_lowres model');

  await studio.choose(await workbench.writeModelZip('first.zip', optionsOf('3d_lowres')));
  const card = page.getByRole('article', { name: 'Dataset001_Tiny · 3d_cascade_fullres' });
  await expect(card).toContainText('runs after 3d_lowres');
  await card.getByRole('button', { name: 'Use' }).click();
  await expect(model.getByRole('list', { name: 'Stages' }).getByRole('listitem')).toHaveText([
    /^3d_lowres, voxels 2 × 2 × 3 mm/,
    /^3d_cascade_fullres, voxels 1 × 1 × 3 mm/,
  ]);
  // Random weights: fold 1 of both stages happens to draw several labels.
  await page.getByRole('button', { name: /^Settings/ }).click();
  await page.getByRole('group', { name: 'Folds' }).getByText('0').click();
  await studio.segment();
  await expect(studio.segmentation).toContainText('3d_cascade_fullres after Dataset001_Tiny · 3d_lowres');
  const { file } = await studio.save('Save segmentation');

  for (const configuration of ['3d_lowres', '3d_cascade_fullres'])
    await workbench.writeModel('models', optionsOf(configuration));
  const output = path.join(workbench.folder, 'out');
  const folder = path.join(workbench.folder, 'models', 'nnUNetTrainer__nnUNetPlans__3d_cascade_fullres');
  const options = ['-i', path.dirname(image), '-o', output, '-m', folder, '-f', '1'];
  execFileSync(process.execPath, ['bin/nnstudio.mjs', 'predict', ...options], { stdio: 'ignore' });
  const expected = readFileSync(path.join(output, 'head.nii.gz'));
  const saved = readFileSync(file);
  expect(headerOf(saved)).toEqual(headerOf(expected));
  expect(shareOfEqualVoxels(saved, expected)).toBeGreaterThanOrEqual(0.9998);
  expect(new Set(labelsOf(saved)).size).toBeGreaterThan(1);
});
