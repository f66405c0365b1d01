// A cascade from raw training to prediction: `train` of both stages, then `predict` through both.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Command } from '@/cli/command';
import { predictCommand } from '@/cli/commands/segment/predict';
import { trainCommand } from '@/cli/commands/train/train';
import { parseOptions } from '@/cli/options';
import { nodeDatasetFolder } from '@/storage/nodeFiles';
import { TINY_DATASET, TINY_JSON, tinyImage } from '../support/tinyDataset';
import { tinyPreprocessed } from '../support/tinyTraining';

const MINUTE = 60_000;
const TRAINER = 'nnUNetTrainer_2epochs';

let folder: string;
const at = (...parts: string[]) => path.join(folder, ...parts);
const inModel = (configuration: string, ...parts: string[]) =>
  at('results', TINY_DATASET, `${TRAINER}__nnUNetPlans__${configuration}`, ...parts);

function run(command: Command, line: string): Promise<number> {
  return command.run(parseOptions(line.split(' '), command.options), new AbortController().signal);
}

function train(configuration: string, fold: number): Promise<number> {
  const folders = ['raw', 'preprocessed', 'results'].map((name) => `-${name} ${at(name)}`).join(' ');
  const short = `-tr ${TRAINER} --iterations 2 --val_iterations 1 --no_pbar`;
  return run(trainCommand, `7 ${configuration} ${fold} ${short} ${folders}`);
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  vi.stubEnv('nnUNet_results', at('results'));
  mkdirSync(at('raw'));
  const preprocessed = nodeDatasetFolder(at('preprocessed', TINY_DATASET));
  await tinyPreprocessed(undefined, preprocessed);
  const cases = Array.from({ length: TINY_JSON.numTraining }, (_, i) => `case_${i}`);
  const [first, second] = [cases.slice(0, 3), cases.slice(3)];
  const splits = [
    { train: second, val: first },
    { train: first, val: second },
  ];
  await preprocessed.write('splits_final.json', JSON.stringify(splits));
}, MINUTE);

afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('both stages are trained, and predict one after the other', { timeout: 3 * MINUTE }, async () => {
  expect(await train('3d_lowres', 0)).toBe(0);
  await expect(train('3d_cascade_fullres', 0)).rejects.toMatchObject({
    name: 'NoPreviousStage',
    message: expect.stringContaining('Train and validate all folds of 3d_lowres first.'),
  });
  expect(await train('3d_lowres', 1)).toBe(0);
  expect(readdirSync(inModel('3d_lowres', 'predicted_next_stage/3d_cascade_fullres')).length).toBe(6);
  expect(await train('3d_cascade_fullres', 0)).toBe(0);
  expect(readdirSync(inModel('3d_cascade_fullres', 'fold_0/validation')).sort()).toEqual([
    ...['case_0.nii', 'case_1.nii', 'case_2.nii'],
    'summary.json',
  ]);

  for (const channel of [0, 1]) writeFileSync(at(`new_000${channel}.nii`), tinyImage(70 + channel));
  const images = `-i ${at('new_0000.nii')} ${at('new_0001.nii')}`;
  const cascade = `${images} -o ${at('out')} -d 7 -tr ${TRAINER} -c 3d_cascade_fullres`;
  expect(await run(predictCommand, cascade)).toBe(0);
  expect(readdirSync(at('out')).sort()).toEqual([
    '3d_lowres',
    'dataset.json',
    'new.nii',
    'plans.json',
    'predict_from_raw_data_args.json',
  ]);
  expect(readdirSync(at('out/3d_lowres'))).toContain('new.nii');
});
