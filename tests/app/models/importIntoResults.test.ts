import { describe, expect, test } from 'vitest';
import { assertNothingReplaced, replacedBy } from '@/app/models/importIntoResults';
import { type SourceFile, textFile } from '@/core/io/sourceFile';
import { memoryFolder } from '../../support/memoryFolder';
import { modelFolderFiles, plansJson, TINY_DATASET } from '../../support/modelFolder';

const MODEL = 'Dataset001_Tiny/nnUNetTrainer__nnUNetPlans__3d_fullres';

async function results(files: readonly SourceFile[]) {
  const folder = memoryFolder();
  for (const file of files) await folder.write(file.path, await file.bytes());
  return folder;
}

const model = (folds: readonly string[], changes: Parameters<typeof modelFolderFiles>[0] = {}) =>
  modelFolderFiles({ folder: MODEL, folds, ...changes });
const pathsOf = async (files: readonly SourceFile[], there: readonly SourceFile[]) =>
  (await replacedBy(files, await results(there))).map(({ path }) => path);

describe('importing into nnUNet_results', () => {
  test('replaces nothing where nothing is, or other folds of the same training', async () => {
    expect(await pathsOf(model(['0', '1']), [])).toEqual([]);
    expect(await pathsOf(model(['1']), model(['0']))).toEqual([]);
    const continued = { ...plansJson(), continue_training: true };
    expect(await pathsOf(model(['1'], { plans: continued }), model(['0']))).toEqual([]);
  });

  test('replaces folds that are there, the same or not', async () => {
    expect(await pathsOf(model(['0', '1', '2']), model(['1', '2']))).toEqual([
      `${MODEL}/fold_1`,
      `${MODEL}/fold_2`,
    ]);
  });

  test('replaces the whole folder where its plans or labels are others', async () => {
    const plans = { ...plansJson(), transpose_forward: [1, 0, 2], transpose_backward: [1, 0, 2] };
    expect(await pathsOf(model(['1'], { plans }), model(['0']))).toEqual([MODEL]);
    const dataset = { ...TINY_DATASET, labels: { background: 0, lesion: 1, organ: 2 } };
    const replaced = await replacedBy(model(['3'], { dataset }), await results(model(['0'])));
    expect(replaced).toMatchObject([{ path: MODEL, what: expect.stringContaining('dataset.json differs') }]);
    expect(() => assertNothingReplaced(replaced, 'tiny.zip')).toThrow(
      /^tiny\.zip would replace .*another training.* Nothing has been changed\. --force/,
    );
  });

  test('replaces files of the dataset that differ', async () => {
    const own = textFile('{"folds": [0]}', 'Dataset001_Tiny/inference_information.json');
    const other = textFile('{"folds": [1]}', own.path);
    expect(await pathsOf([own], [own])).toEqual([]);
    expect(await pathsOf([own], [other])).toEqual([own.path]);
  });
});
