// Trained nnU-Net models out of whatever was dropped: a model folder (`Trainer__Plans__configuration/`), any folder
// above it, or a zip of either, as nnUNetv2_export_model_to_zip writes it; bundles; and ONNX files.

import { fileName, readText, type SourceFile } from '@/core/io/sourceFile';
import type { Configuration } from '@/core/planning/plans';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { OWN_KEY } from '@/core/training/checkpoint';
import { areSameVariant, assertTrainerInside } from '@/core/training/trainers';
import { StudioError } from '@/shared/errors';
import { readBundleManifest } from './bundleManifest';
import { weightsOfFile } from './foreignNetwork';
import { descriptionBeside, importOnnx, isOnnxFile } from './importOnnx';
import { readJson } from './json';
import { type LabelSet, networkInputChannels } from './labels';
import type { ModelFold, NnunetModel, StateDict } from './model';
import { type ModelFolder, modelFolders, withoutArchives } from './modelFolders';
import { CHECKPOINTS, NNUNET_FILES } from './nnunetFiles';
import { integerItems, isDict, type PickleMap, type PickleValue } from './pickleValues';
import { type DatasetDescription, readDatasetJson } from './readDatasetJson';
import type { ReadModel } from './readModel';
import { checkParameters, expectedParameters } from './stateDict';
import { trainedArchitecture } from './trainedArchitecture';
import { loadWeights, openWeights } from './weightsFile';

export interface ImportedModel extends ReadModel {
  /** Mean foreground Dice over the cross-validation, where its summary is there. */
  readonly crossValidationDice?: number;
}

export interface ModelImportOptions {
  /** As `-chk` names it, `checkpoint_best.pth` or any file of a fold, with or without its ending. Default: final, else best, else latest. */
  readonly checkpointName?: string;
  /** Folds to use, as `-f` names them. Default: all with the checkpoint; `all` only where it is alone. */
  readonly folds?: readonly string[];
}

/** One model folder that was found, read or not. */
export type ImportOutcome =
  | { readonly origin: string; readonly imported: ImportedModel }
  | { readonly origin: string; readonly error: Error };

/**
 * All models among the files. Throws the first model's error if one cannot be used, and `NoModel` if there is none;
 * {@link importModels} reports them one by one instead.
 */
export async function importModel(
  files: readonly SourceFile[],
  options: ModelImportOptions = {},
): Promise<ImportedModel[]> {
  return (await importModels(files, options)).map((outcome) => {
    if ('error' in outcome) throw outcome.error;
    return outcome.imported;
  });
}

/** As {@link importModel}, but a model that cannot be used does not keep the others out. */
export async function importModels(
  given: readonly SourceFile[],
  options: ModelImportOptions = {},
): Promise<readonly ImportOutcome[]> {
  const outcomes: ImportOutcome[] = [];
  const files = await withoutDamagedArchives(given, outcomes);
  const tryImport = async (origin: string, read: () => Promise<ImportedModel>) => {
    try {
      outcomes.push({ origin, imported: await read() });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      outcomes.push({ origin, error });
    }
  };
  const onnxFiles = files.filter(isOnnxFile);
  for (const file of onnxFiles) {
    await tryImport(file.path, () => importOnnx(file, descriptionBeside(file, files), options));
  }
  if (onnxFiles.length > 0 && !files.some(({ path }) => OF_A_FOLDER.test(path))) return outcomes;
  if (outcomes.length > 0 && !files.some(({ path }) => OF_A_FOLDER.test(path))) return outcomes;
  for (const folder of await modelFolders(files)) {
    await tryImport(folder.path, () => importFolder(folder, options));
  }
  return outcomes;
}

/** An archive among others that cannot be opened is an outcome of its own, and does not keep the others out. */
async function withoutDamagedArchives(
  files: readonly SourceFile[],
  outcomes: ImportOutcome[],
): Promise<readonly SourceFile[]> {
  if (files.length === 1) return files;
  const sound: SourceFile[] = [];
  for (const file of files) {
    try {
      if (ARCHIVE.test(file.path)) await withoutArchives([file]);
      sound.push(file);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      outcomes.push({ origin: file.path, error });
    }
  }
  return sound;
}

const ARCHIVE = /\.(zip|nnstudio)$/i;

/** Files by which a model folder, or an archive of one, is known. */
const OF_A_FOLDER = /\.(zip|nnstudio|pth|safetensors)$|(^|\/)plans\.json$/i;

async function importFolder(folder: ModelFolder, options: ModelImportOptions): Promise<ImportedModel> {
  const checkpointName = options.checkpointName
    ? fullCheckpointName(folder, options.checkpointName)
    : bestCheckpointName(folder);
  const folds = options.folds ?? foldsWith(folder, checkpointName);
  const checkpoints = folds.map((fold) => checkpointOf(folder, fold, checkpointName));
  const dataset = await readDatasetOf(folder);
  const plansFile = required(folder, folder.plans, NNUNET_FILES.plans);
  const plans = readPlans(await readText(plansFile), plansFile.path);

  const first = await openWeights(checkpoints[0]);
  const manifest = folder.manifest && (await readBundleManifest(folder.manifest));
  const folderName = folder.path.slice(folder.path.lastIndexOf('/') + 1);
  const facts = manifest ?? checkpointFacts(first.entries, checkpoints[0].path, folderName);
  assertTrainerInside(facts.trainerName);
  const planned = configurationOf(plans, facts.configurationName, plansFile.path);
  const configuration = { ...planned, architecture: trainedArchitecture(planned, facts.trainerName) };
  const expected = parametersOf(configuration, dataset.channelNames, dataset.labels);
  checkParameters(first.tensors, expected, checkpoints[0].path);

  const { dice: crossValidationDice } = await evaluationIn(folder.crossValidationSummary);
  return {
    model: {
      plans,
      configuration,
      labels: dataset.labels,
      channelNames: dataset.channelNames,
      fileEnding: dataset.fileEnding,
      datasetName: plans.datasetName,
      trainerName: facts.trainerName,
      folds: await Promise.all(folds.map((fold) => describeFold(folder, fold, checkpointName))),
      mirrorAxes: facts.mirrorAxes,
    },
    origin: folder.path,
    sizeInBytes: checkpoints.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0),
    ...(crossValidationDice === undefined ? {} : { crossValidationDice }),
    ...(manifest && { sharing: manifest.sharing }),
    files: keptFiles(folder, checkpoints),
    loadFold: async (fold) => loadWeights(checkpointOf(folder, fold, checkpointName), expected),
  };
}

/** The weights of one of a model's folds out of its file. Throws `WeightsMismatch` and what reading the file throws. */
export async function loadModelWeights(file: SourceFile, model: NnunetModel): Promise<StateDict> {
  if (model.foreignNetwork) return weightsOfFile(await file.bytes());
  return loadWeights(file, modelParameters(model));
}

/** Every parameter of a model's network with its shape, in the order of its state dict. */
export function modelParameters({
  configuration,
  channelNames,
  labels,
}: NnunetModel): ReadonlyMap<string, readonly number[]> {
  return parametersOf(configuration, channelNames, labels);
}

function parametersOf(
  configuration: Configuration,
  channelNames: readonly string[],
  labels: LabelSet,
): ReadonlyMap<string, readonly number[]> {
  return expectedParameters(
    configuration.architecture,
    networkInputChannels(channelNames.length, labels, configuration),
    labels.outputChannels,
  );
}

/** What a model is kept with beside its checkpoints: nnU-Net's own files, without predictions. */
const KEPT = [
  /^(plans|dataset|dataset_fingerprint)\.json$/,
  /^fold_[^/]+\/(progress\.(png|json)|debug\.json|network_architecture\.pdf|training_log[^/]*\.txt|validation\/summary\.json)$/,
  /^crossval_results_folds_[^/]+\/(summary|postprocessing|plans|dataset)\.(json|pkl)$/,
];

function keptFiles(folder: ModelFolder, checkpoints: readonly SourceFile[]): readonly SourceFile[] {
  const folds = new Set(checkpoints.map(({ path }) => foldFolderOf(path)));
  const isOfFold = (path: string) => !path.startsWith('fold_') || folds.has(path.split('/')[0]);
  return [
    ...folder.files.filter(({ path }) => isOfFold(path) && KEPT.some((pattern) => pattern.test(path))),
    ...checkpoints.map((file) => ({ ...file, path: `${foldFolderOf(file.path)}/${fileName(file)}` })),
  ];
}

/** `fold_0` of a checkpoint's path. */
function foldFolderOf(path: string): string {
  return path.split('/').at(-2) ?? '';
}

interface CheckpointFacts {
  readonly configurationName: string;
  readonly trainerName: string;
  readonly mirrorAxes: readonly number[];
}

/** What nnU-Net's predictor takes from the first fold's checkpoint; the folder's name stands in for what it lacks. */
function checkpointFacts(entries: PickleMap, file: string, folderName: string): CheckpointFacts {
  const nameParts = folderName.split('__');
  const [trainerFromName, , configurationFromName] = nameParts.length === 3 ? nameParts : [];
  const initArgs = entries.get('init_args');
  const configurationName =
    textIn(isDict(initArgs) ? initArgs.get('configuration') : undefined) ?? configurationFromName;
  if (!configurationName) {
    throw new StudioError(
      'BadCheckpoint',
      `${file} does not say which configuration it was trained for.`,
      'Name its folder as nnU-Net does: Trainer__Plans__configuration.',
    );
  }
  return {
    configurationName,
    trainerName: trainerOf(entries, trainerFromName),
    mirrorAxes: integerItems(entries.get('inference_allowed_mirroring_axes')) ?? [],
  };
}

/**
 * The trainer's own name. A checkpoint names a class of stock nnU-Net where the trainer is one of another length, so that the
 * folder's name, or what nnStudio wrote besides, says more where it is the same variant.
 */
function trainerOf(entries: PickleMap, fromFolder: string | undefined): string {
  const own = entries.get(OWN_KEY);
  const candidates = [fromFolder, textIn(isDict(own) ? own.get('trainer') : undefined)].filter(
    (name) => name !== undefined,
  );
  const named = textIn(entries.get('trainer_name'));
  if (named === undefined) return candidates[0] ?? 'nnUNetTrainer';
  return candidates.find((name) => areSameVariant(name, named)) ?? named;
}

function textIn(value: PickleValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

async function readDatasetOf(folder: ModelFolder): Promise<DatasetDescription> {
  const file = required(folder, folder.dataset, NNUNET_FILES.dataset);
  return readDatasetJson(await readText(file), file.path);
}

async function describeFold(folder: ModelFolder, fold: string, checkpointName: string): Promise<ModelFold> {
  const { dice, cases } = await evaluationIn(folder.folds.get(fold)?.summary);
  return {
    fold,
    checkpointName,
    ...(dice !== undefined && { validationDice: dice }),
    ...(dice !== undefined && cases !== undefined && { validationCases: cases }),
  };
}

/** `foreground_mean.Dice` of a summary.json, and of how many cases; one that cannot be read only costs its figures. */
async function evaluationIn(
  file: SourceFile | undefined,
): Promise<{ readonly dice?: number; readonly cases?: number }> {
  if (!file) return {};
  try {
    const summary = await readJson(file);
    const dice = fieldOf(fieldOf(summary, 'foreground_mean'), 'Dice');
    const cases = fieldOf(summary, 'metric_per_case');
    return {
      ...(typeof dice === 'number' && Number.isFinite(dice) && { dice }),
      ...(Array.isArray(cases) && { cases: cases.length }),
    };
  } catch (error) {
    if (error instanceof StudioError && error.name === 'BadJson') return {};
    throw error;
  }
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

/** In the order in which nnU-Net's users prefer them. */
const CHECKPOINT_NAMES = [CHECKPOINTS.final, CHECKPOINTS.best, CHECKPOINTS.latest];

function bestCheckpointName(folder: ModelFolder): string {
  const all = new Set([...folder.folds.values()].flatMap(({ checkpoints }) => [...checkpoints.keys()]));
  const known = CHECKPOINT_NAMES.find((name) => all.has(name));
  const [first = CHECKPOINT_NAMES[0]] = all;
  if (known !== undefined || all.size < 2) return known ?? first;
  throw new StudioError(
    'MissingFold',
    `${folder.path} has no ${CHECKPOINT_NAMES[0]}${availableIn(folder)}.`,
    `Choose one of these with -chk, or name it ${CHECKPOINT_NAMES[0]}.`,
  );
}

/** The name of a file that is there, for one that may lack its ending. */
function fullCheckpointName(folder: ModelFolder, asked: string): string {
  const names = [asked, `${asked}.pth`, `${asked}.pt`];
  return names.find((name) => foldNames(folder).some((fold) => findCheckpoint(folder, fold, name))) ?? asked;
}

/** Of folds with any file in them. */
function foldNames({ files }: ModelFolder): readonly string[] {
  return [...new Set(files.flatMap(({ path }) => /^fold_([^/]+)\//.exec(path)?.[1] ?? []))];
}

/** A checkpoint by name; nnU-Net takes any file of the fold's folder for one. */
function findCheckpoint(folder: ModelFolder, fold: string, name: string): SourceFile | undefined {
  const known = folder.folds.get(fold)?.checkpoints.get(name);
  const beside = folder.files.find(({ path }) => path === `fold_${fold}/${name}`);
  return known ?? (beside && { ...beside, path: `${folder.path}/${beside.path}` });
}

/** Folds with the checkpoint, numbers first; `all` only where no other has it, as nnU-Net detects them. */
function foldsWith(folder: ModelFolder, checkpointName: string): readonly string[] {
  const folds = foldNames(folder).filter((fold) => findCheckpoint(folder, fold, checkpointName));
  const numbered = folds.filter((fold) => fold !== 'all').sort((a, b) => Number(a) - Number(b));
  const found = numbered.length > 0 ? numbered : folds;
  if (found.length === 0) {
    throw new StudioError(
      'MissingFold',
      `${folder.path} has no fold with ${checkpointName}${availableIn(folder)}.`,
      `Add fold_0/${checkpointName}, or choose another checkpoint.`,
    );
  }
  return found;
}

function checkpointOf(folder: ModelFolder, fold: string, checkpointName: string): SourceFile {
  const file = findCheckpoint(folder, fold, checkpointName);
  if (file) return file;
  throw new StudioError(
    'MissingFold',
    `${folder.path} has no fold_${fold}/${checkpointName}${availableIn(folder)}.`,
    'Choose a fold that is there, or add the missing one.',
  );
}

function availableIn({ folds }: ModelFolder): string {
  const found = [...folds].flatMap(([fold, { checkpoints }]) =>
    [...checkpoints.keys()].map((name) => `fold_${fold}/${name}`),
  );
  return found.length > 0 ? `; it has ${found.join(', ')}` : '';
}

function required(folder: ModelFolder, file: SourceFile | undefined, name: string): SourceFile {
  if (file) return file;
  throw new StudioError(
    'IncompleteModel',
    `${folder.path} has no ${name}.`,
    `Drop the whole model folder, the one that holds dataset.json, plans.json and fold_0, not the checkpoint alone.`,
  );
}
