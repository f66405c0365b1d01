// No command writes over what it reads. The table below has a line for every command, so that a new one cannot be forgotten;
// commands write through `Outputs` alone, which is what the last test looks at.
import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '@/cli/commandList';
import { parseOptions } from '@/cli/options';
import { writeNpz } from '@/core/io/npy';
import { memoryFile } from '@/core/io/sourceFile';
import { zipPart } from '@/core/io/zipStream';
import { writePostprocessing } from '@/core/postprocessing/postprocessingFiles';
import { StudioError } from '@/shared/errors';
import { nodeDatasetFolder } from '@/storage/nodeFiles';
import {
  TINY_DATASET as MODEL_DATASET,
  modelFolderFiles,
  plansJson,
  TINY_FOLDER,
} from '../support/modelFolder';
import { tinyImage as caseImage } from '../support/tinyCases';
import { TINY_DATASET, tinyDataset } from '../support/tinyDataset';
import { tinyPreprocessed } from '../support/tinyTraining';
import { zipped } from '../support/zipped';

const MINUTE = 60_000;
const MODEL = `results/Dataset001_Tiny/${TINY_FOLDER}`;
const TRAINING = `results/${TINY_DATASET}/nnUNetTrainer_2epochs__nnUNetPlans__3d_fullres`;
const VALIDATED = `results/${TINY_DATASET}/nnUNetTrainer__nnUNetPlans__3d_fullres`;
const PREDICT = `--disable_tta -device cpu -m @${MODEL}`;

/** One way to ask a command to write over an input. Words that begin with @ are paths. */
interface Attempt {
  readonly line: string;
  /** Links to make first: the new name, and what it leads to. */
  readonly symlink?: readonly [string, string];
  readonly hardLink?: readonly [string, string];
  /** The input that would be lost. */
  readonly input: string;
}

/** Every command with ways to ask for it, or why there is none. */
const ATTEMPTS: Readonly<Record<string, readonly Attempt[] | string>> = {
  plan_and_preprocess: [
    { line: '-d 7 -raw @raw -preprocessed @raw', input: `raw/${TINY_DATASET}/dataset.json` },
    {
      line: '-d 7 -preprocessed @elsewhere',
      symlink: ['elsewhere', 'raw'],
      input: `raw/${TINY_DATASET}/dataset.json`,
    },
  ],
  extract_fingerprint: [
    { line: '-d 7 -raw @raw -preprocessed @raw', input: `raw/${TINY_DATASET}/dataset.json` },
  ],
  plan_experiment: [
    { line: '-d 7 -raw @raw -preprocessed @raw', input: `raw/${TINY_DATASET}/dataset.json` },
    {
      line: '-d 7 -overwrite_plans_name dataset_fingerprint',
      input: `preprocessed/${TINY_DATASET}/dataset_fingerprint.json`,
    },
  ],
  preprocess: [{ line: '-d 7 -raw @raw -preprocessed @raw', input: `raw/${TINY_DATASET}/dataset.json` }],
  convert_MSD_dataset: 'writes a new folder only: IdTaken where there is one',
  convert_old_nnUNet_dataset: 'writes a new folder only: IdTaken where there is one',
  plot_overlay_pngs: [
    {
      line: '-d 7 --use_raw -o @a',
      symlink: ['a/case_0.png', `raw/${TINY_DATASET}/labelsTr/case_0.nii`],
      input: `raw/${TINY_DATASET}/labelsTr/case_0.nii`,
    },
  ],
  move_plans_between_datasets: [
    { line: '-s 7 -t 7 -sp nnUNetPlans', input: `preprocessed/${TINY_DATASET}/nnUNetPlans.json` },
  ],
  train: [
    {
      line: `7 3d_fullres 0 -tr nnUNetTrainer_2epochs -pretrained_weights @${TRAINING}/fold_0/checkpoint_best.pth`,
      input: `${TRAINING}/fold_0/checkpoint_best.pth`,
    },
  ],
  find_best_configuration: [
    {
      line: '7 -c 3d_fullres --disable_ensembling -f 0',
      symlink: [`${VALIDATED}/crossval_results_folds_0`, `${VALIDATED}/fold_0/validation`],
      input: `${VALIDATED}/fold_0/validation/case.nii.gz`,
    },
  ],
  predict: [
    { line: `-i @images -o @images ${PREDICT}`, input: 'images/scan.nii.gz' },
    { line: `-i @images -o @images --continue_prediction ${PREDICT}`, input: 'images/scan.nii.gz' },
    { line: `-i @images -o @images/../images/ ${PREDICT}`, input: 'images/scan.nii.gz' },
    { line: `-i @images/scan.nii.gz -o @images/scan.nii.gz ${PREDICT}`, input: 'images/scan.nii.gz' },
    {
      line: `-i @images -o @linked ${PREDICT}`,
      symlink: ['linked/scan.nii.gz', 'images/scan.nii.gz'],
      input: 'images/scan.nii.gz',
    },
    {
      line: `-i @linked/scan.nii.gz -o @images/scan.nii.gz ${PREDICT}`,
      symlink: ['linked/scan.nii.gz', 'images/scan.nii.gz'],
      input: 'linked/scan.nii.gz',
    },
    {
      line: `-i @images -o @copied ${PREDICT}`,
      hardLink: ['copied/scan.nii.gz', 'images/scan.nii.gz'],
      input: 'images/scan.nii.gz',
    },
    { line: `-i @images -o @same ${PREDICT}`, symlink: ['same', 'images'], input: 'images/scan.nii.gz' },
    { line: `-i @images -o @${MODEL} ${PREDICT}`, input: `${MODEL}/dataset.json` },
    { line: `-i @cohort/imagesTs -o @cohort ${PREDICT}`, input: 'cohort/dataset.json' },
  ],
  ensemble: [
    { line: '-i @a @b -o @a', input: 'a/case.nii.gz' },
    { line: '-i @a @b -o @b', input: 'b/case.npz' },
  ],
  apply_postprocessing: [
    { line: '-i @a -o @a -pp_pkl_file @steps.pkl', input: 'a/case.nii.gz' },
    { line: '-i @a -o @other -pp_pkl_file @a/case.npz', symlink: ['other', 'a'], input: 'a/case.npz' },
  ],
  evaluate_folder: [
    { line: '@labels @a -o @a/dataset.json', input: 'a/dataset.json' },
    { line: '@labels @a -djfile @dataset.json -o @dataset.json', input: 'dataset.json' },
    { line: '@labels @a -djfile @surface.json -o @new.json --surface 1', input: 'surface.json' },
  ],
  evaluate_simple: [{ line: '@labels @a -l 1 -o @a/plans.json', input: 'a/plans.json' }],
  accumulate_crossval_results: [
    {
      line: '7 -c 3d_fullres -f 0',
      symlink: [`${VALIDATED}/crossval_results_folds_0`, `${VALIDATED}/fold_0/validation`],
      input: `${VALIDATED}/fold_0/validation/case.nii.gz`,
    },
  ],
  determine_postprocessing: [
    { line: '-i @a -ref @a/postprocessed', input: 'a/postprocessed/case.nii.gz' },
    { line: '-i @a -ref @labels -dataset_json @a/postprocessing.json', input: 'a/postprocessing.json' },
  ],
  inspect: 'writes nothing',
  models: 'writes nothing',
  export_model: [
    { line: `-m @${MODEL} -o @${MODEL}/plans.json`, input: `${MODEL}/plans.json` },
    { line: `-d 1 -o @${MODEL}/fold_0/checkpoint_final.pth`, input: `${MODEL}/fold_0/checkpoint_final.pth` },
  ],
  export_bundle: [
    { line: '-m @tiny.nnstudio -o @tiny.nnstudio', input: 'tiny.nnstudio' },
    { line: '-m @tiny.nnstudio -o @tiny', input: 'tiny.nnstudio' },
    { line: `-m @${MODEL} -license @terms.nnstudio -o @terms.nnstudio`, input: 'terms.nnstudio' },
  ],
  export_for_cluster: [
    {
      line: '7 3d_fullres 0 -o @. --no_raw',
      symlink: ['nnUNet_preprocessed', 'preprocessed'],
      input: `preprocessed/${TINY_DATASET}/dataset.json`,
    },
  ],
  import_model: [{ line: '@results/tiny.zip --force', input: 'results/tiny.zip' }],
  export_onnx: [
    { line: '-m @tiny.onnx -o @tiny.onnx', input: 'tiny.onnx' },
    { line: `-m @onnx/${ONNX_NAME()} -o @onnx`, input: `onnx/${ONNX_NAME()}` },
  ],
  bench: 'reads no file',
  studio: 'writes nothing',
};

function ONNX_NAME(): string {
  return 'Dataset001_Tiny__nnUNetTrainer__nnUNetPlans__3d_fullres__fold_0.onnx';
}

let template: string;
let root: string;
const at = (name: string) => path.join(root, name);

function put(name: string, content: Uint8Array | string): void {
  const location = path.join(template, name);
  mkdirSync(path.dirname(location), { recursive: true });
  writeFileSync(location, content);
}

function run(name: string, line: string, folder = root): Promise<number> {
  const command = COMMANDS.find((each) => each.name === name);
  if (!command) throw new Error(`there is no command ${name}`);
  const words = line
    .split(' ')
    .map((word) => (word.startsWith('@') ? path.join(folder, word.slice(1)) : word));
  return command.run(parseOptions(words, command.options), new AbortController().signal);
}

/** Every file with its content, links as what they lead to. */
function contentsBelow(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return new Map(files.sort().map((file) => [file, readFileSync(file, 'base64')]));
}

function useFolders(folder: string): void {
  for (const part of ['raw', 'preprocessed', 'results'])
    vi.stubEnv(`nnUNet_${part}`, path.join(folder, part));
}

beforeAll(async () => {
  template = mkdtempSync(path.join(tmpdir(), 'nnstudio-inputs-'));
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  for (const [file, content] of tinyDataset()) put(`raw/${TINY_DATASET}/${file}`, content);
  await tinyPreprocessed(undefined, nodeDatasetFolder(path.join(template, 'preprocessed', TINY_DATASET)));
  put(`preprocessed/${TINY_DATASET}/dataset_fingerprint.json`, '{}');
  const model = modelFolderFiles({ folder: MODEL });
  for (const file of model) put(file.path, await file.bytes());
  put(
    'results/tiny.zip',
    await (
      await zipped(
        [
          ...model.map((file) => zipPart(file, file.path.slice('results/'.length))),
          zipPart(memoryFile(new Uint8Array(3), 'tiny.zip')),
        ],
        'tiny.zip',
      )
    ).bytes(),
  );
  put(`${TRAINING}/fold_0/checkpoint_best.pth`, 'weights');
  const documents = { 'dataset.json': MODEL_DATASET, 'plans.json': plansJson() };
  for (const folder of ['a', 'b', 'labels', 'a/postprocessed', `${VALIDATED}/fold_0/validation`]) {
    put(`${folder}/case.nii.gz`, caseImage(1));
    put(
      `${folder}/case.npz`,
      await writeNpz({ probabilities: { shape: [1, 1], data: new Float32Array(1) } }),
    );
    for (const [name, document] of Object.entries(documents))
      put(`${folder}/${name}`, JSON.stringify(document));
  }
  put('a/postprocessing.json', JSON.stringify(MODEL_DATASET));
  for (const name of ['dataset.json', 'surface.json', 'cohort/dataset.json'])
    put(name, JSON.stringify(MODEL_DATASET));
  put('steps.pkl', writePostprocessing([]));
  for (const name of ['images/scan.nii.gz', 'cohort/imagesTs/scan_0000.nii.gz']) put(name, caseImage(2));
  put('terms.nnstudio', 'CC BY 4.0');
  for (const folder of ['linked', 'copied', 'onnx']) mkdirSync(path.join(template, folder));
  useFolders(template);
  await run('export_bundle', `-m @${MODEL} -o @tiny.nnstudio --disable_progress_bar`, template);
  await run('export_onnx', `-m @${MODEL} -o @tiny.onnx`, template);
  await run('export_onnx', `-m @${MODEL} -o @onnx`, template);
}, MINUTE);

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'nnstudio-inputs-'));
  cpSync(template, root, { recursive: true });
  useFolders(root);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

afterAll(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(template, { recursive: true, force: true });
});

test('every command is tried, or it is said why it need not be', () => {
  expect(Object.keys(ATTEMPTS).sort()).toEqual(COMMANDS.map(({ name }) => name).sort());
});

describe.each(COMMANDS.map(({ name }) => name))('%s', (name) => {
  const attempts = ATTEMPTS[name];
  if (typeof attempts === 'string') return test.skip(attempts);
  test.each(attempts)('$line', async ({ line, symlink, hardLink, input }) => {
    if (symlink) symlinkSync(at(symlink[1]), at(symlink[0]));
    if (hardLink) linkSync(at(hardLink[1]), at(hardLink[0]));
    const before = contentsBelow(root);
    const error: unknown = await run(name, line).catch((thrown: unknown) => thrown);
    if (!(error instanceof StudioError)) throw error;
    expect(error.name).toBe('WouldReplaceInput');
    expect(error.message).toContain(at(input));
    expect(contentsBelow(root)).toEqual(before);
  });
});

test('commands write through Outputs, which knows what they read', () => {
  const folder = 'src/cli';
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const writers = files.filter((name) => {
    const text = readFileSync(path.join(folder, name), 'utf8');
    return /\b(resultFolder|writeWhole|writeArchive|nodeCheckpoints)\b[^;]*from '@\/storage|\bwriteFile(Sync)?\b[^;]*from 'node:fs/.test(
      text,
    );
  });
  expect(writers).toEqual([]);
});
