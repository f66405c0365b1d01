import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatenate } from '@/core/io/compression';
import { parseNiftiHeader } from '@/core/io/niftiHeader';
import { writeSegmentation } from '@/core/io/niftiWriter';
import { readCase, writeCase } from '@/core/io/readers';
import { sniff } from '@/core/io/sniff';
import { memoryFile } from '@/core/io/sourceFile';

const COUNTING = Array.from({ length: 24 }, (_, i) => i * 7 - 20);
const text = (content: string) => new TextEncoder().encode(content);

function int16(values: readonly number[], isLittleEndian = true): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * values.length));
  values.forEach((value, i) => {
    view.setInt16(2 * i, value, isLittleEndian);
  });
  return new Uint8Array(view.buffer);
}

const NRRD_FIELDS = {
  type: 'short',
  dimension: '3',
  space: 'left-posterior-superior',
  sizes: '4 3 2',
  'space directions': '(0.5,0,0) (0,0,-2) (0,3,0)',
  kinds: 'domain domain domain',
  endian: 'little',
  encoding: 'raw',
  'space origin': '(10,20,30)',
};

function nrrd(fields: Readonly<Record<string, string | undefined>>, data: Uint8Array, name = 'a.nrrd') {
  const lines = Object.entries({ ...NRRD_FIELDS, ...fields }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}: ${value}`],
  );
  const header = ['NRRD0004', '# a comment: with a colon', ...lines, 'key:=value', '', ''].join('\n');
  return memoryFile(concatenate([text(header), data]), name);
}

describe('NRRD', () => {
  test('raw, with its place', async () => {
    const image = await readCase([nrrd({}, int16(COUNTING))], 'SimpleITKIO');
    expect(image.shape).toEqual([2, 3, 4]);
    expect(image.spacing).toEqual([3, 2, 0.5]);
    expect([...image.data]).toEqual(COUNTING);
  });

  test.each([
    ['gzip', { encoding: 'gzip' }, () => gzipSync(int16(COUNTING))],
    ['big-endian', { endian: 'big' }, () => int16(COUNTING, false)],
    ['ascii', { encoding: 'ascii', endian: undefined }, () => text(COUNTING.join(' '))],
    ['byte skip', { 'byte skip': '5' }, () => concatenate([new Uint8Array(5), int16(COUNTING)])],
    [
      'at the end of the file',
      { 'byte skip': '-1' },
      () => concatenate([new Uint8Array(9), int16(COUNTING)]),
    ],
  ])('%s', async (_, fields, data) => {
    expect([...(await readCase([nrrd(fields, data())], 'SimpleITKIO')).data]).toEqual(COUNTING);
  });

  test('a detached header finds its data file, whatever folder it names', async () => {
    const header = nrrd({ 'data file': '/elsewhere/a.raw' }, new Uint8Array(0), 'p/a.nhdr');
    const image = await readCase([header, memoryFile(int16(COUNTING), 'p/a.raw')], 'SimpleITKIO');
    expect([...image.data]).toEqual(COUNTING);
    await expect(readCase([header], 'SimpleITKIO')).rejects.toThrow('p/a.nhdr: its voxels are in a.raw');
  });

  test('R-A-S space is the same place as L-P-S with x and y turned', async () => {
    const ras = {
      space: 'RAS',
      'space directions': '(-0.5,0,0) (0,0,-2) (0,-3,0)',
      'space origin': '(-10,-20,30)',
    };
    const [a, b] = await Promise.all([
      readCase([nrrd({}, int16(COUNTING))], 'SimpleITKIO'),
      readCase([nrrd(ras, int16(COUNTING))], 'SimpleITKIO'),
    ]);
    expect(b.geometry).toEqual(a.geometry);
  });

  test('a list axis holds the channels, first or last', async () => {
    const first = {
      dimension: '4',
      sizes: '2 4 3 1',
      'space directions': 'none (1,0,0) (0,1,0) (0,0,1)',
      kinds: 'list domain domain domain',
    };
    const last = {
      dimension: '4',
      sizes: '4 3 1 2',
      'space directions': '(1,0,0) (0,1,0) (0,0,1) none',
      kinds: undefined,
    };
    const interleaved = COUNTING.map((_, i) => COUNTING[(i % 2) * 12 + Math.floor(i / 2)]);
    const [a, b] = await Promise.all([
      readCase([nrrd(first, int16(interleaved))], 'SimpleITKIO'),
      readCase([nrrd(last, int16(COUNTING))], 'SimpleITKIO'),
    ]);
    expect(a.channels).toBe(2);
    expect([...a.data]).toEqual(COUNTING);
    expect([...b.data]).toEqual(COUNTING);
  });

  test('two dimensions take nnU-Net’s third spacing', async () => {
    const flat = {
      dimension: '2',
      sizes: '6 4',
      space: undefined,
      'space directions': undefined,
      'space origin': undefined,
      kinds: undefined,
      spacings: '0.5 2',
    };
    const image = await readCase([nrrd(flat, int16(COUNTING))], 'SimpleITKIO');
    expect(image.shape).toEqual([1, 4, 6]);
    expect(image.spacing).toEqual([1998, 2, 0.5]);
  });

  test.each([
    ['UnsupportedCompression', { encoding: 'bzip2' }],
    ['UnsupportedVoxelType', { type: 'block' }],
    ['BadNrrd', { endian: undefined }],
    ['BadNrrd', { sizes: '4 0 2' }],
    ['BadNrrd', { 'space directions': '(1,0,0) (0,1,0)' }],
    ['BadSpacing', { 'space directions': '(0,0,0) (0,1,0) (0,0,1)' }],
    ['TruncatedFile', { sizes: '4 3 3' }],
    ['TruncatedFile', { sizes: '40000 30000 20000' }],
    ['TruncatedFile', { encoding: 'gzip', sizes: '40000 30000 20000' }],
    ['UnsupportedShape', { dimension: '1', sizes: '24', 'space directions': undefined, kinds: undefined }],
  ])('%s', async (name, fields) => {
    await expect(readCase([nrrd(fields, int16(COUNTING))], 'SimpleITKIO')).rejects.toMatchObject({ name });
  });

  test('is turned to R-A-S by the readers that turn, and back by the writer', async () => {
    const file = nrrd({}, int16(COUNTING.map(Math.abs)));
    const original = await readCase([file], 'SimpleITKIO');
    for (const reader of ['SimpleITKIOWithReorient', 'NibabelIOWithReorient']) {
      const image = await readCase([file], reader);
      expect(image.geometry).toHaveProperty('reorientation');
      const [{ content }] = await writeCase(Uint8Array.from(image.data), image.shape, image.geometry);
      const back = await readCase([memoryFile(content, 'b.nrrd')], 'SimpleITKIO');
      expect(back.data).toEqual(original.data);
      expect(back.geometry).toEqual(original.geometry);
    }
  });
});

function metaImage(fields: Readonly<Record<string, string>>, data: Uint8Array, name = 'a.mha') {
  const all = {
    ObjectType: 'Image',
    NDims: '3',
    BinaryData: 'True',
    BinaryDataByteOrderMSB: 'False',
    TransformMatrix: '1 0 0 0 0 -1 0 1 0',
    Offset: '10 20 30',
    ElementSpacing: '0.5 2 3',
    DimSize: '4 3 2',
    ElementType: 'MET_SHORT',
    ...fields,
  };
  const { ElementDataFile = 'LOCAL', ...before }: Readonly<Record<string, string>> = all;
  const lines = Object.entries({ ...before, ElementDataFile });
  return memoryFile(
    concatenate([text(`${lines.map(([key, value]) => `${key} = ${value}`).join('\n')}\n`), data]),
    name,
  );
}

describe('MetaImage', () => {
  test('lies where the same NRRD lies', async () => {
    const image = await readCase([metaImage({}, int16(COUNTING))], 'SimpleITKIO');
    const other = await readCase([nrrd({}, int16(COUNTING))], 'SimpleITKIO');
    expect([...image.data]).toEqual(COUNTING);
    expect(image.geometry).toEqual({ ...other.geometry, kind: 'metaimage' });
  });

  test.each([
    ['zlib', { CompressedData: 'True' }, () => deflateSync(int16(COUNTING))],
    ['gzip', { CompressedData: 'True' }, () => gzipSync(int16(COUNTING))],
    ['big-endian', { BinaryDataByteOrderMSB: 'True' }, () => int16(COUNTING, false)],
    ['text', { BinaryData: 'False' }, () => text(COUNTING.join('\n'))],
  ])('%s', async (_, fields, data) => {
    expect([...(await readCase([metaImage(fields, data())], 'SimpleITKIO')).data]).toEqual(COUNTING);
  });

  test('an .mhd finds its data file', async () => {
    const header = metaImage(
      { ElementDataFile: 'a.zraw', CompressedData: 'True' },
      new Uint8Array(0),
      'a.mhd',
    );
    const voxels = memoryFile(deflateSync(int16(COUNTING)), 'a.zraw');
    expect([...(await readCase([header, voxels], 'SimpleITKIO')).data]).toEqual(COUNTING);
    await expect(readCase([header], 'SimpleITKIO')).rejects.toMatchObject({ name: 'MissingFile' });
  });

  test.each([
    ['UnsupportedVoxelType', { ElementType: 'MET_STRING' }],
    ['BadMetaImage', { DimSize: '4 3' + ' x' }],
    ['TruncatedFile', { DimSize: '4 3 3' }],
    ['CorruptFile', { CompressedData: 'True' }],
    ['BadMetaImage', { ElementDataFile: 'LIST' }],
  ])('%s', async (name, fields) => {
    await expect(readCase([metaImage(fields, int16(COUNTING))], 'SimpleITKIO')).rejects.toMatchObject({
      name,
    });
  });
});

describe('label maps', () => {
  test.each(['.nrrd', '.mha', '.gipl', '.nii.gz', '.nii'])(
    '%s of any volume come back in place',
    async (ending) => {
      for (const file of [nrrd({}, int16(COUNTING)), metaImage({}, int16(COUNTING))]) {
        const image = await readCase([file], 'SimpleITKIO');
        for (const labels of [
          new Uint8Array(24).fill(3),
          Uint16Array.from({ length: 24 }, (_, i) => i * 100),
        ]) {
          const [written, ...others] = await writeCase(labels, image.shape, image.geometry, { ending });
          expect(written.ending).toBe(ending);
          expect(others).toEqual([]);
          const back = await readCase([memoryFile(written.content, `b${ending}`)], 'SimpleITKIO');
          expect([...back.data]).toEqual([...labels]);
          expect(back.shape).toEqual(image.shape);
          expect(back.spacing).toEqual(image.spacing);
        }
      }
    },
  );

  test('the place survives the way through NIfTI', async () => {
    const image = await readCase([nrrd({}, int16(COUNTING))], 'SimpleITKIO');
    const nifti = await writeSegmentation(new Uint8Array(24), image.shape, image.geometry, {
      gzipped: false,
    });
    expect(parseNiftiHeader(nifti, 'a').sform).toEqual([
      [-0.5, 0, 0, -10],
      [0, 0, -3, -20],
      [0, -2, 0, 30],
    ]);
    const asNifti = await readCase([memoryFile(nifti, 'a.nii')], 'SimpleITKIO');
    const [{ content }] = await writeCase(new Uint8Array(24), image.shape, asNifti.geometry, {
      ending: '.nrrd',
    });
    expect((await readCase([memoryFile(content, 'a.nrrd')], 'SimpleITKIO')).geometry).toEqual(image.geometry);
  });

  test('GIPL files are known by their content, gzipped too', async () => {
    const image = await readCase([nrrd({}, int16(COUNTING))], 'SimpleITKIO');
    const [{ content }] = await writeCase(new Uint8Array(24).fill(2), image.shape, image.geometry, {
      ending: '.gipl',
    });
    expect(await sniff(memoryFile(content, 'x'))).toBe('gipl');
    const zipped = memoryFile(gzipSync(content), 'x.gipl.gz');
    expect(await sniff(zipped)).toBe('gipl');
    expect([...(await readCase([zipped], 'SimpleITKIO')).data]).toEqual(Array(24).fill(2));
    await expect(readCase([memoryFile(content.subarray(0, 260), 'x')], 'SimpleITKIO')).rejects.toMatchObject({
      name: 'TruncatedFile',
    });
  });
});
