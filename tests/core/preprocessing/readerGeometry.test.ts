import { expect, test } from 'vitest';
import { writePickle } from '@/core/interop/torchWriter';
import { readAsStored, readCase, writeCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { geometryOfProperties } from '@/core/preprocessing/readerGeometry';
import { caseProperties } from '@/core/preprocessing/readerProperties';
import type { Zyx } from '@/shared/geometry';
import { niftiFile } from '../../support/nifti';

const SHAPE: Zyx = [2, 3, 4];
const LABELS = Uint8Array.from({ length: 24 }, (_, i) => i % 3);

/** Turned about z, with an origin of its own. */
const IMAGE = niftiFile({
  dim: [4, 3, 2],
  type: 'float32',
  pixdim: [1.5, 2, 3],
  sform: {
    code: 1,
    rows: [
      [0, -2, 0, 10],
      [1.5, 0, 0, -20],
      [0, 0, 3, 30],
    ],
  },
});

const facts = async (content: Uint8Array) => {
  const { shape, spacing, data, geometry } = await readAsStored([memoryFile(content, 'map.nii.gz')]);
  if (geometry.format !== 'nifti') throw new Error('a NIfTI file was written');
  const view = new DataView(geometry.header.buffer, geometry.header.byteOffset);
  const rows = Array.from({ length: 12 }, (_, i) => view.getFloat32(280 + 4 * i, true));
  return { shape, spacing, data: [...data], rows };
};

async function propertiesBy(reader: string) {
  const image = await readCase([memoryFile(IMAGE, 'a_0000.nii')], reader);
  const properties = {
    spacing: image.spacing,
    spacingTransposed: image.spacing,
    shapeBeforeCropping: SHAPE,
    bboxUsedForCropping: [[0, 2] as const, [0, 3] as const, [0, 4] as const] as const,
    shapeAfterCroppingAndBeforeResampling: SHAPE,
  };
  const entries = new Map(caseProperties(image, properties, reader));
  return { image, file: memoryFile(writePickle(entries), 'a.pkl') };
}

test.each(['SimpleITKIO', 'NibabelIO'])(
  'a label map lies as its image by what %s left in the .pkl',
  async (reader) => {
    const { image, file } = await propertiesBy(reader);
    const geometry = await geometryOfProperties(file, SHAPE);
    const [fromPickle] = await writeCase(LABELS, SHAPE, geometry, { ending: '.nii.gz' });
    const [fromImage] = await writeCase(LABELS, SHAPE, image.geometry, { ending: '.nii.gz' });
    const [actual, expected] = [await facts(fromPickle.content), await facts(fromImage.content)];
    expect({ ...actual, rows: [] }).toEqual({ ...expected, rows: [] });
    actual.rows.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.rows[i], 5);
    });
    expect(expected.rows.slice(0, 4)).toEqual([0, -2, 0, 10]);
  },
);

test.each([
  ['nothing', new Map()],
  ['half of it', new Map([['sitk_stuff', new Map([['spacing', [1, 1, 1]]])]])],
])('a .pkl with %s of the place is refused', async (_, value) => {
  const file = memoryFile(writePickle(value), 'a.pkl');
  await expect(geometryOfProperties(file, SHAPE)).rejects.toMatchObject({ name: 'BadProperties' });
});
