// A dataset that nnU-Net 2.8.1 preprocessed, dropped on the studio and trained from as it lies there (.b2nd files).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from './studioPage';

const DATASET = 'Dataset200_mr_iso';
const source = path.resolve('../shared/golden/b2nd', DATASET);

/** Its own plans with a network that a processor trains in seconds. */
function shrunkPlans(text: string): string {
  const plans = JSON.parse(text);
  const { '3d_fullres': fullres } = plans.configurations;
  Object.assign(fullres.architecture.arch_kwargs, {
    n_stages: 2,
    features_per_stage: [4, 8],
    kernel_sizes: [
      [3, 3, 3],
      [3, 3, 3],
    ],
    strides: [
      [1, 1, 1],
      [2, 2, 2],
    ],
    n_conv_per_stage: [1, 1],
    n_conv_per_stage_decoder: [1],
  });
  return JSON.stringify({ ...plans, configurations: { '3d_fullres': fullres } });
}

test('a preprocessed dataset is trained from without its images', async ({ studio, workbench }) => {
  test.skip(!existsSync(source), 'the golden data are not there');
  const { page } = studio;
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const content = readFileSync(file);
    const isPlans = entry.name === 'nnUNetPlans.json';
    workbench.write(
      `${DATASET}/${path.relative(source, file)}`,
      isPlans ? shrunkPlans(content.toString()) : content,
    );
  }
  await studio.drop(path.join(workbench.folder, DATASET));
  await expect(page.getByRole('heading', { name: 'mr_iso', level: 1 })).toBeVisible();
  const steps = page.getByRole('region', { name: 'Steps' }).getByRole('listitem');
  for (const name of ['Check', 'Fingerprint', 'Plan', 'Preprocess']) {
    await expect(steps.filter({ hasText: name }).first()).toHaveAttribute('data-state', 'done');
  }

  await page.getByRole('link', { name: 'Train' }).click();
  await page.getByRole('button', { name: 'Train on a dataset' }).click();
  const form = page.getByRole('dialog', { name: 'New training' });
  await form.getByRole('checkbox', { name: 'all cases' }).check();
  await form.getByRole('radio', { name: /Custom/ }).check();
  await form.getByRole('textbox', { name: 'Epochs' }).fill('1');
  await form.getByRole('textbox', { name: 'Iterations per epoch' }).fill('2');
  await form.getByRole('button', { name: 'Train', exact: true }).click();
  const table = page.getByRole('table', { name: 'Validation cases' });
  await expect(table.getByRole('link')).toHaveCount(4, { timeout: 300_000 });
});
