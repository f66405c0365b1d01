// nnU-Net's prediction of files in batch: reading and preprocessing of the next case and writing of the previous one go
// on while a case is on the GPU. Output names are nnU-Net's, so that its own tools can go on from here.

import type { Prediction } from '@/core/inference/predictor';
import type { PredictProgress } from '@/core/inference/settings';
import { writePickle } from '@/core/interop/torchWriter';
import type { CaseFiles } from '@/core/io/cases';
import { imageWarnings } from '@/core/io/emptyImage';
import { writeNpz } from '@/core/io/npy';
import { readCase, readerNamed, writeCase } from '@/core/io/readers';
import type { SourceFile } from '@/core/io/sourceFile';
import { caseProperties } from '@/core/preprocessing/readerProperties';
import { StudioError } from '@/shared/errors';
import type { ResultFolder } from '@/storage/resultFolder';
import {
  type CaseInput,
  type CaseOutcome,
  type PredictionOptions,
  PredictionSession,
} from './predictionSession';

export interface PredictFolderRequest extends PredictionOptions {
  readonly cases: readonly CaseFiles[];
  readonly results: ResultFolder;
  /** Of the written segmentations: `.nii.gz` or `.nii`. */
  readonly fileEnding: string;
  /** For the second stage of a cascade: the first one's segmentation of a case. */
  readonly previousStage?: (caseId: string) => Promise<SourceFile | undefined>;
  /** Leaves out cases whose results are all there: `--continue_prediction`. */
  readonly shouldContinue: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (caseId: string, progress: PredictProgress) => void;
  /** Called once the weights are found good, before anything is written. */
  readonly onLoaded?: () => Promise<void>;
  /** Called once a case, when its files are written, were there already, or never will be. */
  readonly onCase?: (report: CaseReport) => void;
}

/** What became of one case. */
export type CaseReport =
  | { readonly status: 'skipped'; readonly caseId: string }
  | { readonly status: 'failed'; readonly caseId: string; readonly error: unknown }
  | {
      readonly status: 'done';
      readonly caseId: string;
      readonly warnings: readonly string[];
      readonly memory: Prediction['memory'];
      /** Seconds per stage. */
      readonly timings: Readonly<Record<string, number>>;
    };

/**
 * Segments every case and writes `{case}{ending}`, with probabilities also `{case}.npz` and the properties that
 * nnU-Net's ensembling wants, `{case}.pkl`. A case that fails does not stop the others. Rejects with an `AbortError`
 * once cancelled; what was finished by then is written.
 */
export async function predictFolder(job: PredictFolderRequest): Promise<readonly CaseReport[]> {
  const reports: CaseReport[] = [];
  const tell = (report: CaseReport) => {
    reports.push(report);
    job.onCase?.(report);
  };
  const waiting: CaseFiles[] = [];
  for (const each of job.cases) {
    if (job.shouldContinue && (await isFinished(job, each))) tell({ status: 'skipped', caseId: each.caseId });
    else waiting.push(each);
  }

  const session = new PredictionSession(job);
  let writing: Promise<void> = Promise.resolve();
  try {
    if (waiting.length > 0) await session.load(); // a model that cannot be run is no case's fault
    await job.onLoaded?.();
    const outcomes = session.predictEach(waiting, (each) => readFiles(job, each), {
      ...(job.signal && { signal: job.signal }),
      onProgress: ({ caseId }, progress) => job.onProgress?.(caseId, progress),
    });
    for await (const outcome of outcomes) {
      await writing; // one result at a time waits in memory
      writing = writeOutcome(job, outcome).then(tell);
    }
  } finally {
    await writing;
    await session.close();
  }
  return reports;
}

/** Files that must be there for a case to be finished. */
export function resultNames(
  { fileEnding, settings }: Pick<PredictFolderRequest, 'fileEnding' | 'settings'>,
  { caseId }: CaseFiles,
): readonly string[] {
  const withProbabilities = settings.saveProbabilities ? [`${caseId}.npz`, `${caseId}.pkl`] : [];
  return [`${caseId}${fileEnding}`, ...withProbabilities];
}

/** Whether all results of a case are there. */
export async function isFinished(job: PredictFolderRequest, each: CaseFiles): Promise<boolean> {
  const found = await Promise.all(resultNames(job, each).map((name) => job.results.has(name)));
  return found.every(Boolean);
}

/** Throws `NeedsPreviousStage` where a segmentation of the previous stage should be there, and is not. */
async function readFiles(
  { model, previousStage }: PredictFolderRequest,
  { caseId, files }: CaseFiles,
): Promise<CaseInput> {
  const { plans, configuration, channelNames } = model;
  const image = await readCase(files, plans.imageReaderWriter, { channels: channelNames.length });
  if (!previousStage || configuration.previousStage === undefined) return { image };
  const file = await previousStage(caseId);
  if (!file) {
    throw new StudioError(
      'NeedsPreviousStage',
      `There is no segmentation of ${configuration.previousStage} for this case.`,
      `It is named ${caseId}${model.fileEnding}.`,
    );
  }
  return { image, previousStage: await readerNamed(plans.imageReaderWriter).read([file]) };
}

/** Never rejects: what goes wrong here belongs to the case. */
async function writeOutcome(job: PredictFolderRequest, outcome: CaseOutcome<CaseFiles>): Promise<CaseReport> {
  const { caseId } = outcome.item;
  if ('error' in outcome) return { status: 'failed', caseId, error: outcome.error };
  try {
    const started = performance.now();
    await writeResults(job, outcome.item, outcome);
    const { memory, timings } = outcome.prediction;
    return {
      status: 'done',
      caseId,
      warnings: imageWarnings(outcome.image),
      memory,
      timings: { ...timings, writing: (performance.now() - started) / 1000 },
    };
  } catch (error) {
    return { status: 'failed', caseId, error };
  }
}

type Finished = Omit<Extract<CaseOutcome<CaseFiles>, { readonly prediction: Prediction }>, 'item'>;

/** Probabilities first: the segmentation is what tells that a case is finished. */
async function writeResults(
  job: PredictFolderRequest,
  each: CaseFiles,
  { image, properties, prediction }: Finished,
): Promise<void> {
  const [segmentationName, probabilitiesName, propertiesName] = resultNames(job, each);
  const { segmentation, shape, probabilities } = prediction;
  if (probabilities) {
    const classes = probabilities.length / segmentation.length;
    const array = { shape: [classes, ...shape], data: probabilities };
    await job.results.write(probabilitiesName, await writeNpz({ probabilities: array }));
    const entries = caseProperties(image, properties, job.model.plans.imageReaderWriter);
    await job.results.write(propertiesName, writePickle(new Map(entries)));
  }
  const written = await writeCase(segmentation, shape, image.geometry, { ending: job.fileEnding });
  const [result, ...sideCars] = written;
  for (const { ending, content } of sideCars) await job.results.write(`${each.caseId}${ending}`, content);
  await job.results.write(segmentationName, result.content);
}
