// Files that people drop in good faith and that are not what the place expects.
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { IMAGE_SHAPE, IMAGE_SPACING, phantomImage, phantomVoxels } from './files';
import { expect, test } from './studioPage';

test('a label map joins its image, alone it is said; images without labels are a dataset that gets them later; notices stay behind', async ({
  studio,
  workbench,
  page,
}) => {
  const labels = phantomVoxels(1, IMAGE_SHAPE).map((value) => (value > 800 ? 2 : value > 250 ? 1 : 0));
  const map = await writeVolume(labels, IMAGE_SHAPE, newGeometry(IMAGE_SHAPE, IMAGE_SPACING));
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose(image);
  await studio.waitUntilShown();
  await studio.choose(workbench.write('head.nii.gz', map));
  await expect(page.getByRole('region', { name: 'Cases' }).getByRole('listitem')).toHaveCount(1);
  await expect(studio.segmentation.getByRole('row', { name: /label 2/ })).toBeVisible();
  await expect(studio.segmentation).toContainText('Given as head.nii.gz');

  await studio.choose(workbench.write('liver_seg.nii.gz', map));
  const alone = page.getByText('liver_seg.nii.gz looks like a label map and is shown as an image');
  await expect(alone).toBeVisible();
  await page.getByRole('link', { name: 'Data', exact: true }).click();
  await expect(alone).toHaveCount(0);
  await page.getByRole('link', { name: 'Segment', exact: true }).click();
  await studio.waitUntilShown();
  await expect(alone).toHaveCount(0);

  await page.getByRole('link', { name: 'Data', exact: true }).click();
  for (const [i, name] of ['anna', 'bert'].entries()) {
    workbench.write(`imagesTr/${name}_0000.nii.gz`, await phantomImage(2 + i));
  }
  await studio.drop(`${workbench.folder}/imagesTr`);
  const dialog = page.getByRole('dialog', { name: 'A new dataset' });
  await expect(dialog).toContainText('2 images (anna, bert; .nii.gz) without label maps');
  await dialog.getByLabel('Name', { exact: true }).fill('Heads');
  await dialog.getByLabel('Name of channel 0').fill('MRI');
  await dialog.getByRole('button', { name: 'Import 2 cases' }).click();
  const note = page.getByRole('region', { name: 'Cases without a label map' });
  await expect(note).toContainText('No case has a label map yet (2 cases)');
  await expect(page.getByRole('listitem', { name: 'Check' })).toContainText(
    '2 of 2 cases without a label map',
  );
  await page.getByRole('link', { name: 'bert', exact: true }).click();
  await studio.waitUntilShown();
  await expect(page.getByText('No label map', { exact: true })).toBeVisible();
  await page.getByRole('link', { name: 'Heads' }).click();

  const short = IMAGE_SHAPE.with(0, IMAGE_SHAPE[0] - 1) as [number, number, number];
  const cut = labels.subarray(0, short[0] * short[1] * short[2]);
  workbench.write('labelsTr/anna.nii.gz', map);
  workbench.write('labelsTr/bert.nii.gz', await writeVolume(cut, short, newGeometry(short, IMAGE_SPACING)));
  await studio.drop(`${workbench.folder}/labelsTr`);
  const joining = page.getByRole('dialog', { name: 'Add label maps' });
  await expect(joining).toContainText('bert.nii.gz: its size of');
  await joining.getByLabel('Name of label 1').fill('brain');
  await joining.getByRole('button', { name: 'Add 1 label map' }).click();
  await expect(note).toContainText('1 of 2 cases without a label map');
  await page.reload();
  await expect(note).toContainText('1 of 2 cases without a label map');
  const row = page.getByRole('table', { name: 'Cases' }).getByRole('row');
  await expect(row.filter({ hasText: 'bert' })).toContainText('no label map');
  await expect(row.filter({ hasText: 'anna' })).toContainText('ok');

  await page.getByRole('link', { name: 'Train', exact: true }).click();
  await studio.drop(workbench.write('notes.bin', 'hello'));
  await expect(page.getByRole('alert')).toContainText('notes.bin is not a file nnStudio can read');
  await page.getByRole('link', { name: 'System', exact: true }).click();
  await expect(page.getByRole('alert')).toHaveCount(0);
  const storage = page.getByRole('region', { name: 'Storage' });
  await expect(storage).toContainText('Segmentations of cases');
  await expect(storage).toContainText('Other');
});
