import { expect, test } from 'vitest';
import { foldsOfPreviousStage, previousStagesAmong } from '@/app/segment/cascadeModels';
import { importModel } from '@/core/interop/importModel';
import type { NnunetModel } from '@/core/interop/model';
import { cascadePlansJson, modelFolderFiles } from '../../support/modelFolder';

async function modelOf(configuration: string, trainerName = 'nnUNetTrainer'): Promise<NnunetModel> {
  const [{ model }] = await importModel(
    modelFolderFiles({ plans: cascadePlansJson(), configuration, trainerName }),
  );
  return model;
}

const among = (model: NnunetModel, candidates: readonly NnunetModel[]) =>
  previousStagesAmong(model, candidates, (each) => each);

test('a first stage of the same trainer goes first; other configurations are none', async () => {
  const cascade = await modelOf('3d_cascade_fullres');
  const [other, same, fullres] = [
    await modelOf('3d_lowres', 'nnUNetTrainerBN'),
    await modelOf('3d_lowres'),
    await modelOf('3d_fullres'),
  ];
  expect(among(cascade, [fullres, other, same, cascade])).toEqual([same, other]);
  expect(among(fullres, [same, fullres])).toEqual([]);
});

test('folds are the same where the first stage has them, else all it has', () => {
  const folds = ['0', '1', 'all'].map((fold) => ({ fold, checkpointName: 'checkpoint_final.pth' }));
  expect(foldsOfPreviousStage({ folds }, ['0', '1'])).toEqual(['0', '1']);
  expect(foldsOfPreviousStage({ folds }, ['0', '2'])).toEqual(['0', '1', 'all']);
});
