import { readFileSync } from 'node:fs';
import { readCase } from '@/core/io/nifti';
import { memoryFile } from '@/core/io/sourceFile';
import { IMAGE_SHAPE, IMAGE_SPACING, phantomImage } from './files';
import { expect, test } from './studioPage';

test('a dropped image and a model zip give a segmentation to save, and no request leaves the page', async ({
  studio,
  workbench,
}) => {
  const image = workbench.write('head.nii.gz', await phantomImage());
  const model = await workbench.writeModelZip('tiny.zip');
  await studio.choose([image, model]);
  await studio.waitUntilShown();
  await studio.segment();
  await expect(studio.segmentation).toContainText('organ');

  const { file, name } = await studio.save('Save NIfTI');
  expect(name).toBe('head.nii.gz');
  const saved = await readCase([memoryFile(readFileSync(file), name)], 'SimpleITKIO');
  expect(saved.shape).toEqual(IMAGE_SHAPE);
  expect(saved.spacing).toEqual(IMAGE_SPACING);
  expect(new Set(saved.data).size).toBeGreaterThan(1);
  expect(studio.requests).toEqual([]);
});
