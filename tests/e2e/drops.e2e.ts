// Files that people drop in good faith and that are not what the place expects.
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { IMAGE_SHAPE, IMAGE_SPACING, phantomImage, phantomVoxels } from './files';
import { expect, test } from './studioPage';

test('a label map opens with its image, alone it is said; images without labels are answered; notices stay behind', async ({
  studio,
  workbench,
  page,
}) => {
  const labels = phantomVoxels(1, IMAGE_SHAPE).map((value) => (value > 800 ? 2 : value > 250 ? 1 : 0));
  const map = await writeVolume(labels, IMAGE_SHAPE, newGeometry(IMAGE_SHAPE, IMAGE_SPACING));
  const image = workbench.write('head_0000.nii.gz', await phantomImage());
  await studio.choose([image, workbench.write('head.nii.gz', map)]);
  await studio.waitUntilShown();
  await expect(page.getByRole('region', { name: 'Cases' }).getByRole('listitem')).toHaveCount(1);
  await expect(studio.segmentation.getByRole('row', { name: /label 2/ })).toBeVisible();
  await expect(studio.segmentation).toContainText('Given as head.nii.gz');

  await studio.choose(workbench.write('liver_seg.nii.gz', map));
  const note = page.getByText('liver_seg.nii.gz looks like a label map and is shown as an image');
  await expect(note).toBeVisible();
  await page.getByRole('link', { name: 'Data', exact: true }).click();
  await expect(note).toHaveCount(0);
  await page.getByRole('link', { name: 'Segment', exact: true }).click();
  await studio.waitUntilShown();
  await expect(note).toHaveCount(0);

  await page.getByRole('link', { name: 'Data', exact: true }).click();
  for (const [i, name] of ['anna', 'bert'].entries()) {
    workbench.write(`imagesTr/${name}_0000.nii.gz`, await phantomImage(2 + i));
  }
  await studio.drop(`${workbench.folder}/imagesTr`);
  const dialog = page.getByRole('dialog', { name: '2 images without label maps' });
  await expect(dialog).toContainText('anna_seg.nii.gz');
  await dialog.getByRole('button', { name: 'Open in Segment' }).click();
  await expect(page.getByRole('region', { name: 'Cases' })).toContainText('bert');

  await page.getByRole('link', { name: 'Train', exact: true }).click();
  await studio.drop(workbench.write('notes.bin', 'hello'));
  await expect(page.getByRole('alert')).toContainText('notes.bin is neither an image');
  await page.getByRole('link', { name: 'System', exact: true }).click();
  await expect(page.getByRole('alert')).toHaveCount(0);
  const storage = page.getByRole('region', { name: 'Storage' });
  await expect(storage).toContainText('Segmentations of cases');
  await expect(storage).toContainText('Other');
});
