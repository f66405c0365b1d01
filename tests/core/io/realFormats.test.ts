// Real pictures, volumes and DICOM files of the optional test-data folder next to the project.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { findCases } from '@/core/io/cases';
import { parseNiftiHeader } from '@/core/io/niftiHeader';
import { niftiGeometryOf } from '@/core/io/niftiWriter';
import { decodePng } from '@/core/io/png';
import { readAsStored, readCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { decodeTiff } from '@/core/io/tiff';
import { folderFiles } from '../../support/diskFiles';

const DATA = path.resolve(import.meta.dirname, '../../../../shared/data');
const at = (name: string) => path.join(DATA, name);
const open = (name: string) => memoryFile(new Uint8Array(readFileSync(at(name))), path.basename(name));
const inDicom = (name: string) => open(`dicom/single-files/${name}`);

/** SHA-1, first ten digits, of the float32 array that scikit-image's imread gives (Pillow for the LZW one). */
const PICTURES = [
  ['readers/png-tif/sub-png_sample-16gray_SEM.png', [256, 256], '723b04add9'],
  ['readers/png-tif/sub-png_sample-16rgb_SEM.png', [256, 256, 3], '41da64b195'],
  ['readers/png-tif/sub-png_sample-8gray_SEM.png', [266, 278], 'dc8a9cb4d7'],
  ['readers/png-tif/sub-png_sample-8grayalhpa_SEM.png', [266, 278, 2], 'd1ed77e1f6'],
  ['readers/png-tif/sub-png_sample-8rgb_SEM.png', [256, 256, 3], '41da64b195'],
  ['readers/png-tif/sub-png_sample-8rgba_SEM.png', [256, 256, 4], '77669b2a7a'],
  ['readers/png-tif/sub-tif_sample-16gray_SEM.tif', [256, 256], '723b04add9'],
  ['readers/png-tif/sub-tif_sample-16rgb_SEM.tif', [256, 256, 3], 'a2c42d5d73'],
  ['readers/png-tif/sub-tif_sample-8gray_SEM.tif', [256, 256], '148a48e95b'],
  ['readers/png-tif/sub-tif_sample-8rgb_SEM.tif', [256, 256, 3], '41da64b195'],
  ['readers/png-tif/sub-tif_sample-8rgba_SEM.tif', [256, 256, 4], '77669b2a7a'],
  ['readers/tiff-stack/img3d.tif', [31, 61, 57], '87f9dd0625'],
  ['readers/tiff-stack/mask3d.tif', [31, 61, 57], '54eff98a90'],
  ['chasedb1-retina/Image_01L_1stHO.png', [960, 999], 'fc6003fc4f'],
  ['drive-retina/21_training.tif', [584, 565, 3], '63090c410e'],
] as const;

describe.skipIf(!existsSync(DATA))('real files', () => {
  test.for(PICTURES)('%s as Python reads it', async ([name, shape, sha1]) => {
    const { path: shown, bytes } = open(name);
    const raster = await (name.endsWith('.png')
      ? decodePng(await bytes(), shown)
      : decodeTiff(memoryFile(await bytes(), shown)));
    expect(raster.shape).toEqual(shape);
    const values = Float32Array.from(raster.data);
    expect(createHash('sha1').update(new Uint8Array(values.buffer)).digest('hex').slice(0, 10)).toBe(sha1);
  });

  test.each(['isbi2012-em/images', 'isbi2012-em/labels'])(
    'all slices of %s are grey pictures',
    async (folder) => {
      const files = folderFiles(at(folder));
      expect(files).toHaveLength(18);
      for (const file of files) {
        expect((await readCase([file], 'NaturalImage2DIO')).shape).toEqual([1, 512, 512]);
      }
    },
  );

  test('photographs in JPEG are refused for their loss', async () => {
    const photograph = open('chasedb1-retina/Image_01L.jpg');
    await expect(readCase([photograph], 'NaturalImage2DIO')).rejects.toMatchObject({ name: 'LossyImage' });
  });

  const NRRD = 'readers/nrrd-mha';

  test('NRRD raw, gzip and detached hold the same image', async () => {
    const ball = `${NRRD}/BallBinary30x30x30`;
    const images = await Promise.all(
      [[`${ball}.nrrd`], [`${ball}_gz.nrrd`], [`${ball}.nhdr`, `${ball}.raw`]].map((names) =>
        readAsStored(names.map(open)),
      ),
    );
    for (const image of images) {
      expect(image.shape).toEqual([30, 30, 30]);
      expect(image.data).toEqual(images[0].data);
      expect(image.geometry).toEqual(images[0].geometry);
    }
    await expect(readAsStored([open(`${ball}_bz2.nrrd`)])).rejects.toMatchObject({
      name: 'UnsupportedCompression',
    });
  });

  test('FLAIR in NRRD and in NIfTI is the same image in the same place', async () => {
    const nrrd = await readCase([open(`${NRRD}/FLAIR.nrrd`)], 'NibabelIOWithReorient');
    const nifti = await readCase([open('nifti-zoo/niivue/FLAIR.nii.gz')], 'NibabelIOWithReorient');
    expect(nrrd.shape).toEqual(nifti.shape);
    expect(Buffer.from(nrrd.data.buffer).equals(Buffer.from(nifti.data.buffer))).toBe(true);
    nrrd.spacing.forEach((size, i) => {
      expect(size).toBeCloseTo(nifti.spacing[i], 5);
    });
  });

  test('MHA, 2D and 4D NRRD', async () => {
    expect((await readAsStored([open(`${NRRD}/mha.mha`)])).shape).toEqual([37, 64, 64]);
    expect((await readAsStored([open(`${NRRD}/test2d_ascii.nrrd`)])).shape).toEqual([1, 9, 3]);
    expect((await readAsStored([open(`${NRRD}/test_simple4d_raw.nrrd`)])).channels).toBe(1);
    await expect(readAsStored([open(`${NRRD}/test_customFields.nrrd`)])).rejects.toMatchObject({
      name: 'UnsupportedShape',
    });
  });

  test('a CT series packed as JPEG 2000 lies where its published segmentation does', async () => {
    const { cases, ignored } = await findCases(folderFiles(at('dicom/ct-series')));
    expect(ignored).toEqual([]);
    expect(cases.map(({ files }) => files.length)).toEqual([20]);
    const image = await readCase(cases[0].files, 'SimpleITKIO');
    const label = gunzipSync(readFileSync(at('ct/totalsegmentator/example_seg_dicom.nii.gz')));
    const expected = parseNiftiHeader(new Uint8Array(label), 'label');
    expect([...image.shape].reverse()).toEqual(expected.dim);
    const { sform } = parseNiftiHeader(niftiGeometryOf(image.geometry, image.shape).header, 'image');
    sform.flat().forEach((value, i) => {
      expect(value).toBeCloseTo(expected.sform.flat()[i], 4);
    });
  });

  test('an MR series of 32 files', async () => {
    const { cases } = await findCases(folderFiles(at('dicom/hippocampus-crop-series/Study1')));
    expect(cases.map(({ caseId }) => caseId)).toEqual(['HippoCrop']);
    expect((await readCase(cases[0].files, 'SimpleITKIO')).shape).toEqual([32, 51, 35]);
  });

  test('one picture in six transfer syntaxes', async () => {
    const plain = await readAsStored([inDicom('MR_small.dcm')]);
    for (const syntax of ['RLE', 'bigendian', 'implicit', 'jp2klossless', 'padded']) {
      expect((await readAsStored([inDicom(`MR_small_${syntax}.dcm`)])).data, syntax).toEqual(plain.data);
    }
  });

  test('an enhanced file is a volume by itself', async () => {
    const image = await readAsStored([inDicom('enh.dcm')]);
    expect(image.shape).toEqual([6, 64, 64]);
    expect(image.spacing).toEqual([2.4000000000000004, 3.375, 3.375].map((size) => expect.closeTo(size, 4)));
  });

  test.each([
    ['ExplVR_BigEnd.dcm', 'UnsupportedVoxelType'],
    ['JPEG-lossy.dcm', 'UnsupportedCompression'],
    ['MR_truncated.dcm', 'BadDicom'],
    ['SC_rgb_rle_16bit.dcm', 'UnsupportedVoxelType'],
    ['SC_rgb_small_odd.dcm', 'UnsupportedVoxelType'],
    ['examples_jpeg2k.dcm', 'UnsupportedVoxelType'],
    ['no_meta.dcm', 'BadDicom'],
    ['rtstruct.dcm', 'NotAnImage'],
  ])('%s is refused: %s', async (name, code) => {
    await expect(readAsStored([inDicom(name)])).rejects.toMatchObject({ name: code });
  });
});
