import { describe, expect, test } from 'vitest';
import { importModel, importModels } from '@/core/interop/importModel';
import type { OrderedDict } from '@/core/interop/pickleValues';
import { TensorToSave } from '@/core/interop/torchWriter';
import { memoryFile, type SourceFile } from '@/core/io/sourceFile';
import { writeZip } from '@/core/io/zipStream';
import {
  type ModelFolderOptions,
  modelFolderFiles,
  parametersOf,
  plansJson,
  TINY_ARCH_KWARGS,
  TINY_CONFIGURATION,
  TINY_DATASET,
  TINY_FOLDER,
  tinyWeights,
} from '../../support/modelFolder';

const named = (name: string) => expect.objectContaining({ name });
const importTiny = async (options: ModelFolderOptions = {}) =>
  (await importModel(modelFolderFiles(options)))[0];
const without = (files: readonly SourceFile[], pattern: RegExp) =>
  files.filter(({ path }) => !pattern.test(path));

async function zipped(
  files: readonly SourceFile[],
  name: string,
  isCompressed: boolean,
): Promise<SourceFile> {
  const sources = await Promise.all(
    files.map(async (file) => ({ path: file.path, content: await file.bytes(), isCompressed })),
  );
  return memoryFile(writeZip(sources), name);
}

describe('a model folder', () => {
  test('keeps the name of a trainer whose checkpoint names the stock class', async () => {
    const nameIn = async (options: ModelFolderOptions) => (await importTiny(options)).model.trainerName;
    const changeCheckpoint: NonNullable<ModelFolderOptions['changeCheckpoint']> = (checkpoint) =>
      checkpoint.set('nnstudio', new Map([['trainer', 'nnUNetTrainer_30epochs']]));
    const folder = 'x/nnUNetTrainer_30epochs__nnUNetPlans__3d_fullres';
    expect(await nameIn({ folder })).toBe('nnUNetTrainer_30epochs');
    expect(await nameIn({ folder: 'renamed', changeCheckpoint })).toBe('nnUNetTrainer_30epochs');
    expect(await nameIn({ folder: 'renamed' })).toBe('nnUNetTrainer');
    expect(await nameIn({ folder, trainerName: 'TheirTrainer' })).toBe('TheirTrainer');
    expect(await nameIn({ folder: folder.replace('_30epochs', 'DA5') })).toBe('nnUNetTrainer');
  });

  test('of a trainer that stays outside says which, why and what to do', async () => {
    await expect(importTiny({ trainerName: 'nnUNet_Primus_M_Trainer' })).rejects.toThrow(
      /nnUNet_Primus_M_Trainer trains a transformer.*nnUNetv2_predict/,
    );
    await expect(importTiny({ trainerName: 'PretrainedTrainer_150ep' })).rejects.toThrow('nnssl pretrained');
  });

  test('tells what it is', async () => {
    const { model, origin, sizeInBytes, crossValidationDice } = await importTiny({
      folds: ['0', '1'],
      mirrorAxes: [0, 2],
    });
    expect(model).toMatchObject({
      channelNames: ['MRI'],
      fileEnding: '.nii.gz',
      datasetName: 'Dataset001_Tiny',
      trainerName: 'nnUNetTrainer',
      folds: [
        { fold: '0', checkpointName: 'checkpoint_final.pth', validationDice: 0.5 },
        { fold: '1', checkpointName: 'checkpoint_final.pth', validationDice: 0.6 },
      ],
      mirrorAxes: [0, 2],
    });
    expect(model.configuration.name).toBe('3d_fullres');
    expect(model.labels.outputChannels).toBe(3);
    expect(origin).toBe(TINY_FOLDER);
    expect(sizeInBytes).toBeGreaterThan(2 * 4 * 1000);
    expect(crossValidationDice).toBeUndefined();
  });

  test('gives the weights of each fold', async () => {
    const { loadFold } = await importTiny({ folds: ['0', '1'] });
    expect(await loadFold('0')).toEqual(tinyWeights(parametersOf(), 0));
    expect(await loadFold('1')).toEqual(tinyWeights(parametersOf(), 1));
  });

  test.each(['module.', '_orig_mod.', 'module._orig_mod.', '_orig_mod.module.'])(
    'with the prefix %s',
    async (keyPrefix) => {
      const { loadFold } = await importTiny({ keyPrefix });
      expect(await loadFold('0')).toEqual(tinyWeights(parametersOf(), 0));
    },
  );

  test('with its encoder only below the decoder', async () => {
    const { loadFold } = await importTiny({
      changeCheckpoint: (_, weights) => {
        for (const key of [...weights.keys()]) if (String(key).startsWith('encoder.')) weights.delete(key);
      },
    });
    expect(await loadFold('0')).toEqual(tinyWeights(parametersOf(), 0));
  });

  test('in two dimensions', async () => {
    const twoAxes = (sizes: readonly number[][]) => sizes.map((entry) => entry.slice(1));
    const plans = plansJson({
      '2d': {
        ...TINY_CONFIGURATION,
        patch_size: [16, 16],
        spacing: [1, 1],
        architecture: {
          ...TINY_CONFIGURATION.architecture,
          arch_kwargs: {
            ...TINY_ARCH_KWARGS,
            conv_op: 'torch.nn.modules.conv.Conv2d',
            norm_op: 'torch.nn.modules.instancenorm.InstanceNorm2d',
            kernel_sizes: twoAxes(TINY_ARCH_KWARGS.kernel_sizes),
            strides: twoAxes(TINY_ARCH_KWARGS.strides),
          },
        },
      },
    });
    const { loadFold } = await importTiny({ plans, configuration: '2d' });
    const weights = await loadFold('0');
    expect(weights.get('encoder.stages.0.0.convs.0.conv.weight')?.shape).toEqual([4, 1, 3, 3]);
    expect(weights.get('decoder.transpconvs.0.weight')?.shape).toEqual([6, 4, 2, 2]);
  });

  test('without mirroring', async () => {
    expect((await importTiny({ mirrorAxes: null })).model.mirrorAxes).toEqual([]);
  });

  test("the checkpoint's configuration counts, then the folder's name", async () => {
    const plans = plansJson({
      '3d_fullres': TINY_CONFIGURATION,
      other: { inherits_from: '3d_fullres', batch_size: 9 },
    });
    expect((await importTiny({ plans, configuration: 'other' })).model.configuration.batchSize).toBe(9);
    const unnamed = await importTiny({
      plans,
      folder: 'results/nnUNetTrainer_5epochs__nnUNetPlans__other',
      changeCheckpoint: (checkpoint) => {
        checkpoint.delete('init_args');
        checkpoint.delete('trainer_name');
      },
    });
    expect(unnamed.model.configuration.batchSize).toBe(9);
    expect(unnamed.model.trainerName).toBe('nnUNetTrainer_5epochs');
  });

  test('the stage of a cascade takes the previous segmentation as channels', async () => {
    const plans = plansJson({
      '3d_lowres': TINY_CONFIGURATION,
      '3d_fullres': { inherits_from: '3d_lowres', previous_stage: '3d_lowres' },
    });
    const wider = (name: string, shape: readonly number[]) =>
      name === 'encoder.stages.0.0.convs.0.conv.weight' ? [shape[0], 3, ...shape.slice(2)] : shape;
    const { model, loadFold } = await importTiny({
      plans,
      changeCheckpoint: (_, weights) => {
        for (const [key, { shape }] of [...weights]) {
          const name = String(key).replace('decoder.encoder', 'encoder').replace('all_modules.0', 'conv');
          const size = wider(name, shape);
          if (size !== shape)
            weights.set(key, new TensorToSave(new Float32Array(size.reduce((a, b) => a * b)), size));
        }
      },
    });
    expect(model.configuration.previousStage).toBe('3d_lowres');
    const first = (await loadFold('0')).get('encoder.stages.0.0.convs.0.conv.weight');
    expect(first?.shape).toEqual([4, 3, 1, 3, 3]);
  });
});

describe('where models are found', () => {
  test.each(['', 'nnUNet_results/Dataset001_Tiny/', 'fold_x/deep/'])('below %j', async (parent) => {
    const [{ origin }] = await importModel(modelFolderFiles({ folder: `${parent}${TINY_FOLDER}` }));
    expect(origin).toBe(`${parent}${TINY_FOLDER}`);
  });

  test('without a folder around them', async () => {
    const files = modelFolderFiles().map((file) => ({
      ...file,
      path: file.path.slice(TINY_FOLDER.length + 1),
    }));
    const [{ model }] = await importModel(files);
    expect(model.trainerName).toBe('nnUNetTrainer');
  });

  test.each([false, true])('in a zip (compressed: %s), several at once', async (isCompressed) => {
    const files = ['a', 'b'].flatMap((dataset) =>
      modelFolderFiles({ folder: `Dataset00${dataset}/${TINY_FOLDER}`, folds: ['0', '1'] }),
    );
    const models = await importModel([await zipped(files, 'exported.zip', isCompressed)]);
    expect(models.map(({ origin }) => origin)).toEqual([
      `exported.zip/Dataset00a/${TINY_FOLDER}`,
      `exported.zip/Dataset00b/${TINY_FOLDER}`,
    ]);
    expect(await models[1].loadFold('1')).toEqual(tinyWeights(parametersOf(), 1));
  });

  test('files of other kinds around them do no harm', async () => {
    const extra = [
      'notes.txt',
      `${TINY_FOLDER}/fold_0/progress.png`,
      '__MACOSX/x/fold_0/checkpoint_final.pth',
    ];
    const files = [...modelFolderFiles(), ...extra.map((path) => memoryFile(new Uint8Array(3), path))];
    expect(await importModel(files)).toHaveLength(1);
  });

  test('the Dice of the cross-validation comes along; a broken summary costs only its figure', async () => {
    const json = (path: string, text: string) =>
      memoryFile(new TextEncoder().encode(text), `${TINY_FOLDER}/${path}`);
    const files = [
      ...without(modelFolderFiles(), /summary/),
      json(
        'crossval_results_folds_0_1_2_3_4/summary.json',
        '{"foreground_mean": {"Dice": 0.75, "IoU": NaN}}',
      ),
      json('fold_0/validation/summary.json', '{"foreground_mean": '),
    ];
    const [{ model, crossValidationDice }] = await importModel(files);
    expect(crossValidationDice).toBe(0.75);
    expect(model.folds).toEqual([{ fold: '0', checkpointName: 'checkpoint_final.pth' }]);
  });
});

describe('folds and checkpoints', () => {
  const foldsOf = async (files: readonly SourceFile[], options = {}) =>
    (await importModel(files, options))[0].model.folds.map(({ fold }) => fold);

  test('all numbered folds, in order; fold_all only where it is alone or asked for', async () => {
    expect(await foldsOf(modelFolderFiles({ folds: ['10', '2', 'all', '0'] }))).toEqual(['0', '2', '10']);
    expect(await foldsOf(modelFolderFiles({ folds: ['all'] }))).toEqual(['all']);
    expect(await foldsOf(modelFolderFiles({ folds: ['0', 'all'] }), { folds: ['all'] })).toEqual(['all']);
  });

  test('a fold that was not listed can still be loaded', async () => {
    const [{ loadFold }] = await importModel(modelFolderFiles({ folds: ['0', 'all'] }));
    expect(await loadFold('all')).toEqual(tinyWeights(parametersOf(), 1));
  });

  test('the final checkpoint, else the best; another by name', async () => {
    const final = modelFolderFiles({ folds: ['0'] });
    const best = modelFolderFiles({ folds: ['0', '1'], checkpointName: 'checkpoint_best.pth' });
    const both = [...final, ...best.filter(({ path }) => path.endsWith('.pth'))];
    const name = async (files: readonly SourceFile[], options = {}) =>
      (await importModel(files, options))[0].model.folds.map(
        ({ fold, checkpointName }) => `${fold} ${checkpointName}`,
      );
    expect(await name(both)).toEqual(['0 checkpoint_final.pth']);
    expect(await name(best)).toEqual(['0 checkpoint_best.pth', '1 checkpoint_best.pth']);
    expect(await name(both, { checkpointName: 'checkpoint_best.pth' })).toEqual([
      '0 checkpoint_best.pth',
      '1 checkpoint_best.pth',
    ]);
  });

  test('a missing fold or checkpoint is named, with those that are there', async () => {
    const files = modelFolderFiles({ folds: ['0', '1'] });
    const there = /it has fold_0\/checkpoint_final\.pth, fold_1\/checkpoint_final\.pth/;
    for (const options of [{ folds: ['0', '3'] }, { checkpointName: 'checkpoint_best.pth' }]) {
      await expect(importModel(files, options)).rejects.toThrow(named('MissingFold'));
      await expect(importModel(files, options)).rejects.toThrow(there);
    }
    const [{ loadFold }] = await importModel(files);
    await expect(loadFold('4')).rejects.toThrow('fold_4/checkpoint_final.pth');
  });

  test('a folder without any fold says so', async () => {
    await expect(importModel(without(modelFolderFiles(), /\.pth$/))).rejects.toThrow(named('MissingFold'));
  });
});

describe('what is wrong is named', () => {
  test.each(['plans.json', 'dataset.json'])('no %s', async (name) => {
    const files = modelFolderFiles().filter(({ path }) => !path.endsWith(`/${name}`));
    await expect(importModel(files)).rejects.toThrow(named('IncompleteModel'));
    await expect(importModel(files)).rejects.toThrow(name);
  });

  test.each([
    ['nothing', []],
    ['an image', [memoryFile(new Uint8Array(3), 'case_0000.nii.gz')]],
    ['a lone checkpoint', [memoryFile(new Uint8Array(3), 'checkpoint_final.pth')]],
  ])('%s is no model', async (_, files) => {
    await expect(importModel(files)).rejects.toThrow(named('NoModel'));
  });

  test('an unknown architecture', async () => {
    const architecture = { network_class_name: 'my.nets.SwinUNETR', arch_kwargs: {} };
    const plans = plansJson({
      '3d_fullres': TINY_CONFIGURATION,
      custom: { ...TINY_CONFIGURATION, architecture },
    });
    const files = modelFolderFiles({
      plans,
      changeCheckpoint: (checkpoint) => checkpoint.set('init_args', new Map([['configuration', 'custom']])),
    });
    await expect(importModel(files)).rejects.toThrow(named('UnsupportedArchitecture'));
    await expect(importModel(files)).rejects.toThrow('my.nets.SwinUNETR');
  });

  test.each([
    [
      'lacks',
      'decoder.seg_layers.0.bias',
      (weights: OrderedDict<TensorToSave>) => weights.delete('decoder.seg_layers.0.bias'),
    ],
    [
      'has another shape of',
      "decoder.seg_layers.0.weight is 5 × 4 × 1 × 1 × 1, but the plans' network has 3 × 4 × 1 × 1 × 1",
      (weights: OrderedDict<TensorToSave>) =>
        weights.set('decoder.seg_layers.0.weight', new TensorToSave(new Float32Array(20), [5, 4, 1, 1, 1])),
    ],
    [
      'has in excess',
      'encoder.stages.2.0.convs.0.conv.weight',
      (weights: OrderedDict<TensorToSave>) =>
        weights.set('encoder.stages.2.0.convs.0.conv.weight', new TensorToSave(new Float32Array(1), [1])),
    ],
  ])('a checkpoint that %s %s', async (_, message, change) => {
    const files = modelFolderFiles({ changeCheckpoint: (_checkpoint, weights) => void change(weights) });
    await expect(importModel(files)).rejects.toThrow(named('WeightsMismatch'));
    await expect(importModel(files)).rejects.toThrow(message);
  });

  test('a checkpoint without weights, by what it holds', async () => {
    const files = modelFolderFiles({
      changeCheckpoint: (checkpoint) => checkpoint.delete('network_weights'),
    });
    await expect(importModel(files)).rejects.toThrow(/no network_weights; it holds only optimizer_state/);
  });

  test('one bad model does not keep the others out', async () => {
    const good = modelFolderFiles({ folder: `a/${TINY_FOLDER}` });
    const bad = modelFolderFiles({
      folder: `b/${TINY_FOLDER}`,
      dataset: { ...TINY_DATASET, labels: { organ: 1 } },
    });
    const [first, second] = await importModels([...good, ...bad]);
    expect('imported' in first).toBe(true);
    expect('error' in second && second.error.name).toBe('BadDatasetJson');
  });
});
