// Names with accents, composed (NFC) on one side and taken apart (NFD), as macOS writes them, on the other.
import { describe, expect, test } from 'vitest';
import { pairLooseFiles } from '@/core/dataset/looseDataset';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { readSplits } from '@/core/dataset/splits';
import { imagesOfCase, namedSegmentations, pairSegmentations } from '@/core/evaluation/pairSegmentations';
import { groupIntoCases } from '@/core/io/cases';
import { memoryFile, textFile } from '@/core/io/sourceFile';
import { withSideCars } from '@/core/io/tiff3dIO';
import { openNamed } from '@/storage/folderViews';
import { memoryFolder } from '../../support/memoryFolder';

const COMPOSED = 'Frédéric_Müller'.normalize('NFC');
const APART = COMPOSED.normalize('NFD');
const file = (path: string) => memoryFile(new Uint8Array(1), path);
const pathsOf = (files: readonly { readonly path: string }[]) => files.map(({ path }) => path);

const dataset = (ending: string) =>
  textFile(
    JSON.stringify({
      channel_names: { 0: 'T1', 1: 'T2' },
      labels: { background: 0, a: 1 },
      numTraining: 1,
      file_ending: ending,
    }),
    'Dataset001_A/dataset.json',
  );

test('the two ways differ to the machine', () => {
  expect(COMPOSED).not.toBe(APART);
});

describe('are one name', () => {
  test('among the channels and the label map of a dataset', async () => {
    const { cases, strayFiles } = await openRawDataset([
      dataset('.nii.gz'),
      file(`Dataset001_A/imagesTr/${APART}_0001.nii.gz`),
      file(`Dataset001_A/imagesTr/${COMPOSED}_0000.nii.gz`),
      file(`Dataset001_A/labelsTr/${COMPOSED}.nii.gz`),
    ]);
    expect(cases).toMatchObject([{ missing: [] }]);
    expect(pathsOf(cases[0].images).map((path) => path.slice(-'0000.nii.gz'.length))).toEqual([
      '0000.nii.gz',
      '0001.nii.gz',
    ]);
    expect(cases[0].label).toBeDefined();
    expect(strayFiles).toEqual([]);
  });

  test('among images to segment', () => {
    const { cases, ignored } = groupIntoCases([
      file(`${APART}_0000.nii.gz`),
      file(`${COMPOSED}_0001.nii.gz`),
      file(`${COMPOSED}.nii.gz`),
    ]);
    expect(cases).toHaveLength(1);
    expect(cases[0].files).toHaveLength(2);
    expect(ignored[0].reason).toMatch(/segmentation of the case/);
  });

  test('of loose images and label maps', () => {
    const { cases, unpaired } = pairLooseFiles(
      [file(`images/${APART}.nii`)],
      [file(`masks/${COMPOSED}_seg.nii`)],
      '.nii',
    );
    expect(cases).toHaveLength(1);
    expect(unpaired).toEqual([]);
  });

  test('of predictions, references and images', () => {
    const { pairs, unpaired } = pairSegmentations(
      namedSegmentations([file(`p/${APART}.nii`)]),
      namedSegmentations([file(`r/${COMPOSED}.nii`)]),
    );
    expect(pairs).toHaveLength(1);
    expect(unpaired).toEqual([]);
    expect(imagesOfCase(COMPOSED, [file(`${APART}_0000.nii`)])).toHaveLength(1);
  });

  test('in splits, which come back in the dataset’s own names', () => {
    const text = JSON.stringify([{ train: [COMPOSED, 'b'], val: [COMPOSED] }]);
    expect(readSplits(text, 's.json', [APART, 'b'])).toEqual([{ train: [APART, 'b'], val: [APART] }]);
  });

  test('of a TIFF and its side-car', () => {
    const [tiff] = withSideCars([file(`${APART}_0000.tif`), file(`${COMPOSED}.json`)]);
    expect(tiff.sideCar?.path).toBe(`${COMPOSED}.json`);
  });

  test('in a folder', async () => {
    const folder = memoryFolder();
    await folder.write(`${APART}.nii`, new Uint8Array(3));
    expect((await openNamed(folder, `${COMPOSED}.nii`))?.sizeInBytes).toBe(3);
    expect(await openNamed(folder, 'other.nii')).toBeUndefined();
  });
});

describe('files of two endings', () => {
  test('in a dataset: those of another ending are named with the dataset’s own', async () => {
    const { cases, strayFiles } = await openRawDataset([
      dataset('.nii.gz'),
      file('Dataset001_A/imagesTr/a_0000.nii.gz'),
      file('Dataset001_A/imagesTr/a_0000.nrrd'),
      file('Dataset001_A/labelsTr/a.nii.gz'),
      file('Dataset001_A/labelsTr/a.nrrd'),
    ]);
    expect(cases).toHaveLength(1);
    expect(strayFiles).toEqual([
      expect.objectContaining({ reason: 'does not end with .nii.gz, the file_ending of dataset.json,' }),
      expect.objectContaining({ reason: 'does not end with .nii.gz, the file_ending of dataset.json,' }),
    ]);
  });

  test('of one channel: the first counts, the other is named', () => {
    const { cases, ignored } = groupIntoCases([file('in/a_0000.nii.gz'), file('in/a_0000.nrrd')]);
    expect(cases.map(({ files }) => pathsOf(files))).toEqual([['in/a_0000.nii.gz']]);
    expect(ignored).toEqual([
      { path: 'in/a_0000.nrrd', reason: 'its case has channel 0000 in in/a_0000.nii.gz already' },
    ]);
  });

  test('a header and its voxels are one', () => {
    const { cases, ignored } = groupIntoCases([file('a_0000.hdr'), file('a_0000.img'), file('a_0001.nii')]);
    expect(cases.map(({ files }) => pathsOf(files))).toEqual([['a_0000.hdr', 'a_0000.img', 'a_0001.nii']]);
    expect(ignored).toEqual([]);
  });
});
