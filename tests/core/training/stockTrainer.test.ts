import { describe, expect, test } from 'vitest';
import { importModel } from '@/core/interop/importModel';
import { isDict } from '@/core/interop/pickleValues';
import { readTorchCheckpoint } from '@/core/interop/torchCheckpoint';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { withStockTrainer } from '@/core/training/stockTrainer';
import { type ModelFolderOptions, modelFolderFiles } from '../../support/modelFolder';

const checkpointOf = (options: ModelFolderOptions): SourceFile => {
  const file = modelFolderFiles(options).find(({ path }) => path.endsWith('.pth'));
  if (!file) throw new Error('no checkpoint');
  return file;
};
const trainerIn = async (file: SourceFile) => {
  const { root } = await readTorchCheckpoint(file);
  return isDict(root) ? root.get('trainer_name') : undefined;
};

describe('a checkpoint for any nnU-Net', () => {
  test.each([
    ['nnUNetTrainer_10epochs_10epochs_20iterations', 'nnUNetTrainer'],
    ['nnUNetTrainer_10epochs_20iterations_4val', 'nnUNetTrainer'],
    ['nnUNetTrainerDA5_30epochs', 'nnUNetTrainerDA5'],
    ['nnUNetTrainer_30epochs_NoMirroring', 'nnUNetTrainer'],
  ])('of %s names %s, and keeps its weights', async (trainerName, stock) => {
    const file = checkpointOf({ trainerName });
    const changed = await withStockTrainer(file);
    expect(await trainerIn(changed)).toBe(stock);
    const folder = `${trainerName}__nnUNetPlans__3d_fullres`;
    const files = modelFolderFiles({ folder, trainerName });
    const content = await changed.bytes();
    const [before] = await importModel(files);
    const [after] = await importModel(
      files.map((each) => (each.path.endsWith('.pth') ? memoryFile(content, each.path) : each)),
    );
    expect(await after.loadFold('0')).toEqual(await before.loadFold('0'));
    expect(after.model).toEqual(before.model);
    expect(after.model.trainerName).toBe(trainerName);
  });

  test.each(['nnUNetTrainer', 'nnUNetTrainer_10epochs', 'nnUNetTrainerBN', 'TheirOwnTrainer'])(
    'of %s stays as it is',
    async (trainerName) => {
      const file = checkpointOf({ trainerName });
      expect(await withStockTrainer(file)).toBe(file);
    },
  );

  test('and a file that is none stays as it is, too', async () => {
    const file = memoryFile(new TextEncoder().encode('best'), 'fold_0/best.pth');
    expect(await withStockTrainer(file)).toBe(file);
  });
});
