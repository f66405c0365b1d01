import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readNiftiHeader } from '@/core/io/nifti';
import { newGeometry, writeSegmentation, writeVolume } from '@/core/io/niftiWriter';
import { readCase } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { type NiftiSpec, niftiFile } from '../../support/nifti';

const OBLIQUE: NiftiSpec = {
  dim: [4, 3, 2],
  pixdim: [0.9, 1.1, 3.3],
  qform: { code: 1, quaternion: [0.1, 0.2, -0.3], offset: [11, -12, 13], qfac: -1 },
  sform: {
    code: 2,
    rows: [
      [-0.9, 0.1, 0, 5],
      [0.2, -1.1, 0.3, 6],
      [0, 0.1, 3.2, 7],
    ],
  },
  units: 10,
  slope: 2,
  intercept: -5,
  intentCode: 1007,
  calMax: 99,
  description: 'scanner X',
};

const LABELS = Uint8Array.from({ length: 24 }, (_, i) => (i * 7) % 5);

/** Byte ranges of a NIfTI-1 header that say how the image lies: pixdim, units, codes to srow. */
const GEOMETRY_1 = [
  [76, 108],
  [123, 124],
  [252, 328],
] as const;
/** The same in NIfTI-2. */
const GEOMETRY_2 = [
  [104, 168],
  [344, 496],
  [500, 504],
] as const;

async function written(spec: NiftiSpec, reader: string, labels: Uint8Array | Uint16Array = LABELS) {
  const input = niftiFile(spec);
  const image = await readCase([memoryFile(input, 'a.nii')], reader);
  const output = gunzipSync(await writeSegmentation(labels, image.shape, image.geometry));
  return { input, image, output: new Uint8Array(output) };
}

describe.each([
  { version: 1, littleEndian: true },
  { version: 1, littleEndian: false },
  { version: 2, littleEndian: true },
  { version: 2, littleEndian: false },
] as const)('a segmentation, NIfTI-$version, little-endian $littleEndian', ({ version, littleEndian }) => {
  const spec: NiftiSpec = { ...OBLIQUE, version, littleEndian };

  test("has the input's geometry to the byte and none of its values' meaning", async () => {
    const { input, output } = await written(spec, 'SimpleITKIO');
    for (const [from, to] of version === 1 ? GEOMETRY_1 : GEOMETRY_2) {
      expect(output.subarray(from, to)).toEqual(input.subarray(from, to));
    }
    const facts = await readNiftiHeader(memoryFile(output, 'seg.nii'));
    expect(facts).toMatchObject({
      version,
      isLittleEndian: littleEndian,
      voxelType: 'uint8',
      dim: [4, 3, 2],
      slope: 1,
      intercept: 0,
    });
    const view = new DataView(output.buffer);
    expect(version === 1 ? view.getInt16(68, littleEndian) : view.getInt32(504, littleEndian)).toBe(0);
    expect(version === 1 ? view.getFloat32(124, littleEndian) : view.getFloat64(192, littleEndian)).toBe(0);
    expect(output.length).toBe((version === 1 ? 352 : 544) + 24);
  });

  test('labels above 255 take two bytes', async () => {
    const labels = Uint16Array.from(LABELS, (label) => label * 300);
    const { output } = await written(spec, 'SimpleITKIO', labels);
    const image = await readCase([memoryFile(output, 'seg.nii')], 'SimpleITKIO');
    expect((await readNiftiHeader(memoryFile(output, 'seg.nii'))).voxelType).toBe('uint16');
    expect([...image.data]).toEqual([...labels]);
  });

  test('small labels in a wide array take one byte', async () => {
    const { output } = await written(spec, 'SimpleITKIO', Uint16Array.from(LABELS));
    expect((await readNiftiHeader(memoryFile(output, 'seg.nii'))).voxelType).toBe('uint8');
  });

  test('is turned back after a reader that turned the image', async () => {
    for (const reader of ['NibabelIOWithReorient', 'SimpleITKIOWithReorient']) {
      const { input, image } = await written({ ...spec, slope: 0 }, reader);
      expect(image.geometry).toHaveProperty('reorientation');
      const labels = Uint8Array.from(image.data);
      const output = await writeSegmentation(labels, image.shape, image.geometry, { gzipped: false });
      const inFileOrder = await readCase([memoryFile(output, 'seg.nii')], 'SimpleITKIO');
      const original = await readCase([memoryFile(input, 'a.nii')], 'SimpleITKIO');
      expect(inFileOrder.data).toEqual(original.data);
      expect(inFileOrder.spacing).toEqual(original.spacing);
    }
  });
});

describe('a segmentation', () => {
  test('of a 4D image is 3D', async () => {
    const { output } = await written({ dim: [4, 3, 2, 5], pixdim: [1, 1, 1, 2] }, 'SimpleITKIO');
    expect(output.length).toBe(352 + 24);
    expect((await readNiftiHeader(memoryFile(output, 'seg.nii'))).dim).toEqual([4, 3, 2]);
  });

  test('of a 2D image is 2D', async () => {
    const { output } = await written({ dim: [4, 6], pixdim: [1, 1] }, 'SimpleITKIO');
    expect((await readNiftiHeader(memoryFile(output, 'seg.nii'))).dim).toEqual([4, 6]);
  });

  test('of another shape than its image is a mistake of the caller', async () => {
    const image = await readCase([memoryFile(niftiFile(OBLIQUE), 'a.nii')], 'SimpleITKIO');
    await expect(writeSegmentation(LABELS, [3, 2, 4], image.geometry)).rejects.toThrow(
      /3 × 2 × 4, the geometry is 2 × 3 × 4/,
    );
  });
});

describe('an image of our own', () => {
  test('says where it lies and keeps its values', async () => {
    const data = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
    const affine = [
      [-0.5, 0, 0, 10],
      [0, -0.5, 0, 20],
      [0, 0, 2, -30],
    ] as const;
    const bytes = await writeVolume(data, [2, 3, 4], newGeometry([2, 3, 4], [2, 0.5, 0.5], affine));
    const image = await readCase([memoryFile(bytes, 'a.nii.gz')], 'NibabelIO');
    expect(image).toMatchObject({ data, shape: [2, 3, 4], spacing: [2, 0.5, 0.5] });
    const facts = await readNiftiHeader(memoryFile(bytes, 'a.nii.gz'));
    expect(facts).toMatchObject({ orientation: 'LPS', affine, sformCode: 1, voxelType: 'float32' });
  });

  test('lies R-A-S unless told otherwise', async () => {
    const bytes = await writeVolume(new Float32Array(8), [2, 2, 2], newGeometry([2, 2, 2], [1, 2, 3]));
    expect((await readNiftiHeader(memoryFile(bytes, 'a.nii.gz'))).orientation).toBe('RAS');
  });
});
