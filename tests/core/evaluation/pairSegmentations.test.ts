import { describe, expect, test } from 'vitest';
import { imagesOfCase, namedSegmentations, pairSegmentations } from '@/core/evaluation/pairSegmentations';
import { memoryFile } from '@/core/io/sourceFile';

const named = (...paths: readonly string[]) =>
  namedSegmentations(paths.map((path) => memoryFile(new Uint8Array(0), path)));

describe('segmentations', () => {
  test('are files with names of images; a header and its voxels are one', () => {
    const found = named('p/a.nii.gz', 'p/dataset.json', 'p/.DS_Store', 'p/b.hdr', 'p/b.img', 'p/c.mha');
    expect(found.map(({ name, files }) => [name, files.length])).toEqual([
      ['a', 1],
      ['c', 1],
      ['b', 2],
    ]);
  });

  test('with four digits at the end are cases of their own, not channels', () => {
    expect(named('BraTS_0001.nii.gz', 'BraTS_0002.nii.gz').map(({ name }) => name)).toEqual([
      'BraTS_0001',
      'BraTS_0002',
    ]);
  });
});

describe('pairs', () => {
  test('have the same name, whatever their endings', () => {
    const { pairs, unpaired } = pairSegmentations(
      named('p/b.nii.gz', 'p/a.mha'),
      named('r/a.nii.gz', 'r/b.nii'),
    );
    expect(pairs.map(({ caseId }) => caseId)).toEqual(['a', 'b']);
    expect(unpaired).toEqual([]);
  });

  test('may differ by what people append; an exact name goes first', () => {
    const { pairs } = pairSegmentations(
      named('p/a.nii.gz', 'p/b_pred.nii.gz'),
      named('r/a_gt.nii.gz', 'r/b-seg.nii.gz', 'r/a.nii.gz'),
    );
    expect(pairs.map(({ prediction, reference }) => [prediction.name, reference.name])).toEqual([
      ['a', 'a'],
      ['b_pred', 'b-seg'],
    ]);
  });

  test('leave out what has no partner, and what cannot be told apart', () => {
    const { pairs, unpaired } = pairSegmentations(
      named('p/a.nii.gz', 'p/x.nii.gz', 'p/1/c.nii.gz', 'p/2/c.nii.gz'),
      named('r/a.nii.gz', 'r/c.nii.gz'),
    );
    expect(pairs.map(({ caseId }) => caseId)).toEqual(['a']);
    expect(unpaired.map(({ side, path, reason }) => [side, path, reason])).toEqual([
      ['prediction', 'p/1/c.nii.gz', 'its name occurs twice'],
      ['prediction', 'p/2/c.nii.gz', 'its name occurs twice'],
      ['prediction', 'p/x.nii.gz', 'there is no reference of its name'],
      ['reference', 'r/c.nii.gz', 'there is no prediction of its name'],
    ]);
  });
});

test('images of a case are its channels in order, or one of its name', () => {
  const files = ['i/a_0001.nii.gz', 'i/a_0000.nii.gz', 'i/ab_0000.nii.gz', 'i/a_b.nii.gz', 'i/c.png'].map(
    (path) => memoryFile(new Uint8Array(0), path),
  );
  expect(imagesOfCase('a', files).map(({ path }) => path)).toEqual(['i/a_0000.nii.gz', 'i/a_0001.nii.gz']);
  expect(imagesOfCase('c', files).map(({ path }) => path)).toEqual(['i/c.png']);
});
