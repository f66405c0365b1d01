// A model on its way out, as the parts of an archive: nnU-Net's folders, or a bundle. Parts are made when their turn comes,
// so that one fold at most is in memory.

import {
  BUNDLE_ENDING,
  bundleManifest,
  citationText,
  licenceText,
  MANIFEST_FILE,
  MIMETYPE_FILE,
  type ModelSharing,
} from '@/core/interop/bundleManifest';
import { isWeightsOf, weightsFileOf } from '@/core/interop/checkpointFile';
import { modelParameters } from '@/core/interop/importModel';
import { parseJson } from '@/core/interop/json';
import type { NnunetModel, StateDict } from '@/core/interop/model';
import { datasetDocumentOf, plansDocumentOf } from '@/core/interop/modelDocuments';
import { CHECKPOINTS, NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { isDict, type PickleValue, sequenceItems } from '@/core/interop/pickleValues';
import { pythonJson } from '@/core/interop/pythonJson';
import { safetensorsPieces } from '@/core/interop/safetensors';
import { openWeights } from '@/core/interop/weightsFile';
import { BUNDLE_MIMETYPE } from '@/core/io/sniff';
import { memoryFile, piecewiseFile, readText, type SourceFile, textFile } from '@/core/io/sourceFile';
import { type ZipPart, zipPart } from '@/core/io/zipStream';
import { plansJson } from '@/core/planning/writePlans';
import { writeModelCheckpoint } from '@/core/training/modelCheckpoint';
import { partForAnyNnunet } from '@/core/training/stockTrainer';
import { logEntries, logFromEntries, type TrainingLog } from '@/core/training/trainingLog';
import { StudioError } from '@/shared/errors';
import { elementCount } from '@/shared/geometry';
import { version } from '../../../package.json';

/** A model with all that is kept of it; an `ImportedModel` is one. */
export interface ModelToExport {
  readonly model: NnunetModel;
  /** With paths below the model folder; none of models that are kept as weights alone. */
  readonly files: readonly SourceFile[];
  readonly crossValidationDice?: number | undefined;
  readonly sharing?: ModelSharing | undefined;
  loadFold(fold: string): Promise<StateDict>;
}

/** `Trainer__Plans__configuration`, nnU-Net's name of a model folder. */
export function exportedFolderName({ trainerName, plans, configuration }: NnunetModel): string {
  return asName(`${trainerName}__${plans.plansName}__${configuration.name}`);
}

/** Where the model lies below nnUNet_results. */
export function resultsPathOf(model: NnunetModel): string {
  return `${asName(model.datasetName)}/${exportedFolderName(model)}`;
}

/** A name for the file, without its ending. */
export function exportedName(model: NnunetModel): string {
  return `${asName(model.datasetName)}__${exportedFolderName(model)}`;
}

/** What a model says it is called must not lead into other folders. */
function asName(text: string): string {
  return text.replace(/[/\\\0:]/g, '_').replace(/^\.+/, '_');
}

const DOCUMENTS: readonly string[] = [NNUNET_FILES.plans, NNUNET_FILES.dataset];

/**
 * The model as nnU-Net lays it out below nnUNet_results. Files are those it came with, to the byte, but for checkpoints of a
 * trainer that stock nnU-Net does not have; a checkpoint that it has not is written anew.
 *
 * Follows nnU-Net's `export_pretrained_model`. Throws `UnsupportedModel` for networks that are not nnU-Net's.
 */
export function nnunetParts(source: ModelToExport): readonly ZipPart[] {
  assertIsNnunet(source);
  const { model, files } = source;
  const root = resultsPathOf(model);
  const asTheyAre = files.filter(({ path }) => !DOCUMENTS.includes(path) && !path.endsWith('.safetensors'));
  const folds = model.folds.map(({ fold }) => fold).filter((fold) => !checkpointOf(files, fold));
  return [
    ...documentParts(source),
    ...asTheyAre.map((file) => partForAnyNnunet(zipPart(file))),
    ...folds.map((fold): ZipPart => {
      const path = `fold_${fold}/${CHECKPOINTS.final}`;
      return { path, sizeInBytes: weightBytes(model), open: () => newCheckpoint(source, fold, path) };
    }),
  ].map((part) => ({ ...part, path: `${root}/${part.path}` }));
}

/** The model as a bundle: weights without what only training needs. Throws `UnsupportedModel` likewise. */
export function bundleParts(source: ModelToExport, sharing: ModelSharing): readonly ZipPart[] {
  assertIsNnunet(source);
  const { model, files, crossValidationDice } = source;
  const text = (path: string, content: string) => zipPart(textFile(content, path));
  const manifest = bundleManifest({
    model,
    crossValidationDice,
    sharing,
    createdBy: `nnStudio ${version}`,
  });
  const taken = files.filter(({ path }) => !DOCUMENTS.includes(path) && !weightsFileOf(path));
  return [
    text(MIMETYPE_FILE, BUNDLE_MIMETYPE),
    text(MANIFEST_FILE, manifest),
    text('LICENSE.txt', licenceText(sharing)),
    text('CITATION.txt', citationText(sharing)),
    ...documentParts(source),
    ...taken.map((file) => zipPart(file)),
    ...model.folds.flatMap(({ fold, checkpointName }): readonly ZipPart[] => {
      const path = `fold_${fold}/${checkpointName.replace(/\.[^.]+$/, '')}.safetensors`;
      const weights: ZipPart = {
        path,
        sizeInBytes: weightBytes(model),
        open: async () => piecewiseFile(safetensorsPieces(await source.loadFold(fold)), path),
      };
      const log = `fold_${fold}/${NNUNET_FILES.progress}`;
      const checkpoint = checkpointOf(files, fold);
      if (!checkpoint || files.some((file) => file.path === log)) return [weights];
      return [weights, { path: log, sizeInBytes: 0, open: () => logOf(checkpoint, log) }];
    }),
  ];
}

/** A network that somebody else built is its own ONNX file, and has no place in nnU-Net's. */
function assertIsNnunet({ model }: ModelToExport): void {
  if (!model.foreignNetwork) return;
  throw new StudioError(
    'UnsupportedModel',
    `${model.datasetName} is no nnU-Net model, so it cannot be written as one.`,
    'Hand on its ONNX file and the JSON that describes it.',
  );
}

/** A name for the bundle's file. */
export function bundleName(model: NnunetModel): string {
  return `${exportedName(model)}${BUNDLE_ENDING}`;
}

function documentParts({ model, files }: ModelToExport): readonly ZipPart[] {
  const written: Readonly<Record<string, () => string>> = {
    [NNUNET_FILES.plans]: () => plansJson(plansDocumentOf(model)),
    [NNUNET_FILES.dataset]: () => pythonJson(datasetDocumentOf(model)),
  };
  return DOCUMENTS.map((path) =>
    zipPart(files.find((file) => file.path === path) ?? textFile(written[path](), path)),
  );
}

/** The checkpoint of PyTorch among them. */
function checkpointOf(files: readonly SourceFile[], fold: string): SourceFile | undefined {
  return files.find(({ path }) => isWeightsOf(fold, path) && !path.endsWith('.safetensors'));
}

/** Of one fold. */
function weightBytes(model: NnunetModel): number {
  return [...modelParameters(model).values()].reduce((sum, shape) => sum + 4 * elementCount(shape), 0);
}

async function newCheckpoint(source: ModelToExport, fold: string, path: string): Promise<SourceFile> {
  const { model, files, loadFold } = source;
  const documents = await Promise.all(
    documentParts(source).map(async (part) => parseJson(await readText(await part.open()), part.path)),
  );
  const log = files.find((file) => file.path === `fold_${fold}/${NNUNET_FILES.progress}`);
  const content = writeModelCheckpoint({
    model,
    fold,
    weights: await loadFold(fold),
    log: log && (await readLog(log)),
    plansDocument: documents[0],
    datasetDocument: documents[1],
  });
  return memoryFile(content, path);
}

/** The lists of nnU-Net's logger out of a progress.json. */
async function readLog(file: SourceFile): Promise<TrainingLog> {
  const json = parseJson(await readText(file), file.path);
  const lists = new Map(typeof json === 'object' && json !== null ? Object.entries(json) : []);
  return logFromEntries((key) => {
    const list: unknown = lists.get(key);
    return Array.isArray(list) ? list : [];
  });
}

/** The same out of a checkpoint. */
async function logOf(checkpoint: SourceFile, path: string): Promise<SourceFile> {
  const { entries } = await openWeights(checkpoint);
  const logging = entries.get('logging');
  const listOf = (key: string): readonly PickleValue[] =>
    isDict(logging) ? (sequenceItems(logging.get(key)) ?? []) : [];
  return textFile(
    pythonJson(Object.fromEntries(logEntries(logFromEntries(listOf))), { mayBeNaN: () => true }),
    path,
  );
}
