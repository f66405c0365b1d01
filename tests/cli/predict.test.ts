// The command as a shell sees it: files, exit codes, messages. The model is a tiny one of our own.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeZip } from '@/core/io/zipStream';
import { modelFolderFiles, TINY_FOLDER } from '../support/modelFolder';
import { tinyImage } from '../support/tinyCases';

const COMMAND = path.resolve('bin/nnstudio.mjs');

let root = '';
const at = (...parts: string[]) => path.join(root, ...parts);
const write = (name: string, content: Uint8Array | string) => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
};

function nnstudio(...args: string[]) {
  const env = { ...process.env, nnUNet_results: at('results') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

beforeAll(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-cli-'));
  const folder = `Dataset001_Tiny/${TINY_FOLDER}`;
  const files = modelFolderFiles({ folder, folds: ['0', '1'] });
  const sources = await Promise.all(
    files.map(async (file) => ({ path: file.path, content: await file.bytes() })),
  );
  for (const { path: name, content } of sources) write(`results/${name}`, content);
  write('model.zip', writeZip(sources));
  write('images/case_a_0000.nii.gz', tinyImage(1));
  write('images/case_b_0000.nii.gz', 'no image');
  write('images/notes.txt', 'of no interest');
}, 120_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('nnstudio predict', () => {
  test('a folder, by dataset number: one case done, one failed', () => {
    const { status, stdout, stderr } = nnstudio(
      ...['predict', '-i', 'images', '-o', 'out', '-d', '1', '-c', '3d_fullres', '-f', '0', '1'],
      ...['--disable_tta', '--save_probabilities'],
    );
    expect(stderr).toContain('case_b: FAILED.');
    expect(stdout).toContain('2 cases: 1 done, 1 failed');
    expect(status).toBe(1);
    expect(readdirSync(at('out')).sort()).toEqual([
      'case_a.nii.gz',
      'case_a.npz',
      'case_a.pkl',
      'dataset.json',
      'plans.json',
      'predict_from_raw_data_args.json',
    ]);
    const header = gunzipSync(readFileSync(at('out/case_a.nii.gz')));
    expect([1, 2, 3].map((i) => header.readInt16LE(40 + 2 * i))).toEqual([20, 24, 6]);
    expect(readFileSync(at('out/plans.json'), 'utf8')).toBe(
      readFileSync(at('results/Dataset001_Tiny', TINY_FOLDER, 'plans.json'), 'utf8'),
    );
    const args = JSON.parse(readFileSync(at('out/predict_from_raw_data_args.json'), 'utf8'));
    expect(args).toMatchObject({ save_probabilities: true, overwrite: true, num_parts: 1 });
  });

  test('one file, by zip, to one file; asked again with --c it is there already', () => {
    const args = ['predict', '-i', 'images/case_a_0000.nii.gz', '-o', 'single/seg.nii.gz', '-m', 'model.zip'];
    expect(nnstudio(...args, '-f', '0', '--disable_tta')).toMatchObject({ status: 0 });
    expect(readdirSync(at('single'))).toEqual(['seg.nii.gz']);
    const again = nnstudio(...args, '--c');
    expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('seg: there already') });
  });

  test.each([
    { args: ['predict', '-i', 'images', '-o', 'out'], message: 'Name a model' },
    { args: ['predict', '-o', 'out', '-m', 'model.zip'], message: '-i is missing' },
    { args: ['predict', '--disable_ta'], message: 'Did you mean --disable_tta?' },
    {
      args: ['predict', '-i', 'images', '-o', 'out', '-m', 'model.zip', '-step_size', '2'],
      message: '-step_size must be',
    },
    { args: ['predict', '-i', 'images', '-o', 'out', '-d', '7', '-c', '2d'], message: 'No dataset 7' },
    { args: ['predcit'], message: 'Did you mean predict?' },
  ])('$args is a usage error: $message', ({ args, message }) => {
    const { status, stderr } = nnstudio(...args);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  test('a fold that is not there is named with those that are', () => {
    const { status, stderr } = nnstudio(
      ...['predict', '-i', 'images', '-o', 'x', '-m', 'model.zip', '-f', '4'],
    );
    expect(stderr).toContain('fold_4/checkpoint_final.pth; it has fold_0/checkpoint_final.pth');
    expect(status).toBe(1);
  });
});

describe('nnstudio inspect and models', () => {
  test('explain an image, a model and a checkpoint', () => {
    const image = nnstudio('inspect', 'images/case_a_0000.nii.gz');
    expect(image.stdout).toMatch(/voxels \(x, y, z\)\s+20 × 24 × 6/);
    expect(image.stdout).toMatch(/spacing \(x, y, z\)\s+1 × 1 × 3 mm/);
    const model = nnstudio('inspect', 'model.zip');
    expect(model.stdout).toMatch(/dataset\s+Dataset001_Tiny/);
    expect(model.stdout).toMatch(/1\s+organ\n\s+2\s+lesion/);
    const checkpoint = nnstudio(
      'inspect',
      `results/Dataset001_Tiny/${TINY_FOLDER}/fold_0/checkpoint_final.pth`,
    );
    expect(checkpoint.stdout).toContain('trainer_name: "nnUNetTrainer"');
    expect([image.status, model.status, checkpoint.status]).toEqual([0, 0, 0]);
  });

  test('a file that is of no use is named, with exit code 1 where it is not there', () => {
    expect(nnstudio('inspect', 'images/notes.txt').stdout).toContain('notes.txt is of no kind that is known');
    expect(nnstudio('inspect', 'missing.nii')).toMatchObject({ status: 1 });
  });

  test('models lists what is below nnUNet_results', () => {
    const { status, stdout } = nnstudio('models');
    expect(stdout).toContain('labels organ, lesion');
    expect(stdout).toContain('folds 0 (Dice 0.500), 1 (Dice 0.600)');
    expect(status).toBe(0);
  });
});
