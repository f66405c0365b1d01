// The commands of self-configuration on a small dataset on disk.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Command } from '@/cli/command';
import { extractFingerprintCommand } from '@/cli/commands/data/extractFingerprint';
import { planAndPreprocessCommand } from '@/cli/commands/data/planAndPreprocess';
import { plotOverlayCommand } from '@/cli/commands/data/plotOverlay';
import { movePlansCommand } from '@/cli/commands/plan/movePlans';
import { planExperimentCommand } from '@/cli/commands/plan/planExperiment';
import { parseOptions } from '@/cli/options';
import { decodePng } from '@/core/io/png';
import { messageOf } from '@/shared/errors';
import { seededRandom } from '@/shared/random';
import { BREAKAGES } from '../support/brokenDatasets';
import { TINY_DATASET, tinyDataset } from '../support/tinyDataset';

const MINUTE = 60_000;

let folder: string;
const inRaw = (...parts: string[]) => path.join(folder, 'raw', ...parts);
const inPreprocessed = (...parts: string[]) => path.join(folder, 'preprocessed', ...parts);

function writeDataset(name: string, contents = tinyDataset()): void {
  for (const [file, content] of contents) {
    const location = inRaw(name, file);
    mkdirSync(path.dirname(location), { recursive: true });
    writeFileSync(location, content);
  }
}

function run(command: Command, line: string): Promise<number> {
  const folders = ['-raw', inRaw(), '-preprocessed', inPreprocessed()];
  const options = parseOptions([...line.split(' '), ...folders], command.options);
  return command.run(options, new AbortController().signal);
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  writeDataset(TINY_DATASET);
  await run(
    planAndPreprocessCommand,
    '-d 7 --verify_dataset_integrity --no_pbar -c 3d_fullres 3d_lowres -np 1 -npfp 1',
  );
}, 2 * MINUTE);

afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

test('plan_and_preprocess lays out what nnU-Net trains from', () => {
  expect(readdirSync(inPreprocessed(TINY_DATASET)).sort()).toEqual([
    '.nnstudio',
    'dataset.json',
    'dataset_fingerprint.json',
    'gt_segmentations',
    'nnUNetPlans.json',
    'nnUNetPlans_3d_fullres',
    'splits_final.json',
  ]);
  expect(readdirSync(inPreprocessed(TINY_DATASET, 'nnUNetPlans_3d_fullres'))).toHaveLength(12);
});

test('plot_overlay_pngs draws a picture of each case, raw and preprocessed; what is asked wrongly is said', async () => {
  const pictures = (name: string) => readdirSync(path.join(folder, name)).sort();
  const expected = Array.from({ length: 6 }, (_, i) => `case_${i}.png`);
  const to = (name: string) => path.join(folder, name);
  expect(await run(plotOverlayCommand, `-d 7 -o ${to('raw_pictures')} --use_raw -np 3`)).toBe(0);
  expect(pictures('raw_pictures')).toEqual(expected);
  expect(
    await run(plotOverlayCommand, `-d 7 -o ${to('prepared')} -channel_idx 1 -overlay_intensity 0.3`),
  ).toBe(0);
  expect(pictures('prepared')).toEqual(expected);
  const { shape } = await decodePng(readFileSync(to('raw_pictures/case_0.png')), 'case_0.png');
  expect(shape).toEqual([10, 12, 4]);
  await expect(run(plotOverlayCommand, `-d 7 -o ${to('none')} -c 2d`)).rejects.toThrow('2d');
  // A channel that is not there fails case by case.
  expect(await run(plotOverlayCommand, `-d 7 -o ${to('none')} --use_raw -channel_idx 2`)).toBe(1);
});

test('plan_experiment needs no images, and keeps configurations it does not make', async () => {
  const name = 'Dataset008_NoImages';
  mkdirSync(inRaw(name), { recursive: true });
  mkdirSync(inPreprocessed(name), { recursive: true });
  writeFileSync(inRaw(name, 'dataset.json'), tinyDataset().get('dataset.json') ?? '');
  const fingerprint = readFileSync(inPreprocessed(TINY_DATASET, 'dataset_fingerprint.json'));
  writeFileSync(inPreprocessed(name, 'dataset_fingerprint.json'), fingerprint);
  const own = { plans_name: 'mine', configurations: { my_config: { inherits_from: '2d', batch_size: 3 } } };
  writeFileSync(inPreprocessed(name, 'mine.json'), JSON.stringify(own));
  await run(
    planExperimentCommand,
    '-d 008 -pl nnUNetPlannerResEncM -gpu_memory_target 4 -overwrite_plans_name mine',
  );
  const plans = JSON.parse(readFileSync(inPreprocessed(name, 'mine.json'), 'utf8'));
  expect(plans.experiment_planner_used).toBe('nnUNetPlannerResEncM');
  expect(plans.dataset_name).toBe(name);
  expect(Object.keys(plans.configurations)).toEqual(['2d', '3d_fullres', 'my_config']);
});

test('plan_experiment tells sizes as x, y, z of the images, however the network has its axes', async () => {
  const name = 'Dataset012_Sagittal';
  mkdirSync(inRaw(name), { recursive: true });
  mkdirSync(inPreprocessed(name), { recursive: true });
  writeFileSync(inRaw(name, 'dataset.json'), tinyDataset().get('dataset.json') ?? '');
  const tiny = readFileSync(inPreprocessed(TINY_DATASET, 'dataset_fingerprint.json'), 'utf8');
  const sagittal = {
    ...JSON.parse(tiny),
    shapes_after_crop: Array.from({ length: 6 }, () => [48, 40, 16]),
    spacings: Array.from({ length: 6 }, () => [1, 0.75, 3]),
  };
  writeFileSync(inPreprocessed(name, 'dataset_fingerprint.json'), JSON.stringify(sagittal));
  await run(planExperimentCommand, '-d 12');
  const { transpose_forward: forward, configurations } = JSON.parse(
    readFileSync(inPreprocessed(name, 'nnUNetPlans.json'), 'utf8'),
  );
  expect(forward).toEqual([2, 0, 1]);
  const [x, z, y] = configurations['3d_fullres'].patch_size;
  const table = vi.mocked(console.log).mock.calls.flat().join('\n');
  expect(table).toMatch(new RegExp(`^ +3d_fullres +2 +${x} × ${y} × ${z} +3 × 0\\.75 × 1$`, 'm'));
  const [rows, columns] = configurations['2d'].patch_size;
  expect(table).toMatch(new RegExp(`^ +2d +\\d+ +${columns} × ${rows} +0\\.75 × 1$`, 'm'));
});

test('move_plans_between_datasets renames what names the plans and the dataset', async () => {
  writeDataset('Dataset009_Other');
  await run(movePlansCommand, '-s 7 -t 9 -sp nnUNetPlans -tp fromTiny');
  const plans = JSON.parse(readFileSync(inPreprocessed('Dataset009_Other', 'fromTiny.json'), 'utf8'));
  expect([plans.dataset_name, plans.plans_name]).toEqual(['Dataset009_Other', 'fromTiny']);
  expect(plans.configurations['3d_fullres'].data_identifier).toBe('fromTiny_3d_fullres');
});

test('a dataset with errors is refused before anything is written', async () => {
  writeDataset('Dataset010_Broken');
  rmSync(inRaw('Dataset010_Broken', 'labelsTr', 'case_4.nii'));
  const running = run(extractFingerprintCommand, '-d 10 --verify_dataset_integrity --no_pbar');
  await expect(running).rejects.toThrow(/Dataset010_Broken cannot be used: 1 of 6 cases/);
  expect(console.error).toHaveBeenCalledWith(
    expect.stringMatching(/case_4.*labelsTr\/case_4.nii is missing/),
  );
  expect(existsSync(inPreprocessed('Dataset010_Broken'))).toBe(false);
});

test.each([
  'a label is not declared',
  'a channel is missing',
  'the image holds NaN',
  'a file is cut short',
  'labels have a gap',
  'dataset.json is no JSON',
  'labelsTr is missing',
])('%s: the command names it and stops', async (breakage) => {
  const contents = tinyDataset();
  const expected = BREAKAGES[breakage](contents, 'case_1', seededRandom(3).uniform);
  writeDataset('Dataset011_Broken', contents);
  vi.mocked(console.error).mockClear();
  const running = run(extractFingerprintCommand, '-d 11 --verify_dataset_integrity --no_pbar -np 2');
  const thrown = await running.then(() => 'nothing', messageOf);
  rmSync(inRaw('Dataset011_Broken'), { recursive: true });
  expect([...vi.mocked(console.error).mock.calls.flat(), thrown].join('\n')).toMatch(expected);
  expect(existsSync(inPreprocessed('Dataset011_Broken'))).toBe(false);
});

test.each([
  ['-d 99', /no dataset 99/],
  ['-d 7 -overwrite_target_spacing 1 2', /three positive numbers/],
  ['-d 7 -pl NoPlanner', /no experiment planner NoPlanner.*Choose one/],
])('%s is explained', async (line, expected) => {
  await expect(run(planExperimentCommand, line)).rejects.toThrow(expected);
});
