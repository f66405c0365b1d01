// Segmentations evaluated: two folders dropped, one deliberate error in them, found and looked at.
import { readFileSync } from 'node:fs';
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { writeCase } from '@/core/io/readers';
import { elementCount, type Zyx } from '@/shared/geometry';
import { EvaluatePage } from './evaluatePage';
import type { Workbench } from './files';
import { expect, test } from './studioPage';
import { expectMouseWorks } from './viewerMouse';

const SHAPE: Zyx = [12, 16, 18];
/** Of the two boxes, the second behind the first. */
const BOXES = { front: [2, 3, 3, 8, 9, 8], back: [2, 3, 10, 8, 9, 15] } as const;

/** Label 1 in front, 2 behind; `missing` leaves one of them out. */
function labelMap(missing?: number): Uint8Array {
  const map = new Uint8Array(elementCount(SHAPE));
  for (const [i, [z0, y0, x0, z1, y1, x1]] of [BOXES.front, BOXES.back].entries()) {
    if (i + 1 === missing) continue;
    for (let z = z0; z < z1; z++) {
      for (let y = y0; y < y1; y++) {
        map.fill(i + 1, (z * SHAPE[1] + y) * SHAPE[2] + x0, (z * SHAPE[1] + y) * SHAPE[2] + x1);
      }
    }
  }
  return map;
}

async function writeMap(bench: Workbench, path: string, map: Uint8Array): Promise<void> {
  const [{ content }] = await writeCase(map, SHAPE, newGeometry(SHAPE, [2, 1, 1]), { ending: '.nii.gz' });
  bench.write(path, content);
}

/** Four cases; one is predicted without its back, one has no prediction, and one prediction no reference. */
async function writeFolders(bench: Workbench): Promise<void> {
  for (const i of [1, 2, 3, 4]) await writeMap(bench, `labelsTs/case_${i}.nii.gz`, labelMap());
  for (const i of [1, 3, 5]) await writeMap(bench, `predicted/case_${i}.nii.gz`, labelMap());
  await writeMap(bench, 'predicted/case_2.nii.gz', labelMap(2));
  const image = Float32Array.from(labelMap(), (label) => 100 + 50 * label);
  const volume = await writeVolume(image, SHAPE, newGeometry(SHAPE, [2, 1, 1]));
  for (const i of [1, 2, 3]) bench.write(`images/case_${i}_0000.nii.gz`, volume);
  const json = {
    channel_names: { '0': 'MRI' },
    labels: { background: 0, Front: 1, Back: 2 },
    numTraining: 0,
    file_ending: '.nii.gz',
  };
  bench.write('labelsTs/dataset.json', JSON.stringify(json));
}

test('dropped predictions are paired with references, evaluated, and the error is a click away', async ({
  studio,
  workbench,
}) => {
  const { page } = studio;
  await writeFolders(workbench);
  const evaluate = new EvaluatePage(page);
  await evaluate.open();
  await evaluate.drop('Predictions', `${workbench.folder}/predicted`);
  await evaluate.drop('References', `${workbench.folder}/labelsTs`);
  await evaluate.drop('Images', `${workbench.folder}/images`);
  const pairs = page.getByRole('status', { name: 'Pairs' });
  await expect(pairs).toContainText('3 cases matched by name: case_1, case_2, case_3');
  await expect(pairs).toContainText('2 files left out');
  await expect(pairs).toContainText('Front, Back. All with an image.');

  await page.getByRole('button', { name: 'Evaluate 3 cases' }).click();
  await expect(page.getByText('done', { exact: true })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'predicted against labelsTs' })).toBeVisible();
  await expect(evaluate.means.getByRole('row', { name: /^Back/ })).toContainText('0.6667');
  expect(await evaluate.worst()).toEqual([
    'case_2',
    'Back',
    '0.0000',
    '0.0000',
    '0.0000',
    '∞',
    '0',
    '0',
    '180',
    '0',
    '0.360',
  ]);

  await page.reload();
  await expect(evaluate.cases.getByRole('link', { name: 'case_2' })).toHaveCount(2);
  const summary = JSON.parse(readFileSync(await evaluate.save('summary.json'), 'utf8'));
  expect(summary.foreground_mean.Dice).toBeCloseTo(5 / 6, 12);
  expect(summary.metric_per_case[1].metrics['2']).toMatchObject({ Dice: 0, FN: 180, n_ref: 180 });
  expect(summary.metric_per_case[1].prediction_file).toBe('predicted/case_2.nii.gz');
  const table = readFileSync(await evaluate.save('Table, CSV'), 'utf8').split('\n');
  expect(table[4]).toBe(`case_2,2,Back,0,0,0,inf,0,0,180,${elementCount(SHAPE) - 180},0,180,0,0.36`);

  await evaluate.cases.getByRole('link', { name: 'case_2' }).first().click();
  await studio.waitUntilShown();
  await expect(page.getByText('only in the reference').first()).toBeVisible();
  await expect(page.getByRole('region', { name: 'Under the crosshair' })).toContainText(
    'only in the reference',
  );
  await page.keyboard.press('p');
  await expect(page.getByRole('region', { name: 'Under the crosshair' })).toContainText('background');
  await page.keyboard.press('r');
  await expect(page.getByRole('region', { name: 'Under the crosshair' })).toContainText('Back');
  await expectMouseWorks(page);
  await page.getByRole('button', { name: 'Next better case' }).click();
  await expect(page.getByRole('heading', { name: 'case_2' })).toHaveCount(0);
  await studio.waitUntilShown();
  await expectMouseWorks(page);
});
