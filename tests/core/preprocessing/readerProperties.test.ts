import { expect, test } from 'vitest';
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { readCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { caseProperties } from '@/core/preprocessing/readerProperties';
import type { Zyx } from '@/shared/geometry';

const SHAPE: Zyx = [2, 3, 4];

/** Keys of what `reader` tells of an image whose axes run to the right, the front and the top already. */
async function keysOf(reader: string): Promise<readonly string[]> {
  const bytes = await writeVolume(new Float32Array(24), SHAPE, newGeometry(SHAPE, [3, 2, 1]));
  const image = await readCase([memoryFile(bytes, 'a_0000.nii.gz')], reader);
  const properties = {
    spacing: image.spacing,
    spacingTransposed: image.spacing,
    shapeBeforeCropping: SHAPE,
    bboxUsedForCropping: [
      [0, 2],
      [0, 3],
      [0, 4],
    ] as const,
    shapeAfterCroppingAndBeforeResampling: SHAPE,
  };
  const [[, stuff]] = caseProperties(image, properties, reader);
  return stuff instanceof Map ? [...stuff.keys()] : [];
}

test.each([
  ['NibabelIO', ['original_affine']],
  ['NibabelIOWithReorient', ['original_affine', 'reoriented_affine']],
  ['SimpleITKIO', ['spacing', 'origin', 'direction']],
  ['SimpleITKIOWithReorient', ['spacing', 'origin', 'direction', 'original_orientation']],
])('%s tells what its writer asks for', async (reader, keys) => {
  expect(await keysOf(reader)).toEqual(keys);
});
