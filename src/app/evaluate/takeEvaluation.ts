// Takes in what a person gave to be evaluated: copies it, and finds the labels where nothing names them.

import { fileName, type SourceFile } from '@/core/io/sourceFile';
import { StudioError } from '@/shared/errors';
import { runInPauses, type Stepwise } from '@/shared/stepwise';
import type { DatasetFolder } from '@/storage/datasetFolder';
import type {
  CaseImage,
  EvaluationLabel,
  EvaluationPair,
  EvaluationRecord,
} from '@/storage/evaluationRecord';
import type { EvaluationSources, OnEvaluationEvent } from '@/workers/evaluate/api';
import type { ReadPair } from './evaluateCase';
import type { EvaluationFiles, EvaluationStores } from './evaluationFiles';
import { evaluationLabels, type FoundImage, type OpenedSources, openSources } from './evaluationSources';

/** What of a record comes of its sources. */
type TakenRecord = Pick<EvaluationRecord, 'pairs' | 'unpaired' | 'labels' | 'ignoreLabel' | 'datasetName'>;

/** Who hears how far it is, and whether to go on. */
interface Following {
  readonly onEvent: OnEvaluationEvent;
  readonly signal: AbortSignal;
}

/**
 * Copies the pairs into the evaluation's folder. What has been copied is removed again where it fails. Throws
 * `NothingPaired`, `NoLabels`.
 */
export async function takeEvaluation(
  stores: EvaluationStores,
  { readPair }: Pick<EvaluationFiles, 'readPair'>,
  sources: EvaluationSources,
  filesId: string,
  following: Following,
): Promise<TakenRecord> {
  const opened = await openSources(sources, stores);
  if (opened.pairs.length === 0) throw nothingPaired();
  try {
    const pairs = await copyPairs(opened, stores.evaluations.folder(filesId), following);
    const place = { filesId, datasetName: opened.datasetName };
    const labels = opened.labels
      ? evaluationLabels(opened.labels)
      : await labelsFound(pairs, (pair) => readPair(place, pair), following);
    return {
      pairs,
      unpaired: opened.unpaired,
      labels,
      ignoreLabel: opened.labels?.ignoreLabel,
      datasetName: opened.datasetName,
    };
  } catch (error) {
    await stores.evaluations.remove(filesId);
    throw error;
  }
}

async function copyPairs(
  opened: OpenedSources,
  folder: DatasetFolder,
  { onEvent, signal }: Following,
): Promise<readonly EvaluationPair[]> {
  const pairs: EvaluationPair[] = [];
  for (const [i, pair] of opened.pairs.entries()) {
    const { caseId, prediction, reference } = pair;
    await tellProgress(onEvent, 'Copying', i / opened.pairs.length, caseId);
    signal.throwIfAborted();
    pairs.push({
      caseId,
      prediction: await copy(folder, 'predictions', prediction.files),
      reference: opened.datasetName ? undefined : await copy(folder, 'references', reference.files),
      predictionPath: prediction.files[0].path,
      referencePath: reference.files[0].path,
      image: await copyImage(folder, caseId, opened.imageOf(pair)),
    });
  }
  return pairs;
}

async function copy(
  folder: DatasetFolder,
  below: string,
  files: readonly SourceFile[],
): Promise<readonly string[]> {
  for (const file of files) await folder.write(`${below}/${fileName(file)}`, await file.bytes());
  return files.map(fileName);
}

/** An image that lies elsewhere in the studio stays there. */
async function copyImage(
  folder: DatasetFolder,
  caseId: string,
  image: FoundImage | undefined,
): Promise<CaseImage | undefined> {
  if (image?.kind !== 'given') return image;
  return { kind: 'kept', files: await copy(folder, `images/${caseId}`, image.files) };
}

/** Every value but 0 in any of the label maps, as labels without better names. */
async function labelsFound(
  pairs: readonly EvaluationPair[],
  readPair: (pair: EvaluationPair) => Promise<ReadPair>,
  { onEvent, signal }: Following,
): Promise<readonly EvaluationLabel[]> {
  const values = new Set<number>();
  for (const [i, pair] of pairs.entries()) {
    await tellProgress(onEvent, 'Looking for labels', i / pairs.length, pair.caseId);
    signal.throwIfAborted();
    const read = await readPair(pair).catch(() => undefined); // told when its turn comes
    for (const { data } of read ? [read.prediction, read.reference] : []) {
      for (const value of await runInPauses(valuesIn(data), { signal })) values.add(value);
    }
  }
  values.delete(0);
  if (values.size === 0) {
    throw new StudioError(
      'NoLabels',
      'There is no label but the background in any of these files.',
      'Are they label maps?',
    );
  }
  return [...values].sort((a, b) => a - b).map((value) => ({ name: `label ${value}`, values: [value] }));
}

/** Voxels looked at between two pauses. */
const CHUNK = 1 << 20;

/** Every value once; runs of one are passed over, as most voxels are like the one before. */
function* valuesIn(data: ArrayLike<number>): Stepwise<undefined, ReadonlySet<number>> {
  const values = new Set<number>();
  let last = Number.NaN;
  for (let start = 0; start < data.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, data.length);
    for (let i = start; i < end; i++) {
      if (data[i] === last) continue;
      last = data[i];
      values.add(last);
    }
    yield;
  }
  return values;
}

function nothingPaired(): StudioError {
  return new StudioError(
    'NothingPaired',
    'No prediction has the name of a reference.',
    'Name them alike: case.nii.gz in both folders.',
  );
}

/** Waits until it is heard, so that a cancel comes through as well. */
export async function tellProgress(
  onEvent: OnEvaluationEvent,
  stage: string,
  share: number,
  caseId: string,
): Promise<void> {
  await onEvent({ kind: 'progress', progress: { stage, share, caseId } });
}
