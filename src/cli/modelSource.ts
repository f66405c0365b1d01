// Finds the model that `-m`, or `-d -tr -p -c` below nnUNet_results, name.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type ModelRequest, type ModelSource, openModelOnDisk } from '@/app/models/openModelOnDisk';
import { nameKey } from '@/shared/names';
import { asUsage, listOf, type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

/** Options by which predict and others name a model. */
export const MODEL_OPTIONS: readonly OptionSpec[] = [
  {
    names: ['-m'],
    kind: 'text',
    value: 'MODEL',
    description:
      'model folder (Trainer__Plans__configuration), a zip or bundle of it, a folder in a zip, or an .onnx',
  },
  {
    names: ['-d'],
    kind: 'text',
    value: 'DATASET',
    description: 'or: dataset id or name below nnUNet_results',
  },
  {
    names: ['-tr'],
    kind: 'text',
    value: 'TRAINER',
    description: 'with -d (default nnUNetTrainer), or where -m holds several: trainer',
  },
  {
    names: ['-p'],
    kind: 'text',
    value: 'PLANS',
    description: 'with -d (default nnUNetPlans), or where -m holds several: plans',
  },
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
    description:
      'checkpoint: a file of the fold, or a path (default checkpoint_final.pth where there is one)',
  },
];

/** The model that the options name. Throws `NoModel`, `Usage`, and what reading it throws. */
export async function openModel(options: ParsedOptions): Promise<ModelSource> {
  return openModelOnDisk(await modelRequest(options)).catch(
    asUsage(['SeveralModels', 'NoSuchModel'], 'The options are -m, -tr, -p, -c and -chk.'),
  );
}

/** What the options say of the model. */
export async function modelRequest(options: ParsedOptions): Promise<ModelRequest> {
  return {
    location: textOf(options, '-m') ?? (await resultsFolderOf(options)),
    trainer: textOf(options, '-tr'),
    plans: textOf(options, '-p'),
    configuration: textOf(options, '-c'),
    folds: listOf(options, '-f'),
    checkpoint: textOf(options, '-chk'),
  };
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
  return path.join(
    results,
    await resultsFolderOfDataset(results, dataset),
    `${trainer}__${plans}__${configuration}`,
  );
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
export async function resultsFolderOfDataset(results: string, dataset: string): Promise<string> {
  const names = (await readdir(results)).filter((name) => /^Dataset\d{3}_/.test(name));
  const prefix = /^\d+$/.test(dataset) ? `Dataset${dataset.padStart(3, '0')}_` : undefined;
  const found = names.filter((name) =>
    prefix ? name.startsWith(prefix) : nameKey(name) === nameKey(dataset),
  );
  if (found.length === 1) return found[0];
  throw new UsageError(
    found.length > 1
      ? `${dataset} is ambiguous: ${found.join(', ')}.`
      : `No dataset ${dataset} in ${results}.`,
    found.length > 1 ? 'Name one in full.' : `There is ${names.join(', ') || 'none'}.`,
  );
}
