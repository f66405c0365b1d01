// The validation predictions of all folds in one folder, evaluated together. Follows nnU-Net's `accumulate_cv_results`.

import { formatOfFolder, namesWithEnding, neededFile } from '@/app/files/labelMapFiles';
import type { Fold } from '@/app/train/foldSetup';
import { type EvaluationSummary, readSummary, summaryJson } from '@/core/evaluation/summary';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readText } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import {
  clearFolder,
  type PlacedFolder,
  placedSubfolder,
  type ReadFolder,
  subfolder,
} from '@/storage/folderViews';
import { type EvaluationCallbacks, evaluateFolder, optionsOf } from './evaluateFolder';

export interface AccumulateCrossvalRequest extends EvaluationCallbacks {
  /** `<trainer>__<plans>__<configuration>`, with dataset.json, plans.json and `fold_k/validation`. */
  readonly model: PlacedFolder;
  readonly folds: readonly Fold[];
  /** The dataset's label maps: raw `labelsTr`, or preprocessed `gt_segmentations`. */
  readonly references: PlacedFolder<ReadFolder>;
  /** Where everything goes; {@link crossvalFolder} of the model unless given. */
  readonly target?: PlacedFolder;
  /** Starts from an empty target; otherwise what is there is kept and only added to: `--no_overwrite`. */
  readonly shouldOverwrite: boolean;
}

/** `crossval_results_folds_0_1_2_3_4` of a model. */
export function crossvalFolder(model: PlacedFolder, folds: readonly Fold[]): PlacedFolder {
  return placedSubfolder(model, `crossval_results_folds_${folds.join('_')}`);
}

/**
 * Gathers the predictions and writes `summary.json`, `dataset.json` and `plans.json` beside them. Throws `FoldMissing`
 * where a fold was not validated, `DuplicateCase` where two folds predict the same case, and what {@link evaluateFolder}
 * throws.
 */
export async function accumulateCrossval(job: AccumulateCrossvalRequest): Promise<EvaluationSummary> {
  const { model, folds, shouldOverwrite, signal } = job;
  const target = job.target ?? crossvalFolder(model, folds);
  const format = await formatOfFolder(model.folder);
  const files = await filesOfFolds(job, format.fileEnding);
  if (shouldOverwrite) {
    await clearFolder(target.folder);
    await clearFolder(target.folder, 'postprocessed');
  }
  for (const name of [NNUNET_FILES.dataset, NNUNET_FILES.plans]) {
    await target.folder.write(name, await (await neededFile(model.folder, name)).bytes());
  }
  let hasCopied = false;
  for (const [name, path] of files) {
    signal?.throwIfAborted();
    if (await target.folder.has(name)) continue;
    const file = await neededFile(model.folder, path);
    await target.folder.write(name, await file.bytes());
    hasCopied = true;
  }
  const question = optionsOf(format);
  const existing = hasCopied ? undefined : await target.folder.open(NNUNET_FILES.summary);
  if (existing) return readSummary(await readText(existing), existing.path, question.labels);
  const summary = await evaluateFolder({
    predictions: target,
    references: job.references,
    question,
    mayLackPredictions: true,
    signal,
    onCase: job.onCase,
  });
  await target.folder.write(NNUNET_FILES.summary, summaryJson(summary));
  return summary;
}

/** By name, where in the model's folder each prediction lies; side-cars of TIFF stacks too. */
async function filesOfFolds(
  { model, folds }: AccumulateCrossvalRequest,
  ending: string,
): Promise<ReadonlyMap<string, string>> {
  const foldOf = new Map<string, Fold>();
  const files = new Map<string, string>();
  for (const fold of folds) {
    const path = `fold_${fold}/validation`;
    const folder = subfolder(model.folder, path);
    const names = await namesWithEnding(folder, ending);
    if (names.length === 0) throw missingFold(fold, model.location);
    for (const name of names) {
      const other = foldOf.get(name);
      if (other !== undefined) throw duplicateCase(name, [other, fold], model.location);
      foldOf.set(name, fold);
      for (const each of [name, sideCarOf(name)]) {
        if (each && (await folder.has(each))) files.set(each, `${path}/${each}`);
      }
    }
  }
  return files;
}

function sideCarOf(name: string): string | undefined {
  return /\.tiff?$/i.test(name) ? name.replace(/\.tiff?$/i, '.json') : undefined;
}

/** A fold without a validation. */
export function missingFold(fold: Fold, location: string): StudioError {
  return new StudioError(
    'FoldMissing',
    `Fold ${fold} of ${location} has no validation.`,
    'Train and validate it first, or leave it out of the folds.',
  );
}

/** Two folds that validated one case. */
export function duplicateCase(
  name: string,
  [first, second]: readonly [Fold, Fold],
  location: string,
): StudioError {
  return new StudioError(
    'DuplicateCase',
    `Folds ${first} and ${second} of ${location} both have a prediction of ${name}.`,
    'In a cross-validation each case is validated once; train these folds with the same splits.',
  );
}
