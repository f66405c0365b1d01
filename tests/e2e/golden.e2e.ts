// A real image and a real model folder against the file that nnU-Net itself wrote, where `../shared` is there.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { shareOfEqualVoxels } from './compare';
import { expect, test } from './studioPage';
import { expectMouseWorks } from './viewerMouse';

const SHARED = path.resolve('../shared');
const CHECKPOINTS = path.join(SHARED, 'golden/checkpoint');
/** Mirroring off, first fold, Gaussian on, step 0.5. */
const VARIANT = 'predictions_notta';

interface RealCase {
  readonly model: string;
  readonly image: string;
  readonly expected: string;
  readonly sizeInBytes: number;
}

/** Single-channel test images that are also among the real data, with every 3d model of their dataset. */
function realCases(): readonly RealCase[] {
  const real = new Set(filesBelow(path.join(SHARED, 'data')).map((file) => path.basename(file)));
  return foldersIn(CHECKPOINTS).flatMap((dataset) => {
    const images = filesBelow(path.join(dataset, 'imagesTs'));
    const models = foldersIn(dataset).filter((folder) => /__3d_(fullres|lowres)$/.test(folder));
    return models.flatMap((model) =>
      images.flatMap((image) => {
        const name = path.basename(image).replace('_0000', '');
        const expected = path.join(model, VARIANT, name);
        const isUsable = (real.has(name) || real.has(path.basename(image))) && existsSync(expected);
        return isUsable ? [{ model, image, expected, sizeInBytes: statSync(image).size }] : [];
      }),
    );
  });
}

function foldersIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(folder, entry.name));
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

test('a real image and a real model folder give the segmentation of nnU-Net', {
  tag: '@conformance',
}, async ({ studio, page }) => {
  test.setTimeout(900_000);
  const [smallest] = [...realCases()].sort((a, b) => a.sizeInBytes - b.sizeInBytes);
  test.skip(!smallest, 'needs the test-data folder ../shared');
  await studio.choose(smallest.image);
  await studio.waitUntilShown();
  await studio.choose(smallest.model, 'Choose a folder');
  await page.getByRole('button', { name: /^Settings/ }).click();
  await studio.turn(/Mirroring/, false);
  const folds = page.getByRole('group', { name: 'Folds' }).locator('label');
  for (let i = 1; i < (await folds.count()); i++) await folds.nth(i).click();
  await studio.panel.getByRole('button', { name: 'Segment', exact: true }).click();
  await expect(studio.segmentation).toBeVisible({ timeout: 600_000 });
  await expectMouseWorks(page);

  const { file } = await studio.save('Save segmentation');
  const share = shareOfEqualVoxels(readFileSync(file), readFileSync(smallest.expected));
  test.info().annotations.push({ type: 'equal voxels', description: `${(100 * share).toFixed(4)} %` });
  expect(share).toBeGreaterThanOrEqual(0.9998);
  expect(studio.requests).toEqual([]);
});
