// Models of a dataset in nnUNet_results, and the label maps they are evaluated against.
import path from 'node:path';
import type { Fold } from '@/app/train/foldSetup';
import { modelIdentifier, type TrainedModel } from '@/core/evaluation/inferenceInstructions';
import { StudioError } from '@/shared/errors';
import type { PlacedFolder } from '@/storage/folderViews';
import { kindOf, nodeDatasetFolder } from '@/storage/nodeFiles';
import type { Outputs } from '@/storage/outputs';
import { nnunetResults } from './modelSource';
import { namesOfId } from './nnunetFolders';
import { listOf, noEffect, type OptionSpec, type ParsedOptions, textOf, UsageError } from './options';

/** Folders instead of nnU-Net's variables. */
export const FOLDER_OPTIONS: readonly OptionSpec[] = (['raw', 'preprocessed', 'results'] as const).map(
  (part) => ({
    names: [`-${part}`],
    kind: 'text',
    value: 'FOLDER',
    description: `instead of the variable nnUNet_${part}`,
  }),
);

export const FOLDS_OPTION: OptionSpec = {
  names: ['-f'],
  kind: 'list',
  value: 'FOLD…',
  description: 'folds (default 0 1 2 3 4)',
};

/** Number of processes, as all of nnU-Net's commands take it. */
export const PROCESSES_OPTION: OptionSpec = {
  names: ['-np'],
  kind: 'number',
  value: 'N',
  description: noEffect('cases are worked on one by one'),
};

/** A dataset by its place in nnU-Net's folders, those that are set. */
export interface DatasetPlaces {
  /** `DatasetXXX_Name` */
  readonly name: string;
  readonly raw: string | undefined;
  readonly preprocessed: string | undefined;
  readonly results: string;
}

/** The dataset that the command's argument names, by id or name; any of nnU-Net's folders may know it. */
export async function datasetPlaces(options: ParsedOptions): Promise<DatasetPlaces> {
  const [asked, ...rest] = options.positionals;
  if (asked === undefined || rest.length > 0) throw new UsageError('Name one dataset, by its id or name.');
  const raw = textOf(options, '-raw') ?? process.env.nnUNet_raw;
  const preprocessed = textOf(options, '-preprocessed') ?? process.env.nnUNet_preprocessed;
  const results = textOf(options, '-results') ?? nnunetResults();
  const name = /^\d+$/.test(asked) ? await nameOf(Number(asked), [raw, preprocessed, results]) : asked;
  const below = (folder: string | undefined) => folder && path.join(folder, name);
  return {
    name,
    raw: below(raw),
    preprocessed: below(preprocessed),
    results: path.join(results, name),
  };
}

async function nameOf(id: number, folders: readonly (string | undefined)[]): Promise<string> {
  const known = folders.filter((folder) => folder !== undefined && folder !== '');
  const found = await namesOfId(
    id,
    known.filter((folder) => folder !== undefined),
  );
  if (found.length === 1) return found[0];
  throw new StudioError(
    'UnknownDataset',
    found.length === 0
      ? `There is no dataset ${id} in ${known.join(' or ')}.`
      : `Several datasets have the id ${id}: ${found.join(', ')}.`,
    found.length === 0 ? 'Its folder is named DatasetXXX_Name.' : 'Name it in full.',
  );
}

/** A folder on disk by its absolute path. */
export function placedFolder(location: string): PlacedFolder {
  const absolute = path.resolve(location);
  return { folder: nodeDatasetFolder(absolute), location: absolute };
}

/** The model's folder among the results. Throws `NoModel`. */
export async function trainedFolder(places: DatasetPlaces, model: TrainedModel): Promise<PlacedFolder> {
  const location = path.join(places.results, modelIdentifier(model));
  if ((await kindOf(location)) === 'folder') return placedFolder(location);
  throw new StudioError(
    'NoModel',
    `There is no ${location}.`,
    'Train this configuration (with --npz, where ensembles are to be tried), or name those that are trained with -c.',
  );
}

/** Folders of what the folds of a model predicted for their held-out cases. */
export function validationsOf({ location }: PlacedFolder, folds: readonly Fold[]): readonly string[] {
  return folds.map((fold) => path.join(location, `fold_${fold}`, 'validation'));
}

/** Throws `WouldReplaceInput` where gathering these validations in a folder would write over them. */
export async function assertValidationsStay(
  outputs: Outputs,
  target: string,
  validations: readonly string[],
): Promise<void> {
  for (const each of validations) {
    await outputs.assertFolderFree(target, await placedFolder(each).folder.list(''));
  }
}

/** `labelsTr` of the raw dataset, as nnU-Net prefers it, else `gt_segmentations` of the preprocessed one. */
export async function crossvalReferences(places: DatasetPlaces): Promise<PlacedFolder> {
  const labels = places.raw && path.join(places.raw, 'labelsTr');
  if (labels && (await kindOf(labels)) === 'folder') return placedFolder(labels);
  return preprocessedReferences(places);
}

/** Throws `NotPreprocessed`. */
export async function preprocessedReferences({ name, preprocessed }: DatasetPlaces): Promise<PlacedFolder> {
  const location = preprocessed && path.join(preprocessed, 'gt_segmentations');
  if (location && (await kindOf(location)) === 'folder') return placedFolder(location);
  throw new StudioError(
    'NotPreprocessed',
    location ? `There is no ${location}.` : `It is not known where ${name} is preprocessed.`,
    location ? 'Run preprocess first.' : 'Set nnUNet_preprocessed, or name the folder with -preprocessed.',
  );
}

/** The folds of `-f`. */
export function foldsOf(options: ParsedOptions): readonly Fold[] {
  const folds = (listOf(options, '-f') ?? ['0', '1', '2', '3', '4']).map((text) => {
    if (/^\d+$/.test(text)) return Number(text);
    throw new UsageError(
      `Folds are numbers, not ${text}.`,
      'Fold "all" is validated on what it was trained on.',
    );
  });
  if (new Set(folds).size === folds.length) return folds;
  throw new UsageError(`-f names a fold twice: ${folds.join(' ')}.`);
}

/** The folder of an option that has to be there. */
export async function existingFolder(location: string, meaning: string): Promise<PlacedFolder> {
  if ((await kindOf(location)) === 'folder') return placedFolder(location);
  throw new UsageError(`${location} is no folder; it should be ${meaning}.`);
}
