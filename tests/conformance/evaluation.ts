// nnU-Net's evaluation and choice, file by file: summaries, ensembles, postprocessing, the best configuration and its
// instructions, and the largest component. Each dataset is taken through the whole chain from its validated folds.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { determinePostprocessing } from '@/app/choose/determinePostprocessing';
import { type CandidateModel, findBestConfiguration } from '@/app/choose/findBestConfiguration';
import { evaluateFolder, optionsOf } from '@/app/evaluate/evaluateFolder';
import { formatOfFolder } from '@/app/files/labelMapFiles';
import { summaryJson } from '@/core/evaluation/summary';
import { parseJson } from '@/core/interop/json';
import { readAsStored } from '@/core/io/readers';
import { memoryFile } from '@/core/io/sourceFile';
import { keepLargestComponent } from '@/core/postprocessing/largestComponent';
import { readPostprocessing, writePostprocessing } from '@/core/postprocessing/postprocessingFiles';
import type { PostprocessingStep } from '@/core/postprocessing/steps';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { type PlacedFolder, placedSubfolder } from '@/storage/folderViews';
import { nodeDatasetFolder } from '@/storage/nodeFiles';
import { countDifferent, exactOutcome, type Outcome, openArrays, summarise } from '../support/golden';
import { readInferenceInformation } from '../support/inferenceInformation';
import { memoryFolder } from '../support/memoryFolder';
import type { RunTopic } from './topic';

/** Of Dice and IoU; counts are whole numbers or means of few. */
const TOLERANCE = 1e-12;

type Groups = Record<string, Outcome[]>;

export const run: RunTopic = async (goldenFolder) => {
  const root = path.join(goldenFolder, 'evaluation');
  const groups: Groups = {};
  if (!existsSync(root)) return summarise('evaluation', groups);
  const report = readJsonFile(path.join(root, 'report.json'));
  for (const dataset of readdirSync(root).filter((name) => name.startsWith('Dataset'))) {
    await compareDataset(path.join(root, dataset), dataset, Reflect.get(Object(report), dataset), groups);
  }
  groups['largest components'] = await compareComponents(root);
  return summarise('evaluation', groups);
};

/** What a chain has written, laid over the golden folds, so that nothing golden but these is ever read. */
interface Chain {
  readonly golden: string;
  readonly results: PlacedFolder & { readonly folder: ReturnType<typeof foldsBelow> };
  readonly references: PlacedFolder;
  readonly candidates: readonly CandidateModel[];
}

async function compareDataset(root: string, name: string, report: unknown, groups: Groups): Promise<void> {
  const chain = openChain(root, name);
  const groupOf = (what: string) => {
    const key = `${name}: ${what}`;
    groups[key] ??= [];
    return groups[key];
  };
  for (const candidate of chain.candidates) {
    groupOf('numbers in summary.json').push(...(await compareFolds(chain, candidate)));
  }
  const found = await findBestConfiguration({
    datasetName: name,
    candidates: chain.candidates,
    folds: [0, 1, 2, 3, 4],
    references: chain.references,
    preprocessedReferences: chain.references,
    results: chain.results,
    isEnsemblingAllowed: true,
    shouldOverwrite: true,
    processes: 1,
  });
  for (const file of goldenFiles(chain.golden)) {
    const content = chain.results.folder.written.get(file);
    if (content === undefined) groupOf('files').push(exactOutcome(file, false, 'is not written'));
    else groupOf(kindOf(file)).push(await compareFile(path.join(chain.golden, file), content, file));
  }
  const stray = [...chain.results.folder.written.keys()].filter(
    (file) => !existsSync(path.join(chain.golden, file)),
  );
  groupOf('files').push(exactOutcome('no others', stray.length === 0, stray.join(', ')));
  groupOf('inference_information.json').push(rereadInformation(chain));
  groupOf('report').push(
    differenceOutcome('all_results', found.information.results, Reflect.get(Object(report), 'all_results')),
    differenceOutcome(
      'best',
      found.best.models.map(({ configuration, trainer, plans }) => ({
        configuration,
        trainer,
        plans_identifier: plans,
      })),
      Reflect.get(Object(report), 'best'),
    ),
    differenceOutcome(
      'Dice before and after',
      [found.information.best.diceBeforePostprocessing, found.information.best.diceAfterPostprocessing],
      [Reflect.get(Object(report), 'pre_pp'), Reflect.get(Object(report), 'post_pp')],
    ),
  );
  for (const candidate of chain.candidates) {
    groupOf('report').push(await comparePostprocessing(chain, candidate, report));
  }
}

function openChain(root: string, name: string): Chain {
  const golden = path.join(root, 'nnUNet_results', name);
  const results = { folder: foldsBelow(golden), location: `nnUNet_results/${name}` };
  const references = {
    folder: nodeDatasetFolder(path.join(root, 'nnUNet_preprocessed', name, 'gt_segmentations')),
    location: `nnUNet_preprocessed/${name}/gt_segmentations`,
  };
  const { consideredModels } = informationIn(golden);
  const candidates = consideredModels.map((model) => ({
    ...model,
    folder: placedSubfolder(results, `${model.trainer}__${model.plans}__${model.configuration}`),
  }));
  return { golden, results, references, candidates };
}

/** Descriptions and folds of the models are read from disk, everything else from memory. */
function foldsBelow(golden: string): DatasetFolder & { readonly written: Map<string, Uint8Array> } {
  const disk = nodeDatasetFolder(golden);
  const memory = memoryFolder();
  const isGiven = (file: string) => /^[^/]+__[^/]+\/(fold_\d+\/|(dataset|plans)\.json$)/.test(`${file}`);
  const folderOf = (file: string) => (isGiven(file) ? disk : memory);
  return {
    written: memory.contents,
    has: (file) => folderOf(file).has(file),
    open: (file) => folderOf(file).open(file),
    list: (folder) => folderOf(`${folder}/`).list(folder),
    write: memory.write,
    remove: memory.remove,
  };
}

/** Every fold's validation, evaluated anew. */
async function compareFolds(chain: Chain, { folder }: CandidateModel): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const question = optionsOf(await formatOfFolder(folder.folder));
  for (const fold of [0, 1, 2, 3, 4]) {
    const predictions = placedSubfolder(folder, `fold_${fold}/validation`);
    const summary = await evaluateFolder({
      predictions,
      references: chain.references,
      question,
      mayLackPredictions: true,
    });
    const file = await predictions.folder.open('summary.json');
    const expected = parseJson(new TextDecoder().decode(await file?.bytes()), 'summary.json');
    const actual = parseJson(summaryJson(summary), 'summary.json');
    outcomes.push(differenceOutcome(predictions.location, actual, expected));
  }
  return outcomes;
}

/** All that nnU-Net's chain wrote, by path below the dataset's results. */
function goldenFiles(golden: string): readonly string[] {
  return readdirSync(golden, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(golden, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter(
      (file) =>
        !/^[^/]+__[^/]+\/(fold_\d+\/|(dataset|plans)\.json$)/.test(file) || file.startsWith('ensembles/'),
    )
    .sort();
}

function kindOf(file: string): string {
  const name = path.basename(file);
  if (name.endsWith('.nii.gz')) {
    if (file.includes('/postprocessed/')) return 'postprocessed label maps';
    return file.startsWith('ensembles/') ? 'ensembled label maps' : 'gathered label maps';
  }
  if (name === 'summary.json') return 'numbers in summary.json';
  return name;
}

async function compareFile(file: string, content: Uint8Array, name: string): Promise<Outcome> {
  const expected = new Uint8Array(readFileSync(file));
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (name.endsWith('.nii.gz')) {
    const [actualVoxels, expectedVoxels] = [await voxelsOf(content), await voxelsOf(expected)];
    return { name, error: countDifferent(actualVoxels, expectedVoxels), tolerance: 0 };
  }
  if (name.endsWith('.pkl')) {
    const [actualSteps, expectedSteps] = [await stepsOf(content), await stepsOf(expected)];
    return exactOutcome(name, JSON.stringify(actualSteps) === JSON.stringify(expectedSteps));
  }
  if (name.endsWith('.json')) {
    return differenceOutcome(name, parseJson(text(content), name), parseJson(text(expected), name));
  }
  return exactOutcome(name, text(content) === text(expected), text(content));
}

async function voxelsOf(content: Uint8Array): Promise<Float32Array> {
  return (await readAsStored([memoryFile(content, 'labels.nii.gz')])).data;
}

function stepsOf(content: Uint8Array): Promise<readonly PostprocessingStep[]> {
  return readPostprocessing(memoryFile(content, 'postprocessing.pkl'));
}

/** nnU-Net's own file read back says what was found here. */
function rereadInformation({ golden, results }: Chain): Outcome {
  const own = new TextDecoder().decode(results.folder.written.get('inference_information.json'));
  return differenceOutcome(
    'read back',
    readInferenceInformation(own, 'inference_information.json'),
    informationIn(golden),
  );
}

function informationIn(golden: string) {
  const file = path.join(golden, 'inference_information.json');
  return readInferenceInformation(readFileSync(file, 'utf8'), file);
}

/** What is determined for a model, and what its file says when it is read again. */
async function comparePostprocessing(
  { references }: Chain,
  { folder, configuration }: CandidateModel,
  report: unknown,
): Promise<Outcome> {
  const { steps } = await determinePostprocessing({
    predictions: placedSubfolder(folder, 'crossval_results_folds_0_1_2_3_4'),
    references,
    shouldKeepFiles: false,
  });
  const actual = (await stepsOf(writePostprocessing(steps))).map(({ members, isList }) => {
    const values = members.map((each) => (each.length === 1 ? each[0] : each));
    return {
      fn: 'remove_all_but_largest_component_from_segmentation',
      kwargs: { labels_or_regions: isList ? values : values[0] },
    };
  });
  const name = `postprocessing_${configuration}`;
  return exactOutcome(
    name,
    JSON.stringify(actual) === JSON.stringify(Reflect.get(Object(report), name)),
    JSON.stringify(actual),
  );
}

interface ComponentCase {
  readonly id: string;
  readonly labels_or_regions: number | readonly (number | readonly number[])[];
}

async function compareComponents(root: string): Promise<Outcome[]> {
  const cases: readonly ComponentCase[] = JSON.parse(
    readFileSync(path.join(root, 'components.json'), 'utf8'),
  );
  const array = await openArrays(path.join(root, 'components.npz'));
  return cases.map(({ id, labels_or_regions: asked }) => {
    const { data, shape } = array(`${id}_in`);
    const [z, y, x] = shape.length === 2 ? [1, ...shape] : shape;
    const members = [asked].flat().map((each) => [each].flat());
    const kept = keepLargestComponent(Uint8Array.from(data), [z, y, x], members);
    return { name: id, error: countDifferent(kept, array(`${id}_out`).data), tolerance: 0 };
  });
}

function readJsonFile(file: string): unknown {
  return parseJson(readFileSync(file, 'utf8'), file);
}

function differenceOutcome(name: string, actual: unknown, expected: unknown): Outcome {
  return { name, error: largestDifferenceIn(actual, expected), tolerance: TOLERANCE };
}

/** Over all numbers of two values of the same form; infinite where keys, lengths, texts or NaN differ. Of paths the ends count. */
function largestDifferenceIn(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string')
    return path.basename(a) === path.basename(b) ? 0 : Number.POSITIVE_INFINITY;
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b) ? 0 : Infinity;
    return Math.abs(a - b);
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return a === b ? 0 : Number.POSITIVE_INFINITY;
  }
  const keys = Object.keys(a).sort();
  if (keys.join() !== Object.keys(b).sort().join()) return Number.POSITIVE_INFINITY;
  return keys.reduce(
    (most, key) => Math.max(most, largestDifferenceIn(Reflect.get(a, key), Reflect.get(b, key))),
    0,
  );
}
