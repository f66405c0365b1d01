// The commands that evaluate, gather, choose, average and postprocess, on small folds on disk.
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
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Command } from '@/cli/command';
import { applyPostprocessingCommand } from '@/cli/commands/choose/applyPostprocessing';
import { determinePostprocessingCommand } from '@/cli/commands/choose/determinePostprocessing';
import { ensembleCommand } from '@/cli/commands/choose/ensemble';
import { findBestConfigurationCommand } from '@/cli/commands/choose/findBestConfiguration';
import { accumulateCrossvalCommand } from '@/cli/commands/evaluate/accumulateCrossval';
import { evaluateFolderCommand } from '@/cli/commands/evaluate/evaluateFolder';
import { evaluateSimpleCommand } from '@/cli/commands/evaluate/evaluateSimple';
import { parseOptions } from '@/cli/options';
import { readSummary } from '@/core/evaluation/summary';
import {
  CROSSVAL_CASES,
  CROSSVAL_JSON,
  CROSSVAL_PLANS,
  columns,
  failureOf,
  labelFile,
  TRUTH,
  tinyCrossval,
} from '../support/tinyCrossval';

const DATASET = 'Dataset007_Tiny';
const ISLAND = columns([0, 3, 1], [4, 6, 2], [7, 8, 1]);

let folder: string;
let printed: string[] = [];
const at = (...parts: string[]) => path.join(folder, ...parts);
const results = (...parts: string[]) => at('results', DATASET, ...parts);
const model = (configuration: string, ...parts: string[]) =>
  results(`nnUNetTrainer__nnUNetPlans__${configuration}`, ...parts);
const references = () => at('preprocessed', DATASET, 'gt_segmentations');

function write(location: string, content: Uint8Array | string): void {
  mkdirSync(path.dirname(location), { recursive: true });
  writeFileSync(location, content);
}

/** The command in words, with nnU-Net's folders. */
function run(command: Command, line: string, hasFolders = false): Promise<number> {
  const folders = ['raw', 'preprocessed', 'results'].flatMap((part) => [`-${part}`, at(part)]);
  const args = [...line.split(' '), ...(hasFolders ? folders : [])];
  return command.run(parseOptions(args, command.options), new AbortController().signal);
}

const choose = (line: string) => run(findBestConfigurationCommand, line, true);
const accumulate = (line: string) => run(accumulateCrossvalCommand, line, true);
const summaryAt = (...parts: string[]) =>
  readSummary(readFileSync(path.join(...parts), 'utf8'), 'summary.json');

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  const print = (line: unknown) => void printed.push(String(line));
  vi.spyOn(console, 'log').mockImplementation(print);
  vi.spyOn(console, 'error').mockImplementation(print);
  const models = await tinyCrossval([
    { configuration: '2d', prediction: ISLAND, confidence: 0.6 },
    {
      configuration: '3d_fullres',
      prediction: (caseId) => (caseId === 'case_a' ? ISLAND : TRUTH),
      confidence: 0.9,
    },
  ]);
  for (const [file, content] of models.results.folder.contents) write(results(file), content);
  for (const [file, content] of models.references.folder.contents)
    write(path.join(references(), file), content);
  const configurations = { '2d': {}, '3d_fullres': {} };
  write(
    at('preprocessed', DATASET, 'nnUNetPlans.json'),
    JSON.stringify({ ...CROSSVAL_PLANS, configurations }),
  );
});

beforeEach(() => {
  printed = [];
});

afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

describe('find_best_configuration', () => {
  test('compares, postprocesses, and says how to predict', async () => {
    expect(await choose('7 -f 0 1')).toBe(0);
    expect(readdirSync(results()).sort()).toEqual([
      'ensembles',
      'inference_information.json',
      'inference_instructions.txt',
      'nnUNetTrainer__nnUNetPlans__2d',
      'nnUNetTrainer__nnUNetPlans__3d_fullres',
    ]);
    const instructions = readFileSync(results('inference_instructions.txt'), 'utf8');
    expect(instructions).toContain(`nnUNetv2_predict -d ${DATASET} -i INPUT_FOLDER -o OUTPUT_FOLDER -f  0 1`);
    expect(printed).toContain(instructions);
    expect(printed).toContain(
      `nnstudio predict -d ${DATASET} -i INPUT_FOLDER -o OUTPUT_FOLDER -f 0 1 -tr nnUNetTrainer -c 3d_fullres -p nnUNetPlans`,
    );
    const information = JSON.parse(readFileSync(results('inference_information.json'), 'utf8'));
    expect(information.dataset_name_or_id).toBe(DATASET);
    const { postprocessing_file: file } = information.best_model_or_ensemble;
    expect(file).toBe(model('3d_fullres', 'crossval_results_folds_0_1', 'postprocessing.pkl'));
    expect(existsSync(file)).toBe(true);
    const best = model('3d_fullres', 'crossval_results_folds_0_1');
    expect(summaryAt(best, 'postprocessed', 'summary.json').foregroundMean.Dice).toBe(1);
  });

  test('takes what is named, and leaves out what is not planned', async () => {
    expect(await choose('7 -f 0 1 -c 2d 3d_lowres --disable_ensembling')).toBe(0);
    expect(printed.join('\n')).toContain('left out 3d_lowres: nnUNetPlans has no such configuration');
    const information = JSON.parse(readFileSync(results('inference_information.json'), 'utf8'));
    expect(information.considered_models).toEqual([
      { configuration: '2d', plans: 'nnUNetPlans', trainer: 'nnUNetTrainer' },
    ]);
  });

  test.each([
    ['8', /^UnknownDataset: There is no dataset 8/],
    [DATASET, /^FoldMissing|^NoProbabilities/],
    ['7 -f 0 1 -tr nnUNetTrainer_5epochs', /^NoModel: .*nnUNetTrainer_5epochs__nnUNetPlans__2d/],
    ['7 -f 0 1 -p other', /^NoPlans: .*other\.json/],
    ['7 -f all', /^Usage: Folds are numbers/],
    ['7 -f 0 0', /^Usage: -f names a fold twice/],
    ['7 8', /^Usage: Name one dataset/],
  ])('refuses %s', async (line, message) => {
    expect(await failureOf(choose(line))).toMatch(message);
  });
});

describe('accumulate_crossval_results', () => {
  test('gathers into the model’s folder, or into one that is empty', async () => {
    expect(await accumulate(`${DATASET} -c 2d -f 0`)).toBe(0);
    expect(summaryAt(model('2d', 'crossval_results_folds_0'), 'summary.json').cases).toHaveLength(2);
    expect(await accumulate(`7 -c 2d -f 0 1 -o ${at('gathered')}`)).toBe(0);
    expect(readdirSync(at('gathered')).sort()).toEqual([
      ...CROSSVAL_CASES.map((caseId) => `${caseId}.nii.gz`),
      'dataset.json',
      'plans.json',
      'summary.json',
    ]);
    const again = accumulate(`7 -c 2d -f 0 1 -o ${at('gathered')}`);
    expect(await failureOf(again)).toMatch(/^FolderNotEmpty/);
  });

  test('is evaluated by labelsTr where it is there', async () => {
    const labels = at('raw', DATASET, 'labelsTr');
    for (const caseId of CROSSVAL_CASES) write(path.join(labels, `${caseId}.nii.gz`), labelFile(ISLAND));
    expect(await accumulate('7 -c 2d -f 0 1')).toBe(0);
    const { cases, foregroundMean } = summaryAt(model('2d', 'crossval_results_folds_0_1'), 'summary.json');
    expect(foregroundMean.Dice).toBe(1);
    expect(cases[0].referenceFile).toBe(path.join(labels, 'case_a.nii.gz'));
    rmSync(at('raw'), { recursive: true });
  });
});

describe('evaluate_folder and evaluate_simple', () => {
  test('write summary.json among the predictions, or where they are told to', async () => {
    const predictions = model('2d', 'fold_0', 'validation');
    const descriptions = `-djfile ${model('2d', 'dataset.json')} -pfile ${model('2d', 'plans.json')}`;
    const line = `${references()} ${predictions} --chill -np 3`;
    expect(await run(evaluateFolderCommand, `${line} ${descriptions}`)).toBe(0);
    const byDataset = summaryAt(predictions, 'summary.json');
    expect(byDataset.labels).toEqual([[1], [2]]);
    expect(byDataset.cases[0].predictionFile).toBe(path.join(predictions, 'case_a.nii.gz'));
    expect(await run(evaluateSimpleCommand, `${line} -l 2 -o ${at('deep', 'simple.json')}`)).toBe(0);
    const simple = summaryAt(at('deep', 'simple.json'));
    expect(simple.labels).toEqual([[2]]);
    expect(simple.mean[0]).toEqual(byDataset.mean[1]);
    expect(printed).toContain('case_a (1 of 2): Dice 2: 1.0000');
  });

  test('leave an ignored label out', async () => {
    const predictions = model('2d', 'fold_0', 'validation');
    const line = `${references()} ${predictions} --chill -l 1 -il 2 -o ${at('ignored.json')}`;
    expect(await run(evaluateSimpleCommand, line)).toBe(0);
    expect(summaryAt(at('ignored.json')).mean[0]).toMatchObject({ TP: 45, FP: 15, TN: 30 });
  });

  test('measure surfaces where asked, apart from summary.json', async () => {
    const predictions = model('2d', 'fold_0', 'validation');
    const line = `${references()} ${predictions} --chill -l 1 2 -o ${at('surfaces', 'summary.json')}`;
    expect(await run(evaluateSimpleCommand, `${line} --surface 1.5`)).toBe(0);
    const written = JSON.parse(readFileSync(at('surfaces', 'surface.json'), 'utf8'));
    expect(written.tolerance_mm).toBe(1.5);
    // The island of label 1 is 5 mm from the nearest of it.
    expect(written.metric_per_case[0].metrics['1'].HD95).toBe(5);
    expect(written.mean['2']).toEqual({ NSD: 1, HD95: 0, n_missed: 0 });
    expect(readFileSync(at('surfaces', 'summary.json'), 'utf8')).not.toContain('HD95');
    expect(printed.join('\n')).toMatch(/2 +surface Dice at 1\.5 mm 1\.0000 +HD95 0\.00 mm/);
    expect(await failureOf(run(evaluateSimpleCommand, `${line} --surface -1`))).toMatch(/^Usage: --surface/);
  });

  test.each([
    ['REF', /^Usage: Name two folders/],
    ['REF nowhere', /^Usage: nowhere is no folder; it should be the folder of the predictions/],
    ['REF PRED', /^Usage: There is no dataset\.json/],
    ['REF PRED -djfile nowhere.json', /^Usage: There is no nowhere\.json/],
    ['REF PRED -djfile JSON', /^MissingPrediction: 2 of 4/],
    ['REF PRED -djfile JSON --chill -o scores.txt', /^Usage: -o names a file that ends in \.json/],
  ])('evaluate_folder refuses %s', async (line, message) => {
    const filled = line
      .replace('REF', references())
      .replace('PRED', model('2d', 'fold_0', 'validation'))
      .replace('JSON', model('2d', 'dataset.json'));
    expect(await failureOf(run(evaluateFolderCommand, filled))).toMatch(message);
  });

  test('evaluate_simple refuses what are no labels', async () => {
    const folders = `${references()} ${model('2d', 'fold_0', 'validation')}`;
    expect(await failureOf(run(evaluateSimpleCommand, folders))).toMatch(/^Usage: -l is missing/);
    expect(await failureOf(run(evaluateSimpleCommand, `${folders} -l liver`))).toMatch(/^Usage: .*liver/);
    mkdirSync(at('empty'));
    const empty = `${at('empty')} ${at('empty')} -l 1`;
    expect(await failureOf(run(evaluateSimpleCommand, empty))).toMatch(/^NoCases/);
  });
});

describe('ensemble, determine_postprocessing, apply_postprocessing', () => {
  test('take predictions to the end', async () => {
    for (const configuration of ['2d', '3d_fullres']) {
      for (const [name, content] of [
        ['dataset.json', CROSSVAL_JSON],
        ['plans.json', CROSSVAL_PLANS],
      ] as const) {
        write(model(configuration, 'fold_0', 'validation', name), JSON.stringify(content));
      }
    }
    const inputs = ['2d', '3d_fullres'].map((each) => model(each, 'fold_0', 'validation')).join(' ');
    expect(await run(ensembleCommand, `-i ${inputs} -o ${at('averaged')} --save_npz -np 2`)).toBe(0);
    expect(existsSync(at('averaged', 'case_b.npz'))).toBe(true);
    const determine = `-i ${at('averaged')} -ref ${references()} --remove_postprocessed`;
    expect(await run(determinePostprocessingCommand, determine)).toBe(0);
    expect(existsSync(at('averaged', 'postprocessed', 'summary.json'))).toBe(false);
    expect(printed.join('\n')).toContain('2 references have no prediction (case_c.nii.gz, case_d.nii.gz)');
    expect(printed.join('\n')).toMatch(/Largest component of 1: Dice 0\.9286 → 1\.0000, kept/);
    const apply = `-i ${at('averaged')} -o ${at('final')} -pp_pkl_file ${at('averaged', 'postprocessing.pkl')}`;
    expect(await run(applyPostprocessingCommand, apply)).toBe(0);
    expect(printed).toContain('case_a: 15 voxels removed');
    const evaluate = `${references()} ${at('final')} -l 1 2 --chill`;
    expect(await run(evaluateSimpleCommand, evaluate)).toBe(0);
    expect(summaryAt(at('final'), 'summary.json').foregroundMean.Dice).toBe(1);
  });

  test('name what is not there', async () => {
    const nowhere = at('nowhere');
    expect(await failureOf(run(ensembleCommand, `-i ${nowhere} -o ${at('x')}`))).toMatch(/^Usage: .*nowhere/);
    expect(await failureOf(run(ensembleCommand, `-o ${at('x')}`))).toMatch(/^Usage: -i is missing/);
    const apply = `-i ${references()} -o ${at('x')} -pp_pkl_file ${nowhere}`;
    expect(await failureOf(run(applyPostprocessingCommand, apply))).toMatch(/^Usage: There is no file/);
    const determine = `-i ${references()} -ref ${references()} -plans_json ${nowhere}`;
    expect(await failureOf(run(determinePostprocessingCommand, determine))).toMatch(/^Usage: -plans_json/);
    const undescribed = `-i ${references()} -ref ${references()}`;
    expect(await failureOf(run(determinePostprocessingCommand, undescribed))).toMatch(/^MissingFile/);
  });
});
