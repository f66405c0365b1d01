// Both stages of a cascade, as a shell sees it. The models are tiny ones of our own.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeZip } from '@/core/io/zipStream';
import { cascadePlansJson, modelFolderFiles } from '../support/modelFolder';
import { niftiFile } from '../support/nifti';
import { tinyImage } from '../support/tinyCases';

const COMMAND = path.resolve('bin/nnstudio.mjs');
const LOWRES = 'nnUNetTrainer__nnUNetPlans__3d_lowres';
const CASCADE = 'nnUNetTrainer__nnUNetPlans__3d_cascade_fullres';

let root = '';
const at = (...parts: string[]) => path.join(root, ...parts);
const write = (name: string, content: Uint8Array | string) => {
  mkdirSync(path.dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
};
const read = (...parts: string[]) => readFileSync(at(...parts));
const json = (...parts: string[]) => JSON.parse(read(...parts).toString());

function predict(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [COMMAND, 'predict', ...args, '--disable_tta'],
    { cwd: root, env: { ...process.env, nnUNet_results: at('results') }, encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

beforeAll(async () => {
  root = mkdtempSync(path.join(os.tmpdir(), 'nnstudio-cascade-'));
  const plans = cascadePlansJson();
  const files = [
    ...modelFolderFiles({
      folder: `Dataset001_Tiny/${LOWRES}`,
      plans,
      configuration: '3d_lowres',
      folds: ['all'],
    }),
    ...modelFolderFiles({ folder: `Dataset001_Tiny/${CASCADE}`, plans, configuration: '3d_cascade_fullres' }),
  ];
  const entries = await Promise.all(
    files.map(async (file) => ({ path: file.path, content: await file.bytes() })),
  );
  for (const { path: name, content } of entries) write(`results/${name}`, content);
  write('both.zip', writeZip(entries));
  cpSync(at('results/Dataset001_Tiny', CASCADE), at('alone', CASCADE), { recursive: true });
  write('images/case_a_0000.nii.gz', tinyImage(1));
  write('images/case_b_0000.nii.gz', tinyImage(2));
}, 120_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

test('the first stage is run first, and gives what its segmentations in a folder give', () => {
  const cascade = ['-d', '1', '-c', '3d_cascade_fullres', '-f', '0'];
  const { status, stdout, stderr } = predict('-i', 'images', '-o', 'out', ...cascade);
  expect(stderr).not.toContain('FAILED');
  expect(status).toBe(0);
  expect(stdout).toContain('runs after Dataset001_Tiny 3d_lowres (nnUNetTrainer, nnUNetPlans), fold all');
  expect(readdirSync(at('out/3d_lowres')).sort()).toEqual([
    'case_a.nii.gz',
    'case_b.nii.gz',
    'dataset.json',
    'plans.json',
    'predict_from_raw_data_args.json',
  ]);
  expect(json('out/predict_from_raw_data_args.json').folder_with_segs_from_prev_stage).toBe('out/3d_lowres');

  const lowres = predict('-i', 'images', '-o', 'lowres', '-d', '1', '-c', '3d_lowres', '-f', 'all');
  expect(lowres.status).toBe(0);
  for (const name of ['case_a.nii.gz', 'case_b.nii.gz'])
    expect(read('lowres', name).equals(read('out/3d_lowres', name))).toBe(true);

  const given = predict('-i', 'images', '-o', 'given', ...cascade, '-prev_stage_predictions', 'lowres');
  expect(given.status).toBe(0);
  expect(readdirSync(at('given'))).not.toContain('3d_lowres');
  for (const name of ['case_a.nii.gz', 'case_b.nii.gz'])
    expect(read('given', name).equals(read('out', name))).toBe(true);
  expect(json('given/predict_from_raw_data_args.json')).toMatchObject({
    folder_with_segs_from_prev_stage: 'lowres',
  });

  // A zip with both stages, one image to one file: nothing else is left behind.
  const zip = ['-m', 'both.zip', '-c', '3d_cascade_fullres', '-f', '0'];
  expect(predict('-i', 'images/case_a_0000.nii.gz', '-o', 'single/seg.nii.gz', ...zip).status).toBe(0);
  expect(readdirSync(at('single'))).toEqual(['seg.nii.gz']);
  expect(read('single/seg.nii.gz').equals(read('out/case_a.nii.gz'))).toBe(true);

  rmSync(at('out/case_b.nii.gz'));
  rmSync(at('out/3d_lowres/case_b.nii.gz'));
  const again = predict('-i', 'images', '-o', 'out', ...cascade, '--c');
  expect(again.stdout).toContain('case_a: there already');
  expect(again.stdout).toMatch(/3d_lowres case_b: done[\s\S]*\ncase_b: done/);
  expect(again.stdout).not.toContain('3d_lowres case_a');
  expect(read('out/case_b.nii.gz').equals(read('given/case_b.nii.gz'))).toBe(true);
}, 120_000);

test('the first stage decides: another segmentation of it gives another result', () => {
  const dim = [20, 24, 6];
  const values = new Float32Array(20 * 24 * 6);
  const cascade = ['-i', 'images/case_a_0000.nii.gz', '-d', '1', '-c', '3d_cascade_fullres'];
  for (const label of [0, 1]) {
    write(
      `prev_${label}/case_a.nii.gz`,
      niftiFile({ dim, type: 'uint8', pixdim: [1, 1, 3], values: values.map(() => label) }),
    );
    const args = [...cascade, '-o', `decided_${label}`, '-prev_stage_predictions', `prev_${label}`];
    expect(predict(...args).status).toBe(0);
  }
  expect(read('decided_0/case_a.nii.gz').equals(read('decided_1/case_a.nii.gz'))).toBe(false);
}, 120_000);

test('a segmentation that is missing, of another grid or of another dataset fails its case alone', () => {
  const volume = (dim: readonly number[], label: number) => {
    const values = new Float32Array(dim.reduce((product, size) => product * size, 1)).fill(label);
    return niftiFile({ dim, type: 'uint8', pixdim: [1, 1, 3], values });
  };
  write('grids/case_a.nii.gz', volume([20, 24, 5], 1));
  write('labels/case_a.nii.gz', volume([20, 24, 6], 7));
  write('labels/case_b.nii.gz', volume([20, 24, 6], 2));
  const cascade = ['-i', 'images', '-d', '1', '-c', '3d_cascade_fullres'];
  const grids = predict(...cascade, '-o', 'failed', '-prev_stage_predictions', 'grids');
  expect(grids.status).toBe(1);
  expect(grids.stderr).toContain('case_a: FAILED. The segmentation of 3d_lowres is');
  expect(grids.stderr).toContain('case_b: FAILED. There is no segmentation of 3d_lowres for this case.');
  const labels = predict(...cascade, '-o', 'failed', '-prev_stage_predictions', 'labels');
  expect(labels.stderr).toContain('holds 7, which Dataset001_Tiny does not know');
  expect(labels.stdout).toContain('case_b: done');
}, 120_000);

test.each([
  {
    args: ['-m', `alone/${CASCADE}`],
    message: 'needs the segmentations of 3d_lowres, whose model is not beside it',
    code: 1,
  },
  {
    args: ['-m', `alone/${CASCADE}`, '-prev_stage_predictions', 'nowhere'],
    message: 'no folder nowhere',
    code: 2,
  },
  {
    args: ['-d', '1', '-c', '3d_lowres', '-prev_stage_predictions', 'images'],
    message: 'which 3d_lowres is not',
    code: 2,
  },
])('$args: $message', ({ args, message, code }) => {
  const { status, stderr } = predict('-i', 'images', '-o', 'none', ...args);
  expect(stderr).toContain(message);
  expect(status).toBe(code);
});
