import { describe, expect, test } from 'vitest';
import { twinProblem, withoutTwins } from '@/app/files/duplicateImages';
import { importFiles } from '@/app/files/importFiles';
import { gzip } from '@/core/io/gzip';
import { memoryFile } from '@/core/io/sourceFile';
import type { CaseFileStore } from '@/storage/caseFiles';
import type { CaseRecord } from '@/storage/caseRecord';
import { createModelLibrary } from '@/storage/modelLibrary';
import { MemoryRecords } from '../../storage/memoryRecords';
import { niftiFile } from '../../support/nifti';

const NOWHERE: CaseFileStore = {
  write: async () => undefined,
  open: async (_, name) => memoryFile(new Uint8Array(), name),
  removeCase: async () => undefined,
  cases: async () => [],
};

const image = (values: readonly number[], pixdim: readonly [number, number, number] = [1, 1, 1]) =>
  niftiFile({ dim: [2, 2, 1], type: 'int16', pixdim, values });

/** The cases that given files become. */
async function casesOf(files: Readonly<Record<string, Uint8Array>>): Promise<readonly CaseRecord[]> {
  const { cases } = await importFiles({
    files: Object.entries(files).map(([path, content]) => memoryFile(content, path)),
    origin: 'imported',
    library: createModelLibrary(new MemoryRecords(), new MemoryRecords()),
    caseFiles: NOWHERE,
    open: [],
    onStep: () => undefined,
  });
  return cases;
}

describe('an image that is given twice', () => {
  test('is known by its content under another name, and packed or not', async () => {
    const kept = await casesOf({ 'anna_0000.nii': image([1, 2, 3, 4]) });
    const packed = await casesOf({ 'copy.nii.gz': await gzip(image([1, 2, 3, 4])) });
    const { fresh, twins } = withoutTwins(packed, kept);
    expect(fresh).toEqual([]);
    expect(twins.map((twin) => twin.kept.caseId)).toEqual(['anna']);
    expect(twinProblem(twins[0]).message).toBe(
      'copy.nii.gz shows the same image as anna, though under another name; it was not added a second time.',
    );
  });

  test('is known within one drop', async () => {
    const given = await casesOf({ 'a.nii': image([1, 2, 3, 4]), 'b.nii': image([1, 2, 3, 4]) });
    expect(withoutTwins(given, []).fresh.map(({ caseId }) => caseId)).toEqual(['a']);
  });

  test('another image of the same name, other voxel sizes or one channel more are no twins', async () => {
    const kept = await casesOf({ 'anna_0000.nii': image([1, 2, 3, 4]) });
    const others = [
      await casesOf({ 'anna_0000.nii': image([1, 2, 3, 5]) }),
      await casesOf({ 'anna_0000.nii': image([1, 2, 3, 4], [1, 1, 2]) }),
      await casesOf({ 'anna_0000.nii': image([1, 2, 3, 4]), 'anna_0001.nii': image([1, 2, 3, 4]) }),
    ];
    for (const given of others) expect(withoutTwins(given, kept).twins).toEqual([]);
  });

  test('cases kept before contents were are nobody’s twins', () => {
    const [old] = [{ id: 'x', caseId: 'x', files: ['x.nii'] } as unknown as CaseRecord];
    expect(withoutTwins([{ ...old, id: 'y' }], [old]).twins).toEqual([]);
  });
});
