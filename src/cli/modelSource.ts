// Finds the model that `-m`, or `-d -tr -p -c` below nnUNet_results, name.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type ImportedModel, importModel } from '@/core/interop/importModel';
import { modelFolders } from '@/core/interop/modelFolders';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { filesBelow, kindOf, nodeFile } from '@/storage/nodeFiles';
import { listOf, type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

/** Options by which predict and others name a model. */
export const MODEL_OPTIONS: readonly OptionSpec[] = [
  {
    names: ['-m'],
    kind: 'text',
    value: 'MODEL',
    description: 'model folder (Trainer__Plans__configuration), or a zip of it',
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
  readonly datasetJson: Uint8Array;
  readonly plansJson: Uint8Array;
}

export async function openModel(options: ParsedOptions): Promise<ModelSource> {
  const files = await modelFiles(options);
  const checkpointName = textOf(options, '-chk');
  const folds = listOf(options, '-f');
  const models = await importModel(files, {
    ...(checkpointName && { checkpointName }),
    ...(folds && { folds }),
  });
  const imported = chooseModel(models, textOf(options, '-c'));
  const folder = (await modelFolders(files)).find((each) => each.path === imported.origin);
  return {
    imported,
    datasetJson: await contentOf(folder?.dataset),
    plansJson: await contentOf(folder?.plans),
  };
}

async function contentOf(file: SourceFile | undefined): Promise<Uint8Array> {
  if (!file) throw new Error('an imported model has dataset.json and plans.json');
  return file.bytes();
}

function chooseModel(models: readonly ImportedModel[], configuration: string | undefined): ImportedModel {
  const names = models.map(({ model }) => model.configuration.name);
  const matching = models.filter(({ model }) => !configuration || model.configuration.name === configuration);
  if (matching.length === 1) return matching[0];
  const found = models.map(({ origin }) => origin).join(', ');
  if (matching.length > 1) {
    throw new UsageError(
      `There are several models: ${found}.`,
      'Name one of these folders with -m, or its configuration with -c.',
    );
  }
  throw new UsageError(`No model of configuration ${configuration}; there is ${names.join(', ')}.`);
}

async function modelFiles(options: ParsedOptions): Promise<readonly SourceFile[]> {
  const given = textOf(options, '-m');
  const location = given ?? (await resultsFolderOf(options));
  const kind = await kindOf(location);
  if (kind === 'nothing') {
    throw new StudioError('NoModel', `${location} does not exist.`, 'Name a model folder or a zip of one.');
  }
  return kind === 'folder' ? filesBelow(location) : [await nodeFile(location)];
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
async function datasetFolder(results: string, dataset: string): Promise<string> {
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
