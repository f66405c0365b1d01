// Finds the model that `-m`, or `-d -tr -p -c` below nnUNet_results, name.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { previousStagesAmong } from '@/app/segment/cascadeModels';
import {
  type ImportedModel,
  type ImportOptions,
  type ImportOutcome,
  importModels,
} from '@/core/interop/importModel';
import { withoutArchives } from '@/core/interop/modelFolders';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { nameKey } from '@/shared/names';
import { filesBelow, kindOf, nodeFile } from '@/storage/nodeFiles';
import { pathsOf } from '@/storage/outputs';
import { listOf, type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

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

/** A model ready to load, and the two files of its folder that go with every prediction. */
export interface ModelSource {
  readonly imported: ImportedModel;
  /** Both are absent where the network is not nnU-Net's. */
  readonly datasetJson: Uint8Array | undefined;
  readonly plansJson: Uint8Array | undefined;
}

/** The model that the options name. Throws `NoModel`, `Usage`, and what reading it throws. */
export async function openModel(options: ParsedOptions): Promise<ModelSource> {
  const place = await modelPlace(options);
  const asked = await askedCheckpoint(options, place);
  const outcomes = await importModels(asked.files, asked.importOptions);
  return sourceOf(chooseModel(outcomes, options));
}

/**
 * The model of the stage before, for the second stage of a cascade: in the same folder or zip, or beside it; of its own
 * checkpoint where it has not the one that `-chk` names. `undefined` where there is none.
 */
export async function openPreviousStage(
  options: ParsedOptions,
  { model }: ImportedModel,
): Promise<ModelSource | undefined> {
  const place = await modelPlace(options);
  const { checkpointName } = checkpointIn(options);
  const places = [place, ...(await placesBeside(place, `__${model.configuration.previousStage}`))];
  for (const importOptions of checkpointName ? [{ checkpointName }, {}] : [{}]) {
    const found: ImportedModel[] = [];
    for (const each of places) {
      for (const outcome of await importModels(await filesOf(each), importOptions)) {
        if ('imported' in outcome) found.push(outcome.imported);
      }
    }
    const [best] = previousStagesAmong(model, found, (imported) => imported.model);
    if (best) return sourceOf(best);
  }
  return undefined;
}

/** Folders beside a folder whose names end like that. */
async function placesBeside(
  { location, inside }: ModelPlace,
  ending: string,
): Promise<readonly ModelPlace[]> {
  if (inside !== '') return [{ location, inside: inside.split('/').slice(0, -1).join('/') }];
  if ((await kindOf(location)) !== 'folder') return [];
  const parent = path.dirname(path.resolve(location));
  const names = (await readdir(parent)).filter((name) => name.endsWith(ending)).sort();
  return names
    .map((name) => path.join(parent, name))
    .filter((each) => each !== path.resolve(location))
    .map((each) => ({ location: each, inside: '' }));
}

async function sourceOf(imported: ImportedModel): Promise<ModelSource> {
  const contentOf = (name: string) => imported.files.find((file) => file.path === name)?.bytes();
  const [datasetJson, plansJson] = [await contentOf('dataset.json'), await contentOf('plans.json')];
  return { imported, datasetJson, plansJson };
}

type BrokenModel = Extract<ImportOutcome, { readonly error: Error }>;

/** What a model is told apart by, and the options that name it. */
const CHOICES = [
  { option: '-tr', what: 'trainer' },
  { option: '-p', what: 'plans' },
  { option: '-c', what: 'configuration' },
] as const;

/** The three parts of `Trainer__Plans__configuration`; of a folder of another name what the model itself says. */
function namesOf(outcome: ImportOutcome): readonly (string | undefined)[] {
  const parts = outcome.origin.slice(outcome.origin.lastIndexOf('/') + 1).split('__');
  if (parts.length === CHOICES.length) return parts;
  if (!('imported' in outcome)) return [undefined, undefined, undefined];
  const { trainerName, plans, configuration } = outcome.imported.model;
  return [trainerName, plans.plansName, configuration.name];
}

/** Paths of what {@link openModel} reads. */
export async function modelPaths(
  options: ParsedOptions,
  { files }: Pick<ImportedModel, 'files'>,
): Promise<readonly string[]> {
  const { location } = await modelPlace(options);
  return [location, location.replace(/\.onnx$/i, '.json'), ...pathsOf(files)];
}

/** Throws the error of a model that could not be read, unless another is the one meant. */
function chooseModel(outcomes: readonly ImportOutcome[], options: ParsedOptions): ImportedModel {
  const asked = CHOICES.map(({ option }) => textOf(options, option));
  const isMeant = (outcome: ImportOutcome) =>
    namesOf(outcome).every((name, i) => asked[i] === undefined || name === undefined || name === asked[i]);
  const matching = outcomes.filter(isMeant);
  const broken = matching.find((outcome): outcome is BrokenModel => 'error' in outcome);
  if (broken) throw broken.error;
  const models = matching.flatMap((outcome) => ('imported' in outcome ? [outcome.imported] : []));
  if (models.length === 1) return models[0];
  if (models.length > 1) {
    throw new UsageError(
      `There are several models: ${models.map(({ origin }) => origin).join(', ')}.`,
      'Name one by its trainer (-tr), plans (-p) and configuration (-c), or by its folder with -m.',
    );
  }
  const wanted = CHOICES.flatMap(({ what }, i) => (asked[i] === undefined ? [] : [`${what} ${asked[i]}`]));
  throw new UsageError(
    `No model of ${wanted.join(', ')}; there is ${outcomes.map(({ origin }) => origin).join(', ')}.`,
  );
}

/** Where the model is: a folder or file on disk, and of a zip the folder in it that was named. */
interface ModelPlace {
  readonly location: string;
  /** `''` for all of it. */
  readonly inside: string;
}

async function modelPlace(options: ParsedOptions): Promise<ModelPlace> {
  const named = textOf(options, '-m') ?? (await resultsFolderOf(options));
  for (let location = named; ; location = path.dirname(location)) {
    const kind = await kindOf(location);
    const inside = path.relative(location, named).split(path.sep).join('/');
    if (kind !== 'nothing' && (inside === '' || kind === 'file')) return { location, inside };
    if (kind === 'folder' || location === path.dirname(location)) break;
  }
  throw new StudioError('NoModel', `${named} does not exist.`, 'Name a model folder or a zip of one.');
}

/** What the place holds; with an ONNX file the JSON of the same name beside it, where there is one. */
async function filesOf({ location, inside }: ModelPlace): Promise<readonly SourceFile[]> {
  if ((await kindOf(location)) === 'folder') return filesBelow(location);
  const file = await nodeFile(location);
  if (inside !== '') return filesInside(file, inside);
  const beside = location.replace(/\.onnx$/i, '.json');
  if (beside === location || (await kindOf(beside)) !== 'file') return [file];
  return [file, await nodeFile(beside)];
}

/** The files of an archive below a folder of it. Throws `NoModel` naming the folders there are. */
async function filesInside(archive: SourceFile, inside: string): Promise<readonly SourceFile[]> {
  const entries = await withoutArchives([archive]);
  const found = entries.filter(({ path: entry }) => entry.startsWith(`${archive.path}/${inside}/`));
  if (found.length > 0) return found;
  const models = entries.flatMap(({ path: entry }) => /^(.*)\/plans\.json$/.exec(entry)?.[1] ?? []);
  throw new StudioError(
    'NoModel',
    `${archive.path} has no folder ${inside}.`,
    models.length > 0 ? `Its models are ${models.join(', ')}.` : 'Name a zip of a model folder.',
  );
}

/** A fold's folder and a file in it, however much of a path is before. */
const IN_FOLD = /(?:^|\/)fold_([^/]+)\/([^/]+)$/;

/** The file name that `-chk` names, and the fold where it tells one. */
function checkpointIn(options: ParsedOptions): { readonly checkpointName?: string; readonly fold?: string } {
  const asked = textOf(options, '-chk')?.split(path.sep).join('/');
  if (asked === undefined) return {};
  const [, fold, name] = IN_FOLD.exec(asked) ?? [];
  return fold === undefined ? { checkpointName: path.posix.basename(asked) } : { checkpointName: name, fold };
}

/**
 * The files to import, and what of them. `-chk` may be a path, as in nnU-Net: of a file of the model it is that fold's, and a
 * file elsewhere stands in the place of a fold's checkpoint.
 */
async function askedCheckpoint(
  options: ParsedOptions,
  place: ModelPlace,
): Promise<{ readonly files: readonly SourceFile[]; readonly importOptions: ImportOptions }> {
  const files = await filesOf(place);
  const { checkpointName, fold } = checkpointIn(options);
  const asked = textOf(options, '-chk');
  const given = listOf(options, '-f');
  const folds = given ?? (fold === undefined ? undefined : [fold]);
  const importOptions = { ...(checkpointName && { checkpointName }), ...(folds && { folds }) };
  const isElsewhere = asked !== undefined && /[\\/]/.test(asked) && (await kindOf(asked)) === 'file';
  if (!isElsewhere) return { files, importOptions };
  const location = path.resolve(asked);
  const isOfModel = files.some(({ origin }) => origin === location);
  if (isOfModel) return { files, importOptions };
  const all = await withoutArchives(files);
  const models = all.flatMap(({ path: each }) => /^(|.*\/)plans\.json$/.exec(each)?.[1] ?? []);
  if (models.length !== 1) {
    throw new UsageError(
      `-chk ${asked} belongs to no model of its own, and -m holds ${models.length} of them.`,
      'Name the folder of one model with -m.',
    );
  }
  const own = folds ?? ['0'];
  const added = await Promise.all(
    own.map((each) => nodeFile(location, `${models[0]}fold_${each}/${checkpointName}`)),
  );
  const others = all.filter((file) => !added.some((each) => each.path === file.path));
  return { files: [...others, ...added], importOptions: { ...importOptions, folds: own } };
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

/** What to call a model in messages. */
export function modelTitle({ model, origin }: ImportedModel): string {
  if (model.foreignNetwork) return `${model.datasetName} (${origin})`;
  return `${model.datasetName} ${model.configuration.name} (${model.trainerName}, ${model.plans.plansName})`;
}
