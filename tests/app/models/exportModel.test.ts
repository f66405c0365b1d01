import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundleParts, nnunetParts } from '@/app/models/exportModel';
import { type ImportedModel, importModel } from '@/core/interop/importModel';
import { isDict } from '@/core/interop/pickleValues';
import { readTorchCheckpoint } from '@/core/interop/torchCheckpoint';
import { memoryFile, readText, type SourceFile, textFile } from '@/core/io/sourceFile';
import { readCheckpoint } from '@/core/training/readCheckpoint';
import { trainerNamed } from '@/core/training/trainers';
import { createModelLibrary, type NewModel } from '@/storage/modelLibrary';
import { MemoryRecords } from '../../storage/memoryRecords';
import { type ModelFolderOptions, modelFolderFiles, TINY_FOLDER } from '../../support/modelFolder';
import { entriesOf, zipped } from '../../support/zipped';

const ROOT = `Dataset001_Tiny/${TINY_FOLDER}`;

async function tiny(options: ModelFolderOptions = {}): Promise<ImportedModel> {
  const [imported] = await importModel([
    ...modelFolderFiles({ folds: ['0', '1'], ...options }),
    textFile('{"folds": 5}', `${TINY_FOLDER}/crossval_results_folds_0_1/postprocessing.json`),
    textFile('Epoch 0\n', `${TINY_FOLDER}/fold_1/training_log_2026_1_1_00_00_00.txt`),
    textFile('not kept', `${TINY_FOLDER}/fold_0/validation/case_1.nii.gz`),
  ]);
  return imported;
}

function asNew(imported: ImportedModel): NewModel {
  return { ...imported, name: 'Tiny', source: imported.origin, origin: 'imported' };
}

/** A model as the library gives it back. */
async function kept(imported: ImportedModel): Promise<ImportedModel> {
  const library = createModelLibrary(new MemoryRecords(), new MemoryRecords());
  const record = await library.add(asNew(imported));
  const files = await library.files(record.id);
  return { ...imported, ...record, origin: '', files, loadFold: (fold) => library.loadFold(record.id, fold) };
}

async function expectSameBytes(file: SourceFile | undefined, original: SourceFile): Promise<void> {
  expect(file, original.path).toBeDefined();
  const [found, expected] = [await file?.bytes(), await original.bytes()];
  expect(Buffer.from(found ?? []).equals(Buffer.from(expected)), original.path).toBe(true);
}

describe('a model for nnU-Net', () => {
  test('holds the files it was imported with, to the byte, below dataset and model folder', async () => {
    const imported = await tiny();
    const zip = await zipped(nnunetParts(await kept(imported)), 'model.zip');
    const entries = await entriesOf(zip);
    expect([...entries.keys()].sort()).toEqual(imported.files.map((file) => `${ROOT}/${file.path}`).sort());
    expect([...entries.keys()]).toContain(`${ROOT}/crossval_results_folds_0_1/postprocessing.json`);
    for (const file of imported.files) await expectSameBytes(entries.get(`${ROOT}/${file.path}`), file);
  });

  test('kept as weights alone gets plans, dataset.json and checkpoints that nnU-Net’s trainer goes on with', async () => {
    const imported = await tiny();
    const zip = await zipped(nnunetParts({ ...imported, files: [] }), 'model.zip');
    const [again] = await importModel([zip]);
    expect(again.origin).toBe(`model.zip/${ROOT}`);
    const withoutDice = imported.model.folds.map(({ fold, checkpointName }) => ({ fold, checkpointName }));
    expect(again.model).toEqual({ ...imported.model, folds: withoutDice });
    for (const fold of ['0', '1']) expect(await again.loadFold(fold)).toEqual(await imported.loadFold(fold));

    const file = (await entriesOf(zip)).get(`${ROOT}/fold_1/checkpoint_final.pth`);
    if (!file) throw new Error('no checkpoint');
    const { root } = await readTorchCheckpoint(file);
    expect(isDict(root) && [...root.keys()]).toEqual([
      'network_weights',
      'optimizer_state',
      'grad_scaler_state',
      'logging',
      '_best_ema',
      'current_epoch',
      'init_args',
      'trainer_name',
      'inference_allowed_mirroring_axes',
    ]);
    const { state } = await readCheckpoint(file, {
      trainer: trainerNamed('nnUNetTrainer'),
      architecture: imported.model.configuration.architecture,
      inputChannels: 1,
      outputChannels: 3,
    });
    expect(state).toMatchObject({ epoch: 1000, optimiser: undefined });
  });

  test('stays in its folder, whatever it calls itself', async () => {
    const imported = await tiny();
    const model = { ...imported.model, datasetName: '../../evil', trainerName: '..\\..\\worse' };
    const paths = nnunetParts({ ...imported, model }).map((part) => part.path);
    for (const each of paths) expect(each).toMatch(/^_[^/\\]*evil\/[^/\\]+__nnUNetPlans__3d_fullres\//);
  });

  test('of a trainer that is not known here keeps its name', async () => {
    const imported = await tiny({ trainerName: 'nnUNetTrainerOfOurs_50epochs' });
    const [again] = await importModel([await zipped(nnunetParts({ ...imported, files: [] }), 'model.zip')]);
    expect(again.model.trainerName).toBe('nnUNetTrainerOfOurs_50epochs');
  });
});

describe('a bundle', () => {
  const sharing = {
    title: 'Tiny organs',
    authors: 'A. Müller',
    licence: 'CC BY 4.0',
    citation: 'Müller, A. Tiny organs. 2026.',
  };

  test('gives the same model with the same weights', async () => {
    const imported = await tiny();
    const bundle = await zipped(bundleParts(await kept(imported), sharing), 'tiny.nnstudio');
    const [again] = await importModel([bundle]);
    expect(again.model).toEqual(imported.model);
    expect(again.sharing).toEqual(sharing);
    expect(again.origin).toBe('tiny.nnstudio');
    for (const fold of ['0', '1']) expect(await again.loadFold(fold)).toEqual(await imported.loadFold(fold));
    expect(bundle.sizeInBytes).toBeLessThan(imported.sizeInBytes * 1.2);
  });

  test('says what to cite and under which licence it may be used', async () => {
    const entries = await entriesOf(await zipped(bundleParts(await tiny(), sharing), 'tiny.nnstudio'));
    const text = async (name: string) => readText(entries.get(name) ?? textFile('', name));
    expect([...entries.keys()][0]).toBe('mimetype');
    expect(await text('LICENSE.txt')).toBe('CC BY 4.0\n');
    expect(await text('CITATION.txt')).toContain('Müller, A. Tiny organs. 2026.');
    expect(await text('CITATION.txt')).toContain('nnU-Net: a self-configuring method');
    expect(await text('fold_1/training_log_2026_1_1_00_00_00.txt')).toBe('Epoch 0\n');
    expect(JSON.parse(await text('fold_0/validation/summary.json'))).toEqual({
      foreground_mean: { Dice: 0.5 },
    });
    expect(JSON.parse(await text('fold_0/progress.json'))).toHaveProperty('train_losses');
    const silent = await entriesOf(await zipped(bundleParts(await tiny(), {}), 'tiny.nnstudio'));
    expect(await readText(silent.get('CITATION.txt') ?? textFile('', ''))).toContain(
      'nnU-Net: a self-configuring',
    );
    expect(await readText(silent.get('LICENSE.txt') ?? textFile('', ''))).toContain('named no licence');
  });

  test('can be handed on: kept in the library, written as bundle and for nnU-Net again', async () => {
    const imported = await tiny();
    const [first] = await importModel([await zipped(bundleParts(imported, sharing), 'tiny.nnstudio')]);
    const stored = await kept(first);
    const [second] = await importModel([await zipped(bundleParts(stored, sharing), 'again.nnstudio')]);
    const [third] = await importModel([await zipped(nnunetParts(stored), 'again.zip')]);
    for (const model of [second, third]) {
      expect(model.model).toEqual(imported.model);
      expect(await model.loadFold('1')).toEqual(await imported.loadFold('1'));
    }
  });

  test('of version 1, as it was first written, still opens', async () => {
    const file = path.resolve('tests/support/bundleVersion1.nnstudio');
    const [{ model, sharing: read, loadFold }] = await importModel([
      memoryFile(readFileSync(file), 'bundleVersion1.nnstudio'),
    ]);
    const imported = await tiny();
    expect(model).toEqual(imported.model);
    expect(read).toEqual(sharing);
    for (const fold of ['0', '1']) expect(await loadFold(fold)).toEqual(await imported.loadFold(fold));
  });
});

describe('what is no bundle says so', () => {
  const changed = async (change: (manifest: Record<string, unknown>) => unknown) => {
    const parts = bundleParts(await tiny(), {});
    const manifest = parts.find((part) => part.path === 'manifest.json');
    const json: unknown = JSON.parse(await readText((await manifest?.open()) ?? textFile('', '')));
    const text = JSON.stringify(change(json as Record<string, unknown>));
    const others = parts.filter((part) => part !== manifest);
    const file = textFile(text, 'manifest.json');
    return zipped(
      [...others, { path: file.path, sizeInBytes: file.sizeInBytes, open: async () => file }],
      'x.nnstudio',
    );
  };

  test('a newer version', async () => {
    const bundle = await changed(() => ({ format: 'nnstudio-model', version: 2 }));
    await expect(importModel([bundle])).rejects.toMatchObject({
      name: 'NewerBundle',
      message: expect.stringContaining('version 2'),
    });
  });

  test('a manifest that lacks something', async () => {
    const bundle = await changed(({ trainer_name: _, ...manifest }) => manifest);
    await expect(importModel([bundle])).rejects.toMatchObject({
      name: 'BadBundle',
      message: expect.stringContaining('trainer_name'),
    });
  });

  test('a file of another kind, an empty one, one cut short', async () => {
    await expect(
      importModel([textFile('hello, this is text, not a zip', 'x.nnstudio')]),
    ).rejects.toMatchObject({
      name: 'BadBundle',
    });
    await expect(importModel([textFile('', 'x.nnstudio')])).rejects.toMatchObject({ name: 'BadBundle' });
    const whole = await (await zipped(bundleParts(await tiny(), {}), 'x.nnstudio')).bytes();
    const cut = memoryFile(whole.subarray(0, whole.length - 500), 'x.nnstudio');
    await expect(importModel([cut])).rejects.toMatchObject({ name: 'BadZip' });
  });

  test('weights of another network', async () => {
    const parts = bundleParts(await tiny(), {});
    const dataset = textFile(
      JSON.stringify({
        channel_names: { 0: 'MRI' },
        labels: { background: 0, organ: 1 },
        file_ending: '.nii.gz',
      }),
      'dataset.json',
    );
    const bundle = await zipped(
      parts.map((part) => (part.path === 'dataset.json' ? { ...part, open: async () => dataset } : part)),
      'x.nnstudio',
    );
    await expect(importModel([bundle])).rejects.toMatchObject({ name: 'WeightsMismatch' });
  });
});
