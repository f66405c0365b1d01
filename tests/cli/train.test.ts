// `nnstudio train` on a small dataset on disk, and what becomes of its model.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Command } from '@/cli/command';
import { predictCommand } from '@/cli/commands/segment/predict';
import { trainCommand } from '@/cli/commands/train/train';
import { parseOptions } from '@/cli/options';
import { TensorToSave, writeTorchCheckpoint } from '@/core/interop/torchWriter';
import { nodeDatasetFolder } from '@/storage/nodeFiles';
import { TINY_DATASET, tinyImage } from '../support/tinyDataset';
import { tinyPreprocessed } from '../support/tinyTraining';

const MINUTE = 60_000;
const SHORT = '--iterations 2 --val_iterations 1 --no_pbar';
const MODEL = `${TINY_DATASET}/nnUNetTrainer_2epochs__nnUNetPlans__3d_fullres`;

let folder: string;
const inResults = (...parts: string[]) => path.join(folder, 'results', ...parts);

function run(command: Command, line: string, controller = new AbortController()): Promise<number> {
  return command.run(parseOptions(line.split(' '), command.options), controller.signal);
}

function train(line: string): Promise<number> {
  const folders = ['raw', 'preprocessed', 'results'].map((name) => `-${name} ${path.join(folder, name)}`);
  return run(trainCommand, `${line} ${folders.join(' ')}`);
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  mkdirSync(path.join(folder, 'raw'));
  await tinyPreprocessed(undefined, nodeDatasetFolder(path.join(folder, 'preprocessed', TINY_DATASET)));
}, MINUTE);

afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

test('trains, validates, and gives a model that predicts', { timeout: 3 * MINUTE }, async () => {
  expect(await train(`7 3d_fullres 0 -tr nnUNetTrainer_2epochs -device cuda ${SHORT}`)).toBe(0);
  expect(readdirSync(inResults(MODEL)).sort()).toEqual(['dataset.json', 'fold_0', 'plans.json']);
  const files = readdirSync(inResults(MODEL, 'fold_0')).map((name) => name.replace(/_\d.*\.txt$/, '.txt'));
  expect(files.sort()).toEqual([
    'checkpoint_best.pth',
    'checkpoint_final.pth',
    'debug.json',
    'progress.json',
    'progress.png',
    'training_log.txt',
    'validation',
  ]);
  const summary = JSON.parse(readFileSync(inResults(MODEL, 'fold_0/validation/summary.json'), 'utf8'));
  const [{ prediction_file: prediction, reference_file: reference }] = summary.metric_per_case;
  expect(existsSync(prediction) && existsSync(reference)).toBe(true);

  writeFileSync(path.join(folder, 'new_0000.nii'), tinyImage(70));
  writeFileSync(path.join(folder, 'new_0001.nii'), tinyImage(71));
  const images = `${path.join(folder, 'new_0000.nii')} ${path.join(folder, 'new_0001.nii')}`;
  const result = path.join(folder, 'new.nii.gz');
  expect(await run(predictCommand, `-i ${images} -o ${result} -m ${inResults(MODEL)}`)).toBe(0);
  expect(existsSync(result)).toBe(true);
});

test('--c goes on, --val only validates', { timeout: 2 * MINUTE }, async () => {
  const final = inResults(MODEL, 'fold_0/checkpoint_final.pth');
  const before = readFileSync(final);
  rmSync(inResults(MODEL, 'fold_0/validation'), { recursive: true });
  expect(await train(`7 3d_fullres 0 -tr nnUNetTrainer_2epochs --c --no_validation ${SHORT}`)).toBe(0);
  expect(readFileSync(final).equals(before)).toBe(true);
  expect(await train(`7 3d_fullres 0 -tr nnUNetTrainer_2epochs --val --val_best --npz --no_pbar`)).toBe(0);
  const files = readdirSync(inResults(MODEL, 'fold_0/validation'));
  expect(files.filter((name) => name.endsWith('.npz')).length).toBeGreaterThan(0);
});

test.each(['nnUNetTrainerBenchmark_5epochs', 'nnUNetTrainerBenchmark_5epochs_noDataLoading'])(
  '%s keeps its fastest epoch and nothing else',
  { timeout: 2 * MINUTE },
  async (name) => {
    await expect(train(`7 3d_fullres 1 -tr ${name} ${SHORT}`)).rejects.toThrow('on fold 0 alone');
    expect(await train(`7 3d_fullres 0 -tr ${name} ${SHORT}`)).toBe(0);
    const fold = inResults(TINY_DATASET, `${name}__nnUNetPlans__3d_fullres/fold_0`);
    const names = readdirSync(fold);
    expect(names.filter((name) => name.endsWith('.pth') || name === 'validation')).toEqual([]);
    const results = JSON.parse(readFileSync(path.join(fold, 'benchmark_result.json'), 'utf8'));
    const [[key, { fastest_epoch: fastest, gpu_name: gpu }]] =
      Object.entries<Record<string, unknown>>(results);
    expect(key).toBe(`${os.hostname()}__None__WebGPU__${String(gpu).replaceAll(' ', '')}__num_gpus_1`);
    const log = JSON.parse(readFileSync(path.join(fold, 'progress.json'), 'utf8'));
    expect(log.train_losses).toHaveLength(5);
    expect(fastest).toBeGreaterThan(0);
  },
);

test('--c obeys the length that is asked for, and says that it changed', {
  timeout: 2 * MINUTE,
}, async () => {
  const longer = MODEL.replace('_2epochs', '_4epochs');
  cpSync(inResults(MODEL), inResults(longer), { recursive: true });
  vi.mocked(console.log).mockClear();
  expect(
    await train(
      '7 3d_fullres 0 -tr nnUNetTrainer_4epochs --c --no_validation --iterations 1 --val_iterations 1 --no_pbar',
    ),
  ).toBe(0);
  const said = vi.mocked(console.log).mock.calls.map(([line]) => String(line));
  expect(said[0]).toMatch(/2 epochs of 2 \+ 1 iterations before, now 4 epochs of 1 \+ 1 iterations/);
  expect(said.filter((line) => /^epoch [23]: lr 0\.00(536|287)/.test(line))).toHaveLength(2);

  vi.mocked(console.log).mockClear();
  expect(await train('7 3d_fullres 0 -tr nnUNetTrainer_4epochs --c --no_validation --no_pbar')).toBe(0);
  expect(vi.mocked(console.log).mock.calls).toEqual([['All 4 epochs are done.']]);
});

test('-pretrained_weights that cannot be taken are named with what to do', async () => {
  const fold = inResults(MODEL, 'fold_0');
  const pretrained = (name: string) => train(`7 3d_fullres 1 ${SHORT} -pretrained_weights ${name}`);
  await expect(pretrained(`${fold}/nothing.pth`)).rejects.toThrow(
    `-pretrained_weights ${fold}/nothing.pth does not exist. Name a checkpoint`,
  );
  await expect(pretrained(fold)).rejects.toThrow(
    `${fold} is a folder. Name the checkpoint itself: ${fold}/checkpoint_final.pth`,
  );
  await expect(pretrained(inResults(MODEL))).rejects.toThrow('fold_0/checkpoint_final.pth');
  await expect(pretrained(`${fold}/debug.json`)).rejects.toThrow(
    /-pretrained_weights .*debug\.json is not a file that torch\.save wrote/,
  );
  const tensor = new TensorToSave(Float32Array.of(1), [1]);
  writeFileSync(inResults('bare.pth'), writeTorchCheckpoint(new Map([['a.weight', tensor]])));
  await expect(pretrained(inResults('bare.pth'))).rejects.toThrow(/bare\.pth holds bare weights/);
  writeFileSync(
    inResults('sd.pth'),
    writeTorchCheckpoint(new Map([['state_dict', new Map([['a', tensor]])]])),
  );
  await expect(pretrained(inResults('sd.pth'))).rejects.toThrow(/among its keys \(state_dict\)/);
});

test('says what is missing or meant', async () => {
  await expect(train('7 3d_fullres')).rejects.toThrow('a dataset, a configuration and a fold');
  await expect(train('7 3d_fullres first')).rejects.toThrow('The fold is a number or all');
  await expect(train('7 3d_fullres 0 -tr nnUNetTrainerr')).rejects.toThrow('nnUNetTrainer');
  await expect(train('7 3d_fullres 0 -p otherPlans')).rejects.toMatchObject({ name: 'NoPlans' });
  await expect(train('7 3d_fullres 1 --val')).rejects.toMatchObject({ name: 'NoCheckpoint' });
  await expect(train('7 3d_fullres 0 --iterations 0')).rejects.toThrow('whole number from 1');
  await expect(train('7 3d_fullres 0 --c -pretrained_weights x.pth')).rejects.toThrow('--c or -pretrained');
  await expect(train('7 3d_fullres 0 --c --val')).rejects.toThrow('give one of them');
});
