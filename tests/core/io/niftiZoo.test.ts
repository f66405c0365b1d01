// Real and broken files of the optional test-data folder next to the project.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { groupIntoCases } from '@/core/io/cases';
import type { MedicalImage } from '@/core/io/medicalImage';
import { readNiftiHeader } from '@/core/io/nifti';
import { writeSegmentation } from '@/core/io/niftiWriter';
import { readCase } from '@/core/io/readers';
import { sniff } from '@/core/io/sniff';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';

const shared = path.resolve(import.meta.dirname, '../../../../shared');

function filesBelow(folder: string): readonly SourceFile[] {
  const root = path.join(shared, folder);
  if (!existsSync(root)) return [];
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(nii|hdr|img)(\.gz)?$/.test(name),
  );
  return names.toSorted().map((name) => memoryFile(readFileSync(path.join(root, name)), name));
}

/** Reads, writes a segmentation of the image's own values and reads that: the same grid, and what was written. */
async function expectRoundTrip(image: MedicalImage, reader: string, name: string): Promise<void> {
  const voxels = image.data.length / image.channels;
  const labels = Uint16Array.from({ length: voxels }, (_, i) => Math.abs(image.data[i]) % 300);
  const bytes = gunzipSync(await writeSegmentation(labels, image.shape, image.geometry));
  const written = await readCase([memoryFile(bytes, name)], reader);
  expect(written.shape, name).toEqual(image.shape);
  expect(written.spacing, name).toEqual(image.spacing);
  expect(
    written.data.every((value, i) => value === labels[i]),
    name,
  ).toBe(true);
}

const zoo = filesBelow('data/nifti-zoo');
const READERS = ['SimpleITKIO', 'SimpleITKIOWithReorient', 'NibabelIO', 'NibabelIOWithReorient'];

/** The code of the error that reading gives for the files that are broken or hold no images of numbers. */
const REFUSED: Readonly<Record<string, string>> = {
  'derived/empty.nii.gz': 'BadNifti',
  'derived/header_only.nii': 'TruncatedFile',
  'derived/truncated_data.nii': 'TruncatedFile',
  'derived/truncated_stream.nii.gz': 'TruncatedFile',
  'derived/nan_inf.nii.gz': 'NotFinite',
  'nipy/resampled_anat_moved.nii': 'NotFinite',
  'ivadomed/rgb_test_file.nii.gz': 'UnsupportedVoxelType',
  'niivue/ct_perfusion.nii.gz': 'UnsupportedVoxelType',
  'niivue/complex_image.nii.gz': 'UnsupportedVoxelType',
  'rii-mango/5D_small.nii': 'UnsupportedShape',
  'rii-mango/not-nifti.nii': 'BadNifti',
};

describe.skipIf(zoo.length === 0)('../shared/data/nifti-zoo', () => {
  const { cases, ignored } = groupIntoCases(zoo);
  const named = cases.map(({ files, caseId }) => ({ name: files[0].path, files, caseId }));
  const refused = named.filter(({ name }) => name in REFUSED);
  const good = named.filter(({ name }) => !(name in REFUSED));

  test('every file is a case', () => {
    expect(ignored).toEqual([]);
    expect(cases.flatMap(({ files }) => files).length).toBe(zoo.length);
  });

  test.each(refused)('$name is refused with its name', async ({ name, files }) => {
    for (const reader of READERS) {
      await expect(readCase(files, reader)).rejects.toMatchObject({
        name: REFUSED[name],
        message: expect.stringContaining(name),
      });
    }
  });

  test.each(good)('$name is read and written back', async ({ name, files }) => {
    const { dim } = await readNiftiHeader(files[0]);
    for (const reader of dim.length === 3 ? READERS : ['SimpleITKIO']) {
      await expectRoundTrip(await readCase(files, reader), reader, name);
    }
    expect(await sniff(files[0])).toMatch(/^nifti/);
  });

  test('one brain in many axis orders is one image after reorientation', async () => {
    const orders = named.filter(({ name }) => name.startsWith('orientations/'));
    expect(orders.length).toBeGreaterThan(1);
    const images = await Promise.all(orders.map(({ files }) => readCase(files, 'NibabelIOWithReorient')));
    for (const [i, { caseId, files }] of orders.entries()) {
      expect((await readNiftiHeader(files[0])).orientation).toBe(caseId);
      expect(images[i].shape).toEqual(images[0].shape);
      expect(
        Buffer.compare(new Uint8Array(images[i].data.buffer), new Uint8Array(images[0].data.buffer)),
        caseId,
      ).toBe(0);
    }
  });
});

const golden = filesBelow('golden');

describe.skipIf(golden.length === 0)('images of ../shared/golden', () => {
  test.each(['SimpleITKIO', 'NibabelIOWithReorient'])(
    'all are read and written back by %s',
    async (reader) => {
      for (const file of golden) await expectRoundTrip(await readCase([file], reader), reader, file.path);
    },
  );
});
