// Metrics of a folder of predictions. Follows nnU-Net's `compute_metrics_on_folder`.

import {
  type LabelImage,
  namesWithEnding,
  readLabelMap,
  type SegmentationFormat,
} from '@/app/files/labelMapFiles';
import {
  type EvaluationStep,
  evaluatedLabels,
  type LabelOrRegion,
  type SegmentationMetrics,
} from '@/core/evaluation/metrics';
import { type CaseMetrics, type EvaluationSummary, summariseCases } from '@/core/evaluation/summary';
import type { SurfaceMetrics } from '@/core/evaluation/surfaceDistance';
import { hasImageName, withoutImageEnding } from '@/core/io/imageNames';
import { yieldToEventLoop } from '@/shared/concurrency';
import { isAbort, messageOf, StudioError } from '@/shared/errors';
import { nameKey } from '@/shared/names';
import { runInPauses, type Stepwise } from '@/shared/stepwise';
import type { PlacedFolder, ReadFolder } from '@/storage/folderViews';
import { assertSameShape, comparePair } from './comparePair';

export interface EvaluateFolderRequest extends EvaluationCallbacks {
  /** `{case}{ending}`; other files are passed over. */
  readonly predictions: PlacedFolder<ReadFolder>;
  /** Files of the same names. */
  readonly references: PlacedFolder<ReadFolder>;
  readonly question: EvaluationOptions;
  /** Also measures how far surfaces lie apart, with this tolerance; cases then come with `surfaces`. */
  readonly surfaceToleranceMm?: number | undefined;
  /** Evaluates what there is: `--chill`. Otherwise every reference needs a prediction. */
  readonly mayLackPredictions: boolean;
}

/** What is evaluated. */
export interface EvaluationOptions {
  readonly labels: readonly LabelOrRegion[];
  readonly ignoreLabel: number | undefined;
  /** Every label that may occur; others are warned of. Without it none is. */
  readonly knownLabels?: readonly number[];
  readonly fileEnding: string;
  /** nnU-Net's reader by name. */
  readonly reader: string;
}

export interface EvaluationCallbacks {
  readonly signal?: AbortSignal | undefined;
  /** Called once a case. */
  readonly onCase?: ((report: EvaluatedCase) => void) | undefined;
  /** Called now and then while a case is compared, with the share of it that is done. */
  readonly onStep?: ((caseId: string, step: EvaluationStep) => void) | undefined;
}

/** What became of one case. */
export type EvaluatedCase = {
  readonly caseId: string;
  readonly done: number;
  readonly total: number;
} & (
  | {
      readonly status: 'done';
      /** In the order of the labels. */
      readonly metrics: readonly SegmentationMetrics[];
      /** Likewise, where asked for. */
      readonly surfaces: readonly SurfaceMetrics[] | undefined;
      readonly predictionFile: string;
      readonly referenceFile: string;
      /** What a person should know although it counts. */
      readonly warnings: readonly string[];
    }
  | { readonly status: 'failed'; readonly error: unknown }
);

/** What nnU-Net evaluates of a dataset: its foreground labels, or its regions. */
export function optionsOf({ labels, fileEnding, reader }: SegmentationFormat): EvaluationOptions {
  const { allLabels, ignoreLabel } = labels;
  return {
    labels: evaluatedLabels(labels),
    ignoreLabel,
    knownLabels: ignoreLabel === undefined ? allLabels : [...allLabels, ignoreLabel],
    fileEnding,
    reader,
  };
}

/**
 * Evaluates every prediction against the reference of its name. A case that fails does not keep the others from being
 * looked at, but there is no summary then. Throws `NoCases`, `MissingPrediction`, `MissingReference`, the error of the case
 * that failed, or `CasesFailed` where several did; rejects with an `AbortError` once cancelled.
 */
export async function evaluateFolder(job: EvaluateFolderRequest): Promise<EvaluationSummary> {
  const { predictions, references, question, signal } = job;
  const names = await comparedNames(job);
  const cases: CaseMetrics[] = [];
  const failures: CaseFailure[] = [];
  for (const [i, name] of names.entries()) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    const caseId = name.slice(0, -question.fileEnding.length);
    const progress = { caseId, done: i + 1, total: names.length };
    try {
      // Unpacked side by side, where the platform has threads for it.
      const [prediction, reference] = await Promise.all([
        readLabelMap(predictions.folder, name, question.reader),
        readLabelMap(references.folder, name, question.reader),
      ]);
      const pauses = { signal, onStep: (step: EvaluationStep) => job.onStep?.(caseId, step) };
      signal?.throwIfAborted();
      const { metrics, warnings, surfaces } = await runInPauses(
        compareLabelMaps(caseId, prediction, reference, job),
        pauses,
      );
      const files = {
        predictionFile: `${predictions.location}/${name}`,
        referenceFile: `${references.location}/${name}`,
      };
      cases.push({ ...files, metrics });
      job.onCase?.({ ...progress, ...files, status: 'done', metrics, surfaces, warnings });
    } catch (error) {
      if (isAbort(error)) throw error;
      failures.push({ caseId, error });
      job.onCase?.({ ...progress, status: 'failed', error });
    }
  }
  assertNoneFailed(failures, names.length);
  return summariseCases(question.labels, cases);
}

/** Names of the files to evaluate, all of them on both sides. */
async function comparedNames({
  predictions,
  references,
  question: { fileEnding },
  mayLackPredictions,
}: EvaluateFolderRequest): Promise<readonly string[]> {
  const predicted = await namesWithEnding(predictions.folder, fileEnding);
  const present = await namesWithEnding(references.folder, fileEnding);
  if (predicted.length === 0) {
    throw new StudioError(
      'NoCases',
      `No file in ${predictions.location} ends with ${fileEnding}.`,
      'Choose the folder of the predictions; they end as dataset.json says.',
    );
  }
  const keysOf = (names: readonly string[]) => new Set(names.map(nameKey));
  const [predictedKeys, presentKeys] = [keysOf(predicted), keysOf(present)];
  const lacking = present.filter((name) => !predictedKeys.has(nameKey(name)));
  if (lacking.length > 0 && !mayLackPredictions) {
    throw new StudioError(
      'MissingPrediction',
      `${lacking.length} of ${present.length} references have no prediction: ${someOf(lacking)}.`,
      `${await otherEndings(predictions.folder, lacking, fileEnding)}Predict them too, or allow that some are missing (--chill).`,
    );
  }
  const unknown = predicted.filter((name) => !presentKeys.has(nameKey(name)));
  if (unknown.length > 0) {
    throw new StudioError(
      'MissingReference',
      `${unknown.length} of ${predicted.length} predictions have no reference in ${references.location}: ${someOf(unknown)}.`,
      'References have the names of the predictions; add them, or move these predictions away.',
    );
  }
  return predicted;
}

/** A sentence on files that are named as one that is lacking, but for their ending. */
async function otherEndings(
  folder: ReadFolder,
  lacking: readonly string[],
  fileEnding: string,
): Promise<string> {
  const stems = new Set(lacking.map((name) => nameKey(name.slice(0, -fileEnding.length))));
  const others = (await folder.list('')).filter(
    (name) =>
      !name.endsWith(fileEnding) &&
      hasImageName({ path: name }) &&
      stems.has(nameKey(withoutImageEnding(name))),
  );
  return others.length === 0
    ? ''
    : `${someOf(others)} ${others.length === 1 ? 'has' : 'have'} another ending: label maps of one dataset all end with ${fileEnding}. `;
}

interface Comparison {
  /** In the order of the labels. */
  readonly metrics: readonly SegmentationMetrics[];
  /** Likewise, where asked for, in the voxel size of the reference. */
  readonly surfaces: readonly SurfaceMetrics[] | undefined;
  readonly warnings: readonly string[];
}

/** Compares one case, and says what is odd about it. Throws `GeometryMismatch`. */
function* compareLabelMaps(
  caseId: string,
  prediction: LabelImage,
  reference: LabelImage,
  { question, surfaceToleranceMm }: Pick<EvaluateFolderRequest, 'question' | 'surfaceToleranceMm'>,
): Stepwise<EvaluationStep, Comparison> {
  assertSameShape(caseId, prediction, reference);
  const unknown: string[] = [];
  const { knownLabels } = question;
  if (knownLabels) {
    unknown.push(...(yield* unknownLabels('prediction', prediction, knownLabels)));
    unknown.push(...(yield* unknownLabels('reference', reference, knownLabels)));
  }
  const { differences, ...compared } = yield* comparePair(caseId, prediction, reference, {
    ...question,
    surfaceToleranceMm,
  });
  const warnings = differences.map(
    (difference) => `prediction and reference differ in ${difference}; they are compared voxel by voxel`,
  );
  return { ...compared, warnings: [...warnings, ...unknown] };
}

/** Voxels looked at between two pauses. */
const CHUNK = 1 << 20;

function* unknownLabels(
  what: string,
  { labels }: LabelImage,
  known: readonly number[],
): Stepwise<EvaluationStep, readonly string[]> {
  const isThere = new Uint8Array(1 << 16);
  for (let start = 0; start < labels.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, labels.length);
    for (let i = start; i < end; i++) isThere[labels[i]] = 1;
    yield { share: 0, label: undefined };
  }
  for (const label of known) isThere[label] = 0;
  const found = [...isThere.keys()].filter((label) => isThere[label] === 1);
  if (found.length === 0) return [];
  return [`the ${what} has the label ${someOf(found.map(String))}, which dataset.json does not know`];
}

/** A case that could not be worked on. */
export interface CaseFailure {
  readonly caseId: string;
  readonly error: unknown;
}

/** Throws the error of the one case that failed, or `CasesFailed` with the first one's. */
export function assertNoneFailed(failures: readonly CaseFailure[], total: number): void {
  const [first] = failures;
  if (!first) return;
  if (failures.length === 1) throw first.error;
  throw new StudioError(
    'CasesFailed',
    `${failures.length} of ${total} cases failed: ${someOf(failures.map(({ caseId }) => caseId))}. The first: ${messageOf(first.error)}`,
    '',
    { cause: first.error },
  );
}

/** The first few of some names. */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown}, … (${names.length})` : shown;
}
