// Which files of nnUNet_results go with trained models: nnU-Net's `export_pretrained_model`.

import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { type ZipPart, zipPart } from '@/core/io/zipStream';
import { StudioError } from '@/shared/errors';
import { NNUNET_FILES } from './nnunetFiles';

/** What `nnUNetv2_export_model_to_zip` is asked. */
export interface ResultsOptions {
  /** `DatasetXXX_Name`. */
  readonly datasetName: string;
  readonly trainerName: string;
  readonly plansName: string;
  /** Those that are there if left out; each that is named must be there. */
  readonly configurations?: readonly string[] | undefined;
  /** Those with the checkpoints if left out; each that is named must be there. */
  readonly folds?: readonly string[] | undefined;
  readonly checkpointNames: readonly string[];
  /** Predictions of the validation too, not their summaries alone. */
  readonly hasPredictions: boolean;
}

const OF_MODEL = [NNUNET_FILES.dataset, NNUNET_FILES.plans, NNUNET_FILES.fingerprint];
const OF_FOLD = [NNUNET_FILES.progressPicture, NNUNET_FILES.debug, NNUNET_FILES.networkPicture];
const OF_JUDGEMENT = [NNUNET_FILES.summary, NNUNET_FILES.postprocessing, NNUNET_FILES.postprocessingRecord];
const OF_INFERENCE = [
  NNUNET_FILES.inferenceInformation,
  'inference_information.txt',
  NNUNET_FILES.inferenceInstructions,
];

/**
 * The parts of the zip, below the dataset's folder. `files` are those of that folder, whose name their paths start with.
 * Throws `NoModel` where nothing, or something that was named, is not there.
 *
 * Follows nnU-Net's `export_pretrained_model`, which asks for all configurations and folds where none is named.
 */
export function resultsParts(files: readonly SourceFile[], question: ResultsOptions): readonly ZipPart[] {
  const { datasetName, trainerName, plansName, configurations } = question;
  const all = new Map(files.map((file) => [file.path, file]));
  const prefix = `${datasetName}/${trainerName}__${plansName}__`;
  const found = configurationsBelow(files, prefix);
  const missing = configurations?.find((each) => !found.includes(each));
  if (missing !== undefined || found.length === 0) {
    throw new StudioError(
      'NoModel',
      `There is no ${prefix}${missing ?? 'configuration'} with a checkpoint.`,
      found.length > 0 ? `There is ${found.join(', ')}.` : 'Check -d, -tr and -p.',
    );
  }
  const chosen = configurations ?? found;
  const paths = [
    ...chosen.flatMap((configuration) => modelPaths(all, prefix + configuration, question)),
    ...ensemblePaths(all, datasetName, new Set(chosen.map((each) => baseName(prefix + each))), question),
    ...OF_INFERENCE.map((name) => `${datasetName}/${name}`),
  ];
  return paths.flatMap((path) => {
    const file = all.get(path);
    return file ? [zipPart(file)] : [];
  });
}

function configurationsBelow(files: readonly SourceFile[], prefix: string): readonly string[] {
  const names = files.flatMap(({ path }) => {
    const [configuration, fold, checkpoint] = path.startsWith(prefix)
      ? path.slice(prefix.length).split('/')
      : [];
    return fold?.startsWith('fold_') && checkpoint?.endsWith('.pth') ? [configuration] : [];
  });
  return [...new Set(names)].sort();
}

function modelPaths(
  all: ReadonlyMap<string, SourceFile>,
  folder: string,
  question: ResultsOptions,
): readonly string[] {
  const folds = foldsOf(all, folder, question);
  return [
    ...folds.flatMap((fold) => foldPaths(all, `${folder}/fold_${fold}`, question)),
    ...crossValidationPaths(all, folder, folds, question),
    ...OF_MODEL.map((name) => `${folder}/${name}`),
  ];
}

function foldsOf(
  all: ReadonlyMap<string, SourceFile>,
  folder: string,
  { folds, checkpointNames }: ResultsOptions,
): readonly string[] {
  const lacks = (fold: string) =>
    checkpointNames.find((name) => !all.has(checkpointPath(all, `${folder}/fold_${fold}`, name)));
  const there = [...new Set([...all.keys()].flatMap((path) => foldIn(path, folder)))].sort();
  const complete = there.filter((fold) => lacks(fold) === undefined);
  const chosen = folds ?? complete;
  const missing = chosen.find((fold) => lacks(fold) !== undefined);
  if (missing === undefined && chosen.length > 0) return chosen;
  throw new StudioError(
    'NoModel',
    `${folder} has no ${missing === undefined ? `fold with ${checkpointNames.join(' and ')}` : `fold_${missing}/${lacks(missing)}`}.`,
    complete.length > 0
      ? `Folds with it are ${complete.join(', ')}: name them with -f.`
      : 'Train first, or name the checkpoint that is there with -chk.',
  );
}

/** Of a checkpoint's name with or without its ending. */
function checkpointPath(all: ReadonlyMap<string, SourceFile>, folder: string, name: string): string {
  const path = `${folder}/${name}`;
  return !all.has(path) && all.has(`${path}.pth`) ? `${path}.pth` : path;
}

function foldIn(path: string, folder: string): readonly string[] {
  const [, fold] = path.startsWith(`${folder}/`)
    ? (/^fold_([^/]+)\//.exec(path.slice(folder.length + 1)) ?? [])
    : [];
  return fold === undefined ? [] : [fold];
}

function foldPaths(
  all: ReadonlyMap<string, SourceFile>,
  folder: string,
  { checkpointNames, hasPredictions }: ResultsOptions,
): readonly string[] {
  const validation = hasPredictions
    ? filesDirectlyIn(all, `${folder}/validation`).filter((path) => !/\.(npz|pkl)$/.test(path))
    : [`${folder}/validation/${NNUNET_FILES.summary}`];
  return [
    ...checkpointNames.map((name) => checkpointPath(all, folder, name)),
    ...OF_FOLD.map((name) => `${folder}/${name}`),
    ...validation,
  ];
}

/** Of these folds, or some of them. */
function crossValidationPaths(
  all: ReadonlyMap<string, SourceFile>,
  folder: string,
  folds: readonly string[],
  { hasPredictions }: ResultsOptions,
): readonly string[] {
  const prefix = `${folder}/crossval_results_folds_`;
  const names = [...all.keys()].filter((path) => path.startsWith(prefix)).map(folderOf);
  return [...new Set(names)]
    .filter((name) =>
      name
        .slice(prefix.length)
        .split('_')
        .every((fold) => folds.includes(fold)),
    )
    .flatMap((name) => evaluationPaths(all, name, hasPredictions));
}

/** `ensemble___A___B___folds`, of models that are all taken along. */
function ensemblePaths(
  all: ReadonlyMap<string, SourceFile>,
  datasetName: string,
  models: ReadonlySet<string>,
  { hasPredictions }: ResultsOptions,
): readonly string[] {
  const prefix = `${datasetName}/ensembles/`;
  const names = [...all.keys()].filter((path) => path.startsWith(prefix)).map(folderOf);
  return [...new Set(names)]
    .filter((name) => {
      const members = baseName(name).split('___').slice(1, -1);
      return members.length > 0 && members.every((member) => models.has(member));
    })
    .flatMap((name) => evaluationPaths(all, name, hasPredictions));
}

function evaluationPaths(
  all: ReadonlyMap<string, SourceFile>,
  folder: string,
  hasPredictions: boolean,
): readonly string[] {
  return hasPredictions ? filesDirectlyIn(all, folder) : OF_JUDGEMENT.map((name) => `${folder}/${name}`);
}

function filesDirectlyIn(all: ReadonlyMap<string, SourceFile>, folder: string): readonly string[] {
  return [...all.keys()].filter((path) => folderOf(path) === folder);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function baseName(path: string): string {
  return fileName({ path });
}
