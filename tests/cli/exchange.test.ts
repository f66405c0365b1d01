// Models in and out of nnUNet_results, as a shell sees it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryFile, readText } from '@/core/io/sourceFile';
import { modelFolderFiles, TINY_FOLDER } from '../support/modelFolder';
import { tinyImage } from '../support/tinyCases';
import { entriesOf } from '../support/zipped';

const COMMAND = path.resolve('bin/nnstudio.mjs');
const MODEL = `Dataset001_Tiny/${TINY_FOLDER}`;
const OTHER = 'Dataset001_Tiny/nnUNetTrainer__nnUNetPlans__2d';
const ENSEMBLE = `Dataset001_Tiny/ensembles/ensemble___${TINY_FOLDER}___nnUNetTrainer__nnUNetPlans__2d___0_1`;

let root = '';
const at = (...parts: string[]) => path.join(root, ...parts);
const write = (name: string, content: Uint8Array | string) => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
};
const zipOf = (name: string) => entriesOf(memoryFile(readFileSync(at(name)), name));

function nnstudio(args: readonly string[], results = 'results') {
  const env = { ...process.env, nnUNet_results: at(results) };
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

beforeAll(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-exchange-'));
  for (const folder of [MODEL, OTHER]) {
    for (const file of modelFolderFiles({ folder, folds: ['0', '1'] })) {
      write(`results/${file.path}`, await file.bytes());
    }
  }
  write(`results/${MODEL}/fold_0/debug.json`, '{}');
  write(`results/${MODEL}/fold_0/checkpoint_best.pth`, 'best');
  write(`results/${MODEL}/fold_0/validation/case_1.nii.gz`, 'prediction');
  write(`results/${MODEL}/fold_0/validation/case_1.npz`, 'probabilities');
  write(`results/${MODEL}/crossval_results_folds_0_1/summary.json`, '{}');
  write(`results/${MODEL}/crossval_results_folds_0_1/postprocessing.pkl`, 'steps');
  write(`results/${MODEL}/crossval_results_folds_0_1_2/summary.json`, '{}');
  write(`results/${ENSEMBLE}/summary.json`, '{}');
  write(`results/${ENSEMBLE}/postprocessing.pkl`, 'steps');
  write('results/Dataset001_Tiny/inference_information.json', '{}');
  write('images/case_a_0000.nii.gz', tinyImage(1));
}, 120_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('nnstudio export_model', () => {
  test('packs all that belongs to the models, and nothing else', async () => {
    const { status, stdout, stderr } = nnstudio(['export_model', '-d', '1', '-o', 'all.zip']);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('all.zip: ');
    const paths = [...(await zipOf('all.zip')).keys()];
    const ofModel = [
      'dataset.json',
      'plans.json',
      'fold_0/checkpoint_final.pth',
      'fold_1/checkpoint_final.pth',
    ];
    const summaries = ['fold_0/validation/summary.json', 'fold_1/validation/summary.json'];
    const ofFirst = ['fold_0/debug.json', 'crossval_results_folds_0_1/summary.json'];
    expect(paths.sort()).toEqual(
      [
        ...[MODEL, OTHER].flatMap((folder) => [...ofModel, ...summaries].map((name) => `${folder}/${name}`)),
        ...ofFirst.map((name) => `${MODEL}/${name}`),
        `${MODEL}/crossval_results_folds_0_1/postprocessing.pkl`,
        `${ENSEMBLE}/summary.json`,
        `${ENSEMBLE}/postprocessing.pkl`,
        'Dataset001_Tiny/inference_information.json',
      ].sort(),
    );
  });

  test('one configuration, fold and checkpoints by name, with predictions', async () => {
    const { status } = nnstudio([
      ...['export_model', '-d', 'Dataset001_Tiny', '-c', '3d_fullres', '-f', '0', '-o', 'one.zip'],
      ...['-chk', 'checkpoint_final.pth', 'checkpoint_best.pth', '--exp_cv_preds'],
    ]);
    expect(status).toBe(0);
    const paths = [...(await zipOf('one.zip')).keys()];
    expect(paths).toContain(`${MODEL}/fold_0/checkpoint_best.pth`);
    expect(paths).toContain(`${MODEL}/fold_0/validation/case_1.nii.gz`);
    expect(paths.filter((each) => /npz|fold_1|ensembles|crossval|__2d/.test(each))).toEqual([]);
  });

  test('what it unpacks elsewhere is the same to the byte', () => {
    nnstudio(['export_model', '-m', at('results', MODEL), '-o', 'model.zip']);
    const { status, stdout } = nnstudio(['install_pretrained_model_from_zip', 'model.zip'], 'elsewhere');
    expect(status).toBe(0);
    expect(stdout).toContain(path.join('elsewhere', MODEL));
    for (const name of ['plans.json', 'fold_1/checkpoint_final.pth']) {
      const [there, here] = ['elsewhere', 'results'].map((folder) => readFileSync(at(folder, MODEL, name)));
      expect(there.equals(here)).toBe(true);
    }
  });

  test.each([
    [['-d', '1', '-c', '3d_lowres'], 'no Dataset001_Tiny/nnUNetTrainer__nnUNetPlans__3d_lowres'],
    [['-d', '1', '-c', '2d', '-f', '0', '4'], 'fold_4/checkpoint_final.pth'],
    [['-d', '1', '-tr', 'nnUNetTrainerDA5'], 'nnUNetTrainerDA5__nnUNetPlans__'],
    [['-d', '1', '-chk', 'checkpoint_none.pth'], 'checkpoint_none.pth'],
    [[], '-d DATASET, or -m FOLDER'],
  ])('%j is refused with what is there', (args, message) => {
    const { status, stderr } = nnstudio(['export_model', ...args, '-o', 'never.zip']);
    expect(status).not.toBe(0);
    expect(stderr).toContain(message);
    expect(() => readFileSync(at('never.zip'))).toThrow();
  });
});

describe('nnstudio export_bundle', () => {
  test('one file that predicts as its folder does, and unpacks for nnU-Net', async () => {
    write('LICENCE', 'Use it well.\nAnd share.');
    const { status, stdout } = nnstudio([
      ...['export_bundle', '-m', at('results', MODEL), '-o', 'tiny', '-license', 'LICENCE'],
      ...['-citation', 'Someone 2026', '-title', 'Tiny organs'],
    ]);
    expect(stdout).toContain('tiny.nnstudio: ');
    expect(status).toBe(0);
    const license = (await zipOf('tiny.nnstudio')).get('LICENSE.txt');
    expect(license && (await readText(license))).toBe('Use it well.\nAnd share.\n');

    for (const [model, output] of [
      [at('results', MODEL), 'of_folder.nii.gz'],
      ['tiny.nnstudio', 'of_bundle.nii.gz'],
    ]) {
      const predicted = nnstudio([
        ...['predict', '-m', model, '-i', 'images/case_a_0000.nii.gz', '-o', output, '--disable_tta'],
      ]);
      expect(predicted.status, predicted.stderr).toBe(0);
    }
    expect(readFileSync(at('of_bundle.nii.gz')).equals(readFileSync(at('of_folder.nii.gz')))).toBe(true);

    expect(nnstudio(['inspect', 'tiny.nnstudio']).stdout).toMatch(/licence\s+Use it well\./);
    expect(nnstudio(['import_model', 'tiny.nnstudio'], 'of_bundle').stdout).toContain(
      path.join('of_bundle', MODEL),
    );
    const again = nnstudio(['export_bundle', '-m', at('of_bundle', MODEL), '-o', 'again.nnstudio']);
    expect(again.stdout).toContain('names no licence');
    const [first, second] = await Promise.all(
      ['tiny.nnstudio', 'again.nnstudio'].map(async (name) =>
        (await zipOf(name)).get('fold_1/checkpoint_final.safetensors')?.bytes(),
      ),
    );
    expect(first && second && Buffer.from(first).equals(Buffer.from(second))).toBe(true);
  }, 120_000);

  test('a file that is no bundle, and no archive at all, is refused', () => {
    write('broken.nnstudio', 'what is this');
    for (const args of [
      ['predict', '-m', 'broken.nnstudio', '-i', 'images', '-o', 'out'],
      ['import_model', 'broken.nnstudio'],
    ]) {
      const { status, stderr } = nnstudio(args);
      expect(status).toBe(1);
      expect(stderr).toMatch(/broken\.nnstudio.*not a/);
    }
  });
});

describe('nnstudio import_model', () => {
  const weightsAt = (name: string) => readFileSync(at('kept', name));

  test('keeps trainings apart, and replaces a fold only with --force', async () => {
    const folder = `Dataset001_Tiny/nnUNetTrainer_30epochs__nnUNetPlans__3d_fullres`;
    for (const file of modelFolderFiles({ folder, folds: ['0', '1'], trainerName: 'nnUNetTrainer' })) {
      write(`longer/${file.path}`, await file.bytes());
    }
    nnstudio(['export_model', '-m', at('results', MODEL), '-f', '0', '-o', 'stock.zip']);
    nnstudio(['export_bundle', '-m', at('longer', folder), '-f', '1', '-o', 'longer.nnstudio']);
    expect(nnstudio(['import_model', 'stock.zip'], 'kept').status).toBe(0);
    const longer = nnstudio(['import_model', 'longer.nnstudio'], 'kept');
    expect(longer.stdout.trim()).toBe(path.join(at('kept'), folder));
    expect(readdirSync(at('kept', MODEL)).sort()).toEqual(['dataset.json', 'fold_0', 'plans.json']);

    const before = weightsAt(`${folder}/fold_1/checkpoint_final.pth`);
    write(`kept/${folder}/fold_1/checkpoint_best.pth`, 'of the other training');
    const refused = nnstudio(['import_model', 'longer.nnstudio'], 'kept');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain(`${folder}/fold_1. Nothing has been changed. --force`);
    expect(weightsAt(`${folder}/fold_1/checkpoint_final.pth`).equals(before)).toBe(true);

    expect(nnstudio(['import_model', 'longer.nnstudio', '--force'], 'kept').status).toBe(0);
    const files = readdirSync(at('kept', folder, 'fold_1'));
    expect(files.sort()).toEqual(['checkpoint_final.pth', 'progress.json', 'validation']);
    expect(readdirSync(at('kept')).sort()).toEqual(['Dataset001_Tiny']);
  }, 60_000);

  test('a model that stays outside is unpacked for nnU-Net, and named where it is to predict', async () => {
    const folder = `Dataset001_Tiny/nnUNet_Primus_M_Trainer__nnUNetPlans__3d_fullres`;
    for (const file of modelFolderFiles({ folder, trainerName: 'nnUNet_Primus_M_Trainer' })) {
      write(`outside/${file.path}`, await file.bytes());
    }
    const predicted = nnstudio([
      ...['predict', '-m', at('outside', folder), '-i', 'images/case_a_0000.nii.gz', '-o', 'never.nii.gz'],
    ]);
    expect(predicted.status).toBe(1);
    expect(predicted.stderr).toMatch(/nnUNet_Primus_M_Trainer trains a transformer.*nnUNetv2_predict/);
  });
});

describe('nnstudio export_for_cluster', () => {
  const PREPROCESSED = 'preprocessed/Dataset001_Tiny';
  const args = ['export_for_cluster', '1', '3d_fullres', '0', '-raw', 'raw', '-preprocessed', 'preprocessed'];

  beforeAll(() => {
    write(`${PREPROCESSED}/nnUNetPlans.json`, readFileSync(at('results', MODEL, 'plans.json')));
    write(`${PREPROCESSED}/dataset.json`, readFileSync(at('results', MODEL, 'dataset.json')));
    write(`${PREPROCESSED}/dataset_fingerprint.json`, '{}');
    write(`${PREPROCESSED}/splits_final.json`, JSON.stringify([{ train: ['case_1'], val: ['case_2'] }]));
    write(`${PREPROCESSED}/gt_segmentations/case_1.nii.gz`, 'labels');
    write(`${PREPROCESSED}/nnUNetPlans_3d_fullres/case_1.npz`, 'arrays');
    write(`${PREPROCESSED}/nnUNetPlans_3d_fullres/case_2.npz`, 'arrays');
    write(`${PREPROCESSED}/nnUNetPlans_3d_fullres/case_1.npy`, 'unpacked');
    write(`${PREPROCESSED}/nnUNetPlans_3d_fullres/case_1_seg.npy`, 'unpacked');
    write(`${PREPROCESSED}/nnUNetPlans_3d_fullres/case_1.pkl`, 'properties');
    write(`${PREPROCESSED}/nnUNetPlans_2d/case_1.npz`, 'not asked for');
    write('raw/Dataset001_Tiny/imagesTr/case_1_0000.nii.gz', 'image');
  });

  test('lays everything out for nnU-Net and says how it goes on', async () => {
    const { status, stdout, stderr } = nnstudio([...args, '-num_gpus', '2', '-o', 'cluster.zip']);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('nnUNetv2_train Dataset001_Tiny 3d_fullres 0 -num_gpus 2 --c');
    expect(stdout).not.toContain('nnUNet_extTrainer');
    const entries = await zipOf('cluster.zip');
    expect([...entries.keys()].sort()).toEqual(
      [
        'CONTINUE.txt',
        'nnUNet_raw/Dataset001_Tiny/imagesTr/case_1_0000.nii.gz',
        ...[
          'nnUNetPlans.json',
          'dataset.json',
          'dataset_fingerprint.json',
          'splits_final.json',
          'gt_segmentations/case_1.nii.gz',
          'nnUNetPlans_3d_fullres/case_1.npz',
          'nnUNetPlans_3d_fullres/case_2.npz',
          'nnUNetPlans_3d_fullres/case_1.pkl',
        ].map((name) => `nnUNet_preprocessed/Dataset001_Tiny/${name}`),
        ...[
          'plans.json',
          'dataset.json',
          'fold_0/checkpoint_final.pth',
          'fold_0/checkpoint_best.pth',
          'fold_0/debug.json',
        ].map((name) => `nnUNet_results/${MODEL}/${name}`),
      ].sort(),
    );
    const text = entries.get('CONTINUE.txt');
    expect(text && (await readText(text))).toContain('export nnUNet_results="$PWD/nnUNet_results"');
  });

  test('a trainer that nnU-Net lacks goes along as a class', async () => {
    for (const file of modelFolderFiles()) {
      const name = file.path.replace('nnUNetTrainer__', 'nnUNetTrainer_30epochs__');
      write(`results/Dataset001_Tiny/${name}`, await file.bytes());
    }
    const { status, stdout } = nnstudio([
      ...args,
      '-tr',
      'nnUNetTrainer_30epochs',
      '--no_raw',
      '-o',
      'folder',
    ]);
    expect(status).toBe(0);
    expect(stdout).toContain('-tr nnUNetTrainer_30epochs -num_gpus 1 --c');
    const source = readFileSync(at('folder/trainer/nnUNetTrainer_30epochs.py'), 'utf8');
    expect(source).toContain('class nnUNetTrainer_30epochs(Base):');
    expect(source).toContain('self.num_epochs = 30');
    expect(stdout).toContain(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line for the shell
      'export nnUNet_extTrainer="$PWD/trainer${nnUNet_extTrainer:+:$nnUNet_extTrainer}"',
    );
    const kept = at(
      'folder/nnUNet_results/Dataset001_Tiny/nnUNetTrainer_30epochs__nnUNetPlans__3d_fullres/fold_0/checkpoint_final.pth',
    );
    expect(readFileSync(kept).length).toBeGreaterThan(1000);
    expect(() => readFileSync(at('folder/nnUNet_raw'))).toThrow();
  });

  test.each([
    [['export_for_cluster', '1', '2d', '0', '-o', 'x.zip'], 'no configuration 2d'],
    [['export_for_cluster', '1', '3d_fullres', '-o', 'x.zip'], 'a dataset, a configuration and a fold'],
    [[...args, '-o', 'x.zip', '-num_gpus', '0'], '-num_gpus must be a whole number from 1'],
    [[...args, '-o', 'x.zip', '-p', 'others'], 'others.json'],
    [[...args, '-o', 'x.zip', '-num_gpus', '4'], 'cannot train on 4 GPUs: the batch has 2 samples'],
    [['export_for_cluster', '1', '3d_fullres', '17', '-o', 'x.zip'], 'splits_final.json has no fold 17'],
    [
      ['export_for_cluster', '1', '3d_fullres', '0', '-tr', 'nnUNet_Primus_M_Trainer', '-o', 'x.zip'],
      'transformer',
    ],
  ])('%j is refused', (asked, message) => {
    const { status, stderr } = nnstudio([...asked, '-raw', 'raw', '-preprocessed', 'preprocessed']);
    expect(status).not.toBe(0);
    expect(stderr).toContain(message);
  });
});
