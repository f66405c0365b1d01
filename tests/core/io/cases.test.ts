import { describe, expect, test } from 'vitest';
import { type GroupOptions, groupIntoCases } from '@/core/io/cases';
import { memoryFile } from '@/core/io/sourceFile';

function group(paths: readonly string[], options?: GroupOptions) {
  const { cases, ignored } = groupIntoCases(
    paths.map((path) => memoryFile(new Uint8Array(0), path)),
    options,
  );
  return {
    cases: Object.fromEntries(cases.map(({ caseId, files }) => [caseId, files.map(({ path }) => path)])),
    order: cases.map(({ caseId }) => caseId),
    ignored: Object.fromEntries(ignored.map(({ path, reason }) => [path, reason])),
  };
}

describe('groupIntoCases', () => {
  test('channel files of a case come together in order', () => {
    const { cases, order } = group(['b_0001.nii.gz', 'b_0000.nii.gz', 'a_1_0000.nii.gz', 'a_1_0001.nii.gz']);
    expect(order).toEqual(['a_1', 'b']);
    expect(cases).toEqual({
      a_1: ['a_1_0000.nii.gz', 'a_1_0001.nii.gz'],
      b: ['b_0000.nii.gz', 'b_0001.nii.gz'],
    });
  });

  test('a name without a channel number is a case of its own', () => {
    expect(group(['liver.nii', 'scan.NII.GZ']).cases).toEqual({
      liver: ['liver.nii'],
      scan: ['scan.NII.GZ'],
    });
  });

  test('four digits that are no channel belong to the name', () => {
    expect(group(['visit_2019.nii.gz', 'visit_2020.nii.gz']).order).toEqual(['visit_2019', 'visit_2020']);
  });

  test('a case whose first channel is missing stays together if the model has that many', () => {
    expect(group(['a_0001.nii.gz', 'a_0002.nii.gz'], { channels: 3 }).order).toEqual(['a']);
    expect(group(['a_0001.nii.gz']).order).toEqual(['a_0001']);
  });

  test('pairs of .hdr and .img are one image, a lone half is ignored', () => {
    const { cases, ignored } = group([
      'p/x_0000.img',
      'p/x_0000.hdr',
      'y.hdr.gz',
      'y.img.gz',
      'z.hdr',
      'w.img',
    ]);
    expect(cases).toEqual({ x: ['p/x_0000.hdr', 'p/x_0000.img'], y: ['y.hdr.gz', 'y.img.gz'] });
    expect(ignored).toEqual({ 'z.hdr': 'its .img file is missing', 'w.img': 'its .hdr file is missing' });
  });

  test('hidden files and other files are ignored with a reason', () => {
    const { order, ignored } = group([
      'in/._a_0000.nii.gz',
      '__MACOSX/a.nii.gz',
      '.DS_Store',
      'in/notes.txt',
      'in/a_0000.nii.gz',
    ]);
    expect(order).toEqual(['a']);
    expect(ignored).toMatchObject({
      'in/._a_0000.nii.gz': 'hidden file',
      '__MACOSX/a.nii.gz': 'hidden file',
      '.DS_Store': 'hidden file',
      'in/notes.txt': expect.stringContaining('not an image'),
    });
  });

  test('equal names in several folders get the folder in front', () => {
    const { cases } = group(['s/p1/ct.nii.gz', 's/p2/ct.nii.gz', 's/p2/mr.nii.gz']);
    expect(Object.keys(cases)).toEqual(['mr', 's_p1_ct', 's_p2_ct']);
  });

  test('channels in different folders are not mixed', () => {
    expect(group(['p1/a_0000.nii.gz', 'p2/a_0001.nii.gz'], { channels: 2 }).cases).toEqual({
      p1_a: ['p1/a_0000.nii.gz'],
      p2_a: ['p2/a_0001.nii.gz'],
    });
  });

  test('two images of one case are not both taken', () => {
    const { cases, ignored } = group(['a.nii', 'a.nii.gz', '_0000.nii.gz']);
    expect(cases).toEqual({ a: ['a.nii'] });
    expect(ignored).toEqual({
      'a.nii.gz': 'there is another image of the case a',
      '_0000.nii.gz': 'its name has no case before the channel number',
    });
  });

  test('a name without a number beside numbered ones is a segmentation, as nnU-Net names them', () => {
    const { cases, ignored } = group([
      'imagesTr/a_0000.nii.gz',
      'imagesTr/a_0001.nii.gz',
      'labelsTr/a.nii.gz',
    ]);
    expect(cases).toEqual({ a: ['imagesTr/a_0000.nii.gz', 'imagesTr/a_0001.nii.gz'] });
    expect(ignored).toEqual({ 'labelsTr/a.nii.gz': 'named like the segmentation of the case a' });
  });
});
