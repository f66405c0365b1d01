// Trained models on the disk, by where they lie and what they are called: what the command and the library open.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import {
  type ImportedModel,
  type ImportOutcome,
  importModels,
  type ModelImportOptions,
} from '@/core/interop/importModel';
import { withoutArchives } from '@/core/interop/modelFolders';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { filesBelow, kindOf, nodeFile } from '@/storage/nodeFiles';
import { pathsOf } from '@/storage/outputs';
import { previousStagesAmong } from '../segment/cascadeModels';

/** A model on the disk, as a person names it. */
export interface ModelRequest {
  /** A model folder, a folder above it, a zip or bundle of it, a folder in a zip, or an `.onnx` file. */
  readonly location: string;
  /** Trainer, plans and configuration tell models apart where the location holds several. */
  readonly trainer?: string | undefined;
  readonly plans?: string | undefined;
  readonly configuration?: string | undefined;
  /** Folds to average; every fold there is if left out. */
  readonly folds?: readonly string[] | undefined;
  /** Name of a file of the folds, or a path; if left out `checkpoint_final.pth` where there is one. */
  readonly checkpoint?: string | undefined;
}

/** A model ready to load, and the two files of its folder that go with every prediction. */
export interface ModelSource {
  readonly imported: ImportedModel;
  /** Both are absent where the network is not nnU-Net's. */
  readonly datasetJson: Uint8Array | undefined;
  readonly plansJson: Uint8Array | undefined;
}

/** All models at a place, read or not; of the checkpoint and folds that the request names. Throws `NoModel`. */
export async function listModelsOnDisk(request: ModelRequest): Promise<readonly ImportOutcome[]> {
  const asked = await askedCheckpoint(request, await modelPlace(request));
  return importModels(asked.files, asked.importOptions);
}

/** The one model that is meant. Throws `NoModel`, `SeveralModels`, and what reading it throws. */
export async function openModelOnDisk(request: ModelRequest): Promise<ModelSource> {
  return sourceOf(chooseModel(await listModelsOnDisk(request), request));
}

/**
 * The model of the stage before, for the second stage of a cascade: in the same folder or zip, or beside it; of its own
 * checkpoint where it lacks the one that is named. `undefined` where there is none.
 */
export async function openPreviousStageOnDisk(
  request: ModelRequest,
  { model }: ImportedModel,
): Promise<ModelSource | undefined> {
  const place = await modelPlace(request);
  const { checkpointName } = checkpointIn(request);
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

/** The model with the files that go with its predictions. */
export async function sourceOf(imported: ImportedModel): Promise<ModelSource> {
  const contentOf = (name: string) => imported.files.find((file) => file.path === name)?.bytes();
  const [datasetJson, plansJson] = [
    await contentOf(NNUNET_FILES.dataset),
    await contentOf(NNUNET_FILES.plans),
  ];
  return { imported, datasetJson, plansJson };
}

type BrokenModel = Extract<ImportOutcome, { readonly error: Error }>;

/** What models are told apart by. */
const CHOICES = ['trainer', 'plans', 'configuration'] as const;

/** The three parts of `Trainer__Plans__configuration`; of a folder of another name what the model itself says. */
function namesOf(outcome: ImportOutcome): readonly (string | undefined)[] {
  const parts = outcome.origin.slice(outcome.origin.lastIndexOf('/') + 1).split('__');
  if (parts.length === CHOICES.length) return parts;
  if (!('imported' in outcome)) return [undefined, undefined, undefined];
  const { trainerName, plans, configuration } = outcome.imported.model;
  return [trainerName, plans.plansName, configuration.name];
}

/** Paths of what {@link openModelOnDisk} reads. */
export async function modelPaths(
  request: ModelRequest,
  { files }: Pick<ImportedModel, 'files'>,
): Promise<readonly string[]> {
  const { location } = await modelPlace(request);
  return [location, location.replace(/\.onnx$/i, '.json'), ...pathsOf(files)];
}

/** Throws the error of a model that could not be read, unless another is the one meant. */
function chooseModel(outcomes: readonly ImportOutcome[], request: ModelRequest): ImportedModel {
  const asked = CHOICES.map((choice) => request[choice]);
  const isMeant = (outcome: ImportOutcome) =>
    namesOf(outcome).every((name, i) => asked[i] === undefined || name === undefined || name === asked[i]);
  const matching = outcomes.filter(isMeant);
  const broken = matching.find((outcome): outcome is BrokenModel => 'error' in outcome);
  if (broken) throw broken.error;
  const models = matching.flatMap((outcome) => ('imported' in outcome ? [outcome.imported] : []));
  if (models.length === 1) return models[0];
  if (models.length > 1) {
    throw new StudioError(
      'SeveralModels',
      `There are several models: ${models.map(({ origin }) => origin).join(', ')}.`,
      'Name one by its trainer, plans and configuration, or by its folder.',
    );
  }
  const wanted = CHOICES.flatMap((choice, i) => (asked[i] === undefined ? [] : [`${choice} ${asked[i]}`]));
  throw new StudioError(
    'NoSuchModel',
    `No model of ${wanted.join(', ')}; there is ${outcomes.map(({ origin }) => origin).join(', ')}.`,
  );
}

/** Where the model is: a folder or file on disk, and of a zip the folder in it that was named. */
interface ModelPlace {
  readonly location: string;
  /** `''` for all of it. */
  readonly inside: string;
}

async function modelPlace({ location: named }: ModelRequest): Promise<ModelPlace> {
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

/** The name of the checkpoint that is asked for, and its fold where the path tells one. */
function checkpointIn({ checkpoint }: ModelRequest): {
  readonly checkpointName?: string;
  readonly fold?: string;
} {
  const asked = checkpoint?.split(path.sep).join('/');
  if (asked === undefined) return {};
  const [, fold, name] = IN_FOLD.exec(asked) ?? [];
  return fold === undefined ? { checkpointName: path.posix.basename(asked) } : { checkpointName: name, fold };
}

/**
 * The files to import, and what of them. The checkpoint may be a path, as in nnU-Net: of a file of the model it is that fold's, and a
 * file elsewhere stands in the place of a fold's checkpoint.
 */
async function askedCheckpoint(
  request: ModelRequest,
  place: ModelPlace,
): Promise<{ readonly files: readonly SourceFile[]; readonly importOptions: ModelImportOptions }> {
  const files = await filesOf(place);
  const { checkpointName, fold } = checkpointIn(request);
  const asked = request.checkpoint;
  const folds = request.folds ?? (fold === undefined ? undefined : [fold]);
  const importOptions = { ...(checkpointName && { checkpointName }), ...(folds && { folds }) };
  const isElsewhere = asked !== undefined && /[\\/]/.test(asked) && (await kindOf(asked)) === 'file';
  if (!isElsewhere) return { files, importOptions };
  const location = path.resolve(asked);
  const isOfModel = files.some(({ origin }) => origin === location);
  if (isOfModel) return { files, importOptions };
  const all = await withoutArchives(files);
  const models = all.flatMap(({ path: each }) => /^(|.*\/)plans\.json$/.exec(each)?.[1] ?? []);
  if (models.length !== 1) {
    throw new StudioError(
      'SeveralModels',
      `The checkpoint ${asked} belongs to no model of its own, and ${place.location} holds ${models.length} of them.`,
      'Name the folder of one model.',
    );
  }
  const own = folds ?? ['0'];
  const added = await Promise.all(
    own.map((each) => nodeFile(location, `${models[0]}fold_${each}/${checkpointName}`)),
  );
  const others = all.filter((file) => !added.some((each) => each.path === file.path));
  return { files: [...others, ...added], importOptions: { ...importOptions, folds: own } };
}

/** What to call a model in messages. */
export function modelTitle({ model, origin }: ImportedModel): string {
  if (model.foreignNetwork) return `${model.datasetName} (${origin})`;
  return `${model.datasetName} ${model.configuration.name} (${model.trainerName}, ${model.plans.plansName})`;
}
