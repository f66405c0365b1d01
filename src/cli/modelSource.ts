// Finds the model that `-m`, or `-d -tr -p -c` below nnUNet_results, name.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { previousStagesAmong } from '@/app/previousStage';
import { type ImportedModel, type ImportOutcome, importModels } from '@/core/interop/importModel';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { filesBelow, kindOf, nodeFile } from '@/storage/nodeFiles';
import { pathsOf } from '@/storage/outputs';
import { listOf, type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

/** Options by which predict and others name a model. */
export const MODEL_OPTIONS: readonly OptionSpec[] = [
  {
    names: ['-m'],
    kind: 'text',
    value: 'MODEL',
    description: 'model folder (Trainer__Plans__configuration), a zip or bundle of it, or an .onnx',
  },
  {
    names: ['-d'],
    kind: 'text',
    value: 'DATASET',
    description: 'or: dataset id or name below nnUNet_results',
  },
  { names: ['-tr'], kind: 'text', value: 'TRAINER', description: 'with -d: trainer (default nnUNetTrainer)' },
  { names: ['-p'], kind: 'text', value: 'PLANS', description: 'with -d: plans (default nnUNetPlans)' },
  {
    names: ['-c'],
    kind: 'text',
    value: 'CONFIG',
    description: 'with -d, or where -m holds several: configuration',
  },
  {
    names: ['-f'],
    kind: 'list',
    value: 'FOLD…',
    description: 'folds to average, or all (default: every fold there is)',
  },
  {
    names: ['-chk'],
    kind: 'text',
    value: 'NAME',
    description: 'checkpoint (default checkpoint_final.pth where there is one)',
  },
];

/** A model ready to load, and the two files of its folder that go with every prediction. */
export interface ModelSource {
  readonly imported: ImportedModel;
  /** Both are absent where the network is not nnU-Net's. */
  readonly datasetJson: Uint8Array | undefined;
  readonly plansJson: Uint8Array | undefined;
}

/** The model that the options name. Throws `NoModel`, `Usage`, and what reading it throws. */
export async function openModel(options: ParsedOptions): Promise<ModelSource> {
  const files = await filesOf(await modelLocation(options));
  const checkpointName = textOf(options, '-chk');
  const folds = listOf(options, '-f');
  const configuration = textOf(options, '-c');
  const outcomes = await importModels(files, {
    ...(checkpointName && { checkpointName }),
    ...(folds && { folds }),
  });
  return sourceOf(chooseModel(outcomes, configuration));
}

/**
 * The model of the stage before, for the second stage of a cascade: in the same folder or zip, or beside it; of its own
 * checkpoint where it has not the one that `-chk` names. `undefined` where there is none.
 */
export async function openPreviousStage(
  options: ParsedOptions,
  { model }: ImportedModel,
): Promise<ModelSource | undefined> {
  const location = await modelLocation(options);
  const checkpointName = textOf(options, '-chk');
  const places = [location, ...(await placesBeside(location, `__${model.configuration.previousStage}`))];
  for (const importOptions of checkpointName ? [{ checkpointName }, {}] : [{}]) {
    const found: ImportedModel[] = [];
    for (const place of places) {
      for (const outcome of await importModels(await filesOf(place), importOptions)) {
        if ('imported' in outcome) found.push(outcome.imported);
      }
    }
    const [best] = previousStagesAmong(model, found, (imported) => imported.model);
    if (best) return sourceOf(best);
  }
  return undefined;
}

/** Folders beside a folder whose names end like that. */
async function placesBeside(location: string, ending: string): Promise<readonly string[]> {
  if ((await kindOf(location)) !== 'folder') return [];
  const parent = path.dirname(path.resolve(location));
  const names = (await readdir(parent)).filter((name) => name.endsWith(ending)).sort();
  return names.map((name) => path.join(parent, name)).filter((place) => place !== path.resolve(location));
}

async function sourceOf(imported: ImportedModel): Promise<ModelSource> {
  const contentOf = (name: string) => imported.files.find((file) => file.path === name)?.bytes();
  const [datasetJson, plansJson] = [await contentOf('dataset.json'), await contentOf('plans.json')];
  return { imported, datasetJson, plansJson };
}

type BrokenModel = Extract<ImportOutcome, { readonly error: Error }>;

/** Throws the error of a model that could not be read, unless another is the one meant. */
function chooseModel(outcomes: readonly ImportOutcome[], configuration: string | undefined): ImportedModel {
  const models = outcomes.flatMap((outcome) => ('imported' in outcome ? [outcome.imported] : []));
  const broken = outcomes.filter((outcome): outcome is BrokenModel => 'error' in outcome);
  const meant = broken.find(({ origin }) => !configuration || origin.endsWith(`__${configuration}`));
  if (meant) throw meant.error;
  const matching = models.filter(({ model }) => !configuration || model.configuration.name === configuration);
  if (matching.length === 1) return matching[0];
  const found = models.map(({ origin }) => origin).join(', ');
  if (matching.length > 1) {
    throw new UsageError(
      `There are several models: ${found}.`,
      'Name one of these folders with -m, or its configuration with -c.',
    );
  }
  if (broken.length > 0) throw broken[0].error;
  const names = models.map(({ model }) => model.configuration.name);
  throw new UsageError(`No model of configuration ${configuration}; there is ${names.join(', ')}.`);
}

/** Paths of what {@link openModel} reads. */
export async function modelPaths(
  options: ParsedOptions,
  { files }: Pick<ImportedModel, 'files'>,
): Promise<readonly string[]> {
  const location = await modelLocation(options);
  return [location, location.replace(/\.onnx$/i, '.json'), ...pathsOf(files)];
}

async function modelLocation(options: ParsedOptions): Promise<string> {
  const location = textOf(options, '-m') ?? (await resultsFolderOf(options));
  if ((await kindOf(location)) !== 'nothing') return location;
  throw new StudioError('NoModel', `${location} does not exist.`, 'Name a model folder or a zip of one.');
}

/** What the place holds; with an ONNX file the JSON of the same name beside it, where there is one. */
async function filesOf(location: string): Promise<readonly SourceFile[]> {
  if ((await kindOf(location)) === 'folder') return filesBelow(location);
  const file = await nodeFile(location);
  const beside = location.replace(/\.onnx$/i, '.json');
  if (beside === location || (await kindOf(beside)) !== 'file') return [file];
  return [file, await nodeFile(beside)];
}

/** `$nnUNet_results/Dataset###_Name/Trainer__Plans__configuration`. */
async function resultsFolderOf(options: ParsedOptions): Promise<string> {
  const dataset = textOf(options, '-d');
  if (dataset === undefined) throw new UsageError('Name a model: -m MODEL, or -d DATASET -c CONFIGURATION.');
  const configuration = textOf(options, '-c');
  if (configuration === undefined)
    throw new UsageError('-c is missing: the configuration, such as 3d_fullres.');
  const results = nnunetResults();
  const trainer = textOf(options, '-tr') ?? 'nnUNetTrainer';
  const plans = textOf(options, '-p') ?? 'nnUNetPlans';
  return path.join(results, await datasetFolder(results, dataset), `${trainer}__${plans}__${configuration}`);
}

/** The folder in the environment variable nnUNet_results. */
export function nnunetResults(): string {
  const results = process.env.nnUNet_results;
  if (results) return results;
  throw new UsageError(
    'The environment variable nnUNet_results is not set.',
    'Set it to the folder with your trained models, or name a model with -m.',
  );
}

/** The folder of a dataset given by name, or by number as in `Dataset004_Hippocampus`. */
export async function datasetFolder(results: string, dataset: string): Promise<string> {
  const names = (await readdir(results)).filter((name) => /^Dataset\d{3}_/.test(name));
  const prefix = /^\d+$/.test(dataset) ? `Dataset${dataset.padStart(3, '0')}_` : undefined;
  const found = names.filter((name) => (prefix ? name.startsWith(prefix) : name === dataset));
  if (found.length === 1) return found[0];
  throw new UsageError(
    found.length > 1
      ? `${dataset} is ambiguous: ${found.join(', ')}.`
      : `No dataset ${dataset} in ${results}.`,
    found.length > 1 ? 'Name one in full.' : `There is ${names.join(', ') || 'none'}.`,
  );
}

/** What to call a model in messages. */
export function modelTitle({ model }: ImportedModel): string {
  return `${model.datasetName} ${model.configuration.name} (${model.trainerName}, ${model.plans.plansName})`;
}
