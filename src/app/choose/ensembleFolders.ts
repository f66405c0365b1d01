// Ensembles: probabilities of several predictions of each case, averaged. Follows nnU-Net's `ensemble.py`.

import { duplicateCase, missingFold } from '@/app/evaluate/accumulateCrossval';
import { assertNoneFailed, type CaseFailure, someOf } from '@/app/evaluate/evaluateFolder';
import {
  formatOfFolder,
  namesWithEnding,
  neededFile,
  readLabelMap,
  type SegmentationFormat,
  writeLabelMap,
} from '@/app/files/labelMapFiles';
import type { Fold } from '@/app/train/foldSetup';
import { averageProbabilities } from '@/core/evaluation/ensemble';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { writeNpz } from '@/core/io/npy';
import type { SourceFile } from '@/core/io/sourceFile';
import { labelsFromScores } from '@/core/preprocessing/exportPrediction';
import { geometryOfProperties } from '@/core/preprocessing/readerGeometry';
import { yieldToEventLoop } from '@/shared/concurrency';
import { isAbort, messageOf, StudioError } from '@/shared/errors';
import { formatShape, formatXyz, type Zyx } from '@/shared/geometry';
import { nameKey } from '@/shared/names';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { openNamed, type PlacedFolder, type ReadFolder, subfolder } from '@/storage/folderViews';

interface EnsembleCallbacks {
  readonly signal?: AbortSignal | undefined;
  /** Called once a case. */
  readonly onCase?: ((report: EnsembledCase) => void) | undefined;
}

/** What became of one case; `skipped` was there already. */
export interface EnsembledCase {
  readonly status: 'done' | 'skipped' | 'failed';
  readonly caseId: string;
  readonly error?: unknown;
  readonly done: number;
  readonly total: number;
}

export interface EnsembleFoldersRequest extends EnsembleCallbacks {
  /** Each with `{case}.npz` and `{case}{ending}` of the same cases, as predictions with probabilities have them. */
  readonly inputs: readonly PlacedFolder<ReadFolder>[];
  readonly output: DatasetFolder;
  /** Instead of those in the first input. */
  readonly dataset?: SourceFile | undefined;
  readonly plans?: SourceFile | undefined;
  /** Keeps the averaged `{case}.npz`, and `{case}.pkl` of the first input: `--save_npz`. */
  readonly shouldSaveProbabilities: boolean;
}

/**
 * Averages what the folders hold; writes label maps, and the dataset.json and plans.json that they go by. Throws
 * `DifferentCases` where the folders do not hold the same cases, `NoProbabilities` where there are none, the error of a
 * case that failed, or `CasesFailed`.
 */
export async function ensembleFolders(job: EnsembleFoldersRequest): Promise<readonly EnsembledCase[]> {
  const { inputs, output } = job;
  if (inputs.length === 0) throw new Error('ensembleFolders: no folders');
  const dataset = job.dataset ?? (await neededFile(inputs[0].folder, NNUNET_FILES.dataset));
  const plans = job.plans ?? (await neededFile(inputs[0].folder, NNUNET_FILES.plans));
  const format = await formatOfFolder(inputs[0].folder, { dataset, plans });
  const names = await Promise.all(inputs.map(({ folder }) => namesWithEnding(folder, '.npz')));
  const all = [
    ...new Map(
      names
        .flat()
        .toReversed()
        .map((name) => [nameKey(name), name]),
    ).values(),
  ].sort();
  for (const [i, { location }] of inputs.entries()) {
    if (names[i].length === 0) throw noProbabilities(location, 'Predict with --save_probabilities.');
    assertSameCases(all, names[i], location);
  }
  await output.write(NNUNET_FILES.dataset, await dataset.bytes());
  await output.write(NNUNET_FILES.plans, await plans.bytes());
  const members = all.map((name) => ({
    caseId: name.slice(0, -'.npz'.length),
    places: inputs,
  }));
  return mergeCases(members, format, output, { ...job, shouldOverwrite: true });
}

export interface EnsembleCrossvalsRequest extends EnsembleCallbacks {
  /** Model folders whose folds were validated with `--npz`. */
  readonly models: readonly PlacedFolder[];
  readonly folds: readonly Fold[];
  readonly output: DatasetFolder;
  /** Otherwise cases whose label map is there are left as they are: `--no_overwrite`. */
  readonly shouldOverwrite: boolean;
}

/**
 * Averages what models predicted in their cross-validations, which may have split the cases differently. Throws what
 * {@link casesOfCrossvals} throws, and what {@link ensembleFolders} throws of cases.
 *
 * Follows nnU-Net's `ensemble_crossvalidations`.
 */
export async function ensembleCrossvals(job: EnsembleCrossvalsRequest): Promise<readonly EnsembledCase[]> {
  const { models, folds, output } = job;
  const format = await formatOfFolder(models[0].folder);
  const cases = await casesOfCrossvals(models, folds);
  const reports = await mergeCases(cases, format, output, { ...job, shouldSaveProbabilities: false });
  for (const name of [NNUNET_FILES.plans, NNUNET_FILES.dataset]) {
    await output.write(name, await (await neededFile(models[0].folder, name)).bytes());
  }
  return reports;
}

/**
 * The cases that all of these models validated, with probabilities. Throws `FoldMissing`, `NoProbabilities` where a fold
 * has none, `DuplicateCase` where two folds of a model have the same case, and `DifferentCases`.
 */
export async function casesOfCrossvals(
  models: readonly PlacedFolder[],
  folds: readonly Fold[],
): Promise<readonly EnsembleCase[]> {
  const placesByModel: ReadonlyMap<string, PlacedFolder<ReadFolder>>[] = [];
  for (const model of models) placesByModel.push(await validationPlaces(model, folds));
  const all = [...new Set(placesByModel.flatMap((places) => [...places.keys()]))].sort();
  for (const [i, places] of placesByModel.entries()) {
    assertSameCases(all, [...places.keys()], models[i].location);
  }
  return all.map((name) => ({
    caseId: name.slice(0, -'.npz'.length),
    places: placesByModel.flatMap((places) => places.get(name) ?? []),
  }));
}

/** By name of its `.npz`, the validation folder that a case is in. */
async function validationPlaces(
  { folder, location }: PlacedFolder,
  folds: readonly Fold[],
): Promise<ReadonlyMap<string, PlacedFolder<ReadFolder>>> {
  const places = new Map<string, PlacedFolder<ReadFolder>>();
  const foldOf = new Map<string, Fold>();
  for (const fold of folds) {
    const validation = subfolder(folder, `fold_${fold}/validation`);
    const names = await namesWithEnding(validation, '.npz');
    if (names.length === 0) {
      if ((await validation.list('')).length === 0) throw missingFold(fold, location);
      throw noProbabilities(
        `${location}/fold_${fold}/validation`,
        'Validate this fold again with --val --npz, or leave ensembles out (--disable_ensembling).',
      );
    }
    for (const name of names) {
      const key = nameKey(name);
      const other = foldOf.get(key);
      if (other !== undefined) throw duplicateCase(name, [other, fold], location);
      foldOf.set(key, fold);
      places.set(key, { folder: validation, location: `${location}/fold_${fold}/validation` });
    }
  }
  return places;
}

function noProbabilities(location: string, remedy: string): StudioError {
  return new StudioError('NoProbabilities', `${location} has no probabilities (.npz).`, remedy);
}

function assertSameCases(all: readonly string[], own: readonly string[], location: string): void {
  const ownKeys = new Set(own.map(nameKey));
  const lacking = all.filter((name) => !ownKeys.has(nameKey(name)));
  if (lacking.length === 0) return;
  throw new StudioError(
    'DifferentCases',
    `${location} lacks ${lacking.length} of the ${all.length} cases: ${someOf(lacking)}.`,
    'An ensemble needs the same cases of every member.',
  );
}

/** A case, and where each member's prediction of it is. */
export interface EnsembleCase {
  readonly caseId: string;
  readonly places: readonly PlacedFolder<ReadFolder>[];
}

interface MergeOptions extends EnsembleCallbacks {
  readonly shouldOverwrite: boolean;
  readonly shouldSaveProbabilities: boolean;
}

async function mergeCases(
  cases: readonly EnsembleCase[],
  format: SegmentationFormat,
  output: DatasetFolder,
  { shouldOverwrite, shouldSaveProbabilities, signal, onCase }: MergeOptions,
): Promise<readonly EnsembledCase[]> {
  const reports: EnsembledCase[] = [];
  const failures: CaseFailure[] = [];
  const tell = (report: Omit<EnsembledCase, 'done' | 'total'>) => {
    reports.push({ ...report, done: reports.length + 1, total: cases.length });
    onCase?.(reports[reports.length - 1]);
  };
  for (const each of cases) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    const { caseId } = each;
    try {
      if (!shouldOverwrite && (await output.has(`${caseId}${format.fileEnding}`))) {
        tell({ status: 'skipped', caseId });
        continue;
      }
      await mergeCase(each, format, output, shouldSaveProbabilities);
      tell({ status: 'done', caseId });
    } catch (error) {
      if (isAbort(error)) throw error;
      const named = withCase(caseId, error);
      failures.push({ caseId, error: named });
      tell({ status: 'failed', caseId, error: named });
    }
  }
  assertNoneFailed(failures, cases.length);
  return reports;
}

/** Errors of files name the file, which is called alike in all folders; the case tells more. */
function withCase(caseId: string, error: unknown): unknown {
  if (!(error instanceof StudioError) || error.message.includes(caseId)) return error;
  return new StudioError(error.name, `${caseId}: ${messageOf(error)}`, '', { cause: error });
}

/** Follows nnU-Net's `merge_files`. */
async function mergeCase(
  { caseId, places }: EnsembleCase,
  format: SegmentationFormat,
  output: DatasetFolder,
  shouldSaveProbabilities: boolean,
): Promise<void> {
  const files: SourceFile[] = [];
  for (const { folder, location } of places) {
    // The files are called alike: their folders tell them apart.
    const file = await neededFile(folder, `${caseId}.npz`);
    files.push({ ...file, path: `${location}/${caseId}.npz` });
  }
  const { data, channels, shape } = await averageProbabilities(files, format.labels);
  const labels = labelsFromScores(data, format.labels);
  const geometry = await geometryOf(places[0].folder, caseId, format, shape);
  if (shouldSaveProbabilities) {
    const probabilities = { shape: [channels, ...shape], data };
    await output.write(`${caseId}.npz`, await writeNpz({ probabilities }));
    const properties = await openNamed(places[0].folder, `${caseId}.pkl`);
    if (properties) await output.write(`${caseId}.pkl`, await properties.bytes());
  }
  await writeLabelMap(output, `${caseId}${format.fileEnding}`, format.fileEnding, {
    labels,
    shape,
    geometry,
  });
}

/** Where the case lies: as the first member's label map; without one, as its `.pkl` says. */
async function geometryOf(place: ReadFolder, caseId: string, format: SegmentationFormat, shape: Zyx) {
  const name = `${caseId}${format.fileEnding}`;
  if (!(await place.open(name))) return geometryOfProperties(await neededFile(place, `${caseId}.pkl`), shape);
  const map = await readLabelMap(place, name, format.reader);
  if (formatShape(map.shape) === formatShape(shape)) return map.geometry;
  throw new StudioError(
    'GeometryMismatch',
    `${caseId}: the label map is ${formatXyz(map.shape)} but its probabilities are ${formatXyz(shape)} voxels.`,
    'They are not of one prediction; predict again.',
  );
}
