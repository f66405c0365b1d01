import { describe, expect, test } from 'vitest';
import { groupIntoCases } from '@/core/io/cases';
import { encodePng } from '@/core/io/png';
import { readCase, readerFor } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { encodeTiff } from '@/core/io/tiff';
import { niftiFile } from '../../support/nifti';

const nameFor = async (...question: Parameters<typeof readerFor>) =>
  (await readerFor(...question)).reader.name;

describe('readerFor', () => {
  test.each([
    ['.png', 'NaturalImage2DIO'],
    ['.bmp', 'NaturalImage2DIO'],
    ['.tif', 'NaturalImage2DIO'],
    ['.tiff', 'Tiff3DIO'],
    ['.nii.gz', 'SimpleITKIO'],
    ['.NRRD', 'SimpleITKIO'],
    ['.mha', 'SimpleITKIO'],
    ['.nii', 'NibabelIO'],
  ])('%s without an example: %s', async (fileEnding, name) => {
    expect(await nameFor({ fileEnding })).toBe(name);
  });

  test('a stack in .tif goes past the reader of pictures', async () => {
    const stack = memoryFile(await encodeTiff(new Uint8Array(120), [5, 4, 6]), 'a_0000.tif');
    expect(await nameFor({ fileEnding: '.tif', exampleFiles: [stack] })).toBe('Tiff3DIO');
    const picture = memoryFile(await encodeTiff(new Uint8Array(24), [1, 4, 6]), 'a_0000.tif');
    expect(await nameFor({ fileEnding: '.tif', exampleFiles: [picture] })).toBe('NaturalImage2DIO');
  });

  test('the dataset’s own choice comes first, None and unknown names do not count', async () => {
    expect(await nameFor({ fileEnding: '.nii.gz', overwrite: 'SimpleITKIOWithReorient' })).toBe(
      'SimpleITKIOWithReorient',
    );
    expect(await readerFor({ fileEnding: '.nii.gz', overwrite: 'None' })).toMatchObject({ warnings: [] });
    const { reader, warnings } = await readerFor({ fileEnding: '.nii.gz', overwrite: 'MyIO' });
    expect(reader.name).toBe('SimpleITKIO');
    expect(warnings).toEqual([expect.stringContaining('MyIO')]);
  });

  test('NaN in the example is no reason to refuse a reader', async () => {
    const file = memoryFile(niftiFile({ dim: [2, 1, 1], type: 'float32', values: [Number.NaN, 1] }), 'a.nii');
    expect(await nameFor({ fileEnding: '.nii', exampleFiles: [file] })).toBe('NibabelIO');
  });

  test('endings that nobody reads are refused, JPEG for its loss', async () => {
    await expect(readerFor({ fileEnding: '.jpg' })).rejects.toThrow(/loss/);
    await expect(readerFor({ fileEnding: '.npz' })).rejects.toMatchObject({ name: 'UnsupportedReader' });
    const text = memoryFile(new TextEncoder().encode('no picture'), 'a.png');
    await expect(readerFor({ fileEnding: '.png', exampleFiles: [text] })).rejects.toThrow('a.png');
  });
});

test('a model of volumes takes no pictures, a reader that is not there is named', async () => {
  const png = memoryFile(await encodePng(new Uint8Array(4), 2, 2), 'a.png');
  await expect(readCase([png], 'SimpleITKIO')).rejects.toMatchObject({ name: 'UnsupportedFormat' });
  await expect(readCase([png], 'OtherIO')).rejects.toMatchObject({ name: 'UnsupportedReader' });
});

describe('groupIntoCases', () => {
  const group = (paths: readonly string[]) => {
    const { cases, ignored } = groupIntoCases(paths.map((path) => memoryFile(new Uint8Array(0), path)));
    return [
      Object.fromEntries(cases.map(({ caseId, files }) => [caseId, files.map(({ path }) => path)])),
      Object.fromEntries(ignored.map(({ path, reason }) => [path, reason])),
    ];
  };

  test('all endings of nnU-Net’s readers', () => {
    const names = [
      'a_0000.png',
      'a_0001.png',
      'b.nrrd',
      'c_0000.mha',
      'd.bmp',
      'e.gipl',
      'f.gipl.gz',
      'g_0000.tif',
    ];
    const [cases, ignored] = group(names);
    expect(Object.keys(cases)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(cases.a).toEqual(['a_0000.png', 'a_0001.png']);
    expect(ignored).toEqual({});
  });

  test('detached headers with their voxels, TIFF stacks with their side-car', () => {
    const names = [
      'a.nhdr',
      'a.raw',
      'b.mhd',
      'b.zraw',
      'c.mhd',
      'd.raw',
      'e_0000.tif',
      'e_0001.tif',
      'e.json',
      'f.json',
    ];
    const [cases, ignored] = group(names);
    expect(cases).toEqual({
      a: ['a.nhdr', 'a.raw'],
      b: ['b.mhd', 'b.zraw'],
      e: ['e_0000.tif', 'e_0001.tif', 'e.json'],
    });
    expect(ignored).toEqual({
      'c.mhd': 'its .raw file is missing',
      'd.raw': 'its header file is missing',
      'f.json': expect.stringContaining('not an image'),
    });
  });
});
