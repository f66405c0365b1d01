// Preprocesses a raw dataset for training into nnU-Net's nnUNet_preprocessed layout. Can be cancelled at any time and
// goes on where it was: a case is done again only if its files, its labels' meaning or its configuration changed.

import { labelsOfDataset, type RawCase, type RawDataset } from '@/core/dataset/rawDataset';
import { crossValidationSplits, haveSameFolds, readSplits } from '@/core/dataset/splits';
import { assertLabelled } from '@/core/dataset/unlabelledCases';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import { concatenate } from '@/core/io/compression';
import { fileName, readText } from '@/core/io/sourceFile';
import type { Configuration, Plans } from '@/core/planning/plans';
import { haveSameBytes } from '@/shared/bytes';
import { forEachAtOnce } from '@/shared/concurrency';
import { isAbort, StudioError } from '@/shared/errors';
import { sha256, sha256Hex } from '@/shared/sha256';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { preventsWriting } from '@/storage/recordStore';
import { type CaseWorkers, localCaseWorkers } from '@/workers/data/caseWorkers';

export interface PreprocessDatasetRequest {
  readonly dataset: RawDataset;
  readonly plans: Plans;
  /** Configurations asked for; those that the plans lack are reported and left out. */
  readonly configurations: readonly string[];
  /** `nnUNet_preprocessed/DatasetXXX_Name`. */
  readonly folder: DatasetFolder;
  /** Threads for the configuration at that position, closed when it is done; the calling thread if left out. */
  readonly startWorkers?: (position: number) => CaseWorkers;
  readonly signal?: AbortSignal | undefined;
  readonly onCase?: (report: PreprocessedReport) => void;
  /** Called once a configuration is done or left out. */
  readonly onConfiguration?: (report: ConfigurationReport) => void;
}

/** What became of one configuration. */
export interface ConfigurationReport {
  readonly configuration: string;
  /** Why it was left out; `undefined` where it was preprocessed. */
  readonly skipped: string | undefined;
  readonly failures: readonly PreprocessedReport[];
  readonly seconds: number;
}

/** What became of one case in one configuration. */
export interface PreprocessedReport {
  readonly configuration: string;
  readonly caseId: string;
  readonly status: 'done' | 'unchanged' | 'failed';
  readonly error?: unknown;
  readonly seconds: number;
  /** Cases finished in this configuration, this one included. */
  readonly done: number;
  readonly total: number;
}

export interface PreprocessSummary {
  readonly preprocessed: readonly string[];
  /** Asked for, but not in the plans (or not usable here), with the reason. */
  readonly skipped: readonly { readonly configuration: string; readonly reason: string }[];
  readonly failures: readonly PreprocessedReport[];
}

/** Part of every case's key: raised when what is written changes. */
const FORMAT_VERSION = 2;
/** Keys of finished cases, out of the way of whoever lists the data folders. */
const KEYS_FOLDER = '.nnstudio';

/**
 * Preprocesses every configuration. A case that fails does not stop the others. Rejects when cancelled; what was
 * finished by then stays. Throws `NoLabelMaps`.
 */
export async function preprocessDataset(job: PreprocessDatasetRequest): Promise<PreprocessSummary> {
  const { plans, configurations } = job;
  const skipped: { configuration: string; reason: string }[] = [];
  const preprocessed: string[] = [];
  const failures: PreprocessedReport[] = [];
  const written = new Set<string>();
  assertLabelled(job.dataset);
  await copyGroundTruth(job);
  await writeSplits(job);
  for (const [position, name] of configurations.entries()) {
    const started = performance.now();
    const reason = reasonToSkip(plans, name, written);
    const failed =
      reason === undefined ? await preprocessConfiguration(job, plans.configurations[name], position) : [];
    if (reason === undefined) {
      written.add(plans.configurations[name].dataIdentifier);
      preprocessed.push(name);
      failures.push(...failed);
    } else {
      skipped.push({ configuration: name, reason });
    }
    const seconds = (performance.now() - started) / 1000;
    job.onConfiguration?.({ configuration: name, skipped: reason, failures: failed, seconds });
  }
  return { preprocessed, skipped, failures };
}

/** Why a configuration is not preprocessed, if it is not: `written` are the arrays that are there already. */
function reasonToSkip(plans: Plans, name: string, written: ReadonlySet<string>): string | undefined {
  if (!Object.hasOwn(plans.configurations, name)) {
    const unusable = new Map(Object.entries(plans.unusableConfigurations ?? {})).get(name);
    return unusable ?? `${plans.plansName} has no ${name}`;
  }
  const { dataIdentifier } = plans.configurations[name];
  return written.has(dataIdentifier) ? `shares ${dataIdentifier}` : undefined;
}

async function preprocessConfiguration(
  job: PreprocessDatasetRequest,
  configuration: Configuration,
  position: number,
): Promise<readonly PreprocessedReport[]> {
  const { dataset, folder, startWorkers = () => localCaseWorkers() } = job;
  await removeUnrecognised(folder, configuration.dataIdentifier, dataset.cases);
  const workers = startWorkers(position);
  try {
    return await preprocessCases({ ...job, workers }, configuration);
  } finally {
    workers.close();
  }
}

type JobWithWorkers = PreprocessDatasetRequest & { readonly workers: CaseWorkers };

async function preprocessCases(
  job: JobWithWorkers,
  configuration: Configuration,
): Promise<readonly PreprocessedReport[]> {
  const { dataset, workers, signal, onCase } = job;
  const failures: PreprocessedReport[] = [];
  let done = 0;
  await forEachAtOnce(dataset.cases, workers.atOnce, async (rawCase) => {
    signal?.throwIfAborted();
    const started = performance.now();
    const outcome = await preprocessOrExplain(job, configuration, rawCase);
    const report: PreprocessedReport = {
      configuration: configuration.name,
      caseId: rawCase.caseId,
      ...outcome,
      seconds: (performance.now() - started) / 1000,
      done: ++done,
      total: dataset.cases.length,
    };
    if (report.status === 'failed') failures.push(report);
    onCase?.(report);
  });
  return failures;
}

async function preprocessOrExplain(
  job: JobWithWorkers,
  configuration: Configuration,
  rawCase: RawCase,
): Promise<Pick<PreprocessedReport, 'status' | 'error'>> {
  try {
    return { status: await preprocessOne(job, configuration, rawCase) };
  } catch (error) {
    if (isAbort(error) || preventsWriting(error)) throw error;
    return { status: 'failed', error };
  }
}

async function preprocessOne(
  { dataset, plans, folder, workers, signal }: JobWithWorkers,
  configuration: Configuration,
  rawCase: RawCase,
): Promise<'done' | 'unchanged'> {
  const { caseId } = rawCase;
  const below = `${configuration.dataIdentifier}/${caseId}`;
  const keyFile = `${KEYS_FOLDER}/${configuration.dataIdentifier}/${caseId}`;
  const key = await caseKey(dataset, plans, configuration, rawCase);
  const known = await folder.open(keyFile);
  const isThere = (await folder.has(`${below}.npz`)) && (await folder.has(`${below}.pkl`));
  if (known && isThere && (await readText(known)) === key) return 'unchanged';

  const labels = labelsOfDataset(dataset);
  const files = await workers.preprocess(rawCase, { plans, configuration, labels }, signal);
  signal?.throwIfAborted();
  await folder.remove(keyFile);
  await folder.write(`${below}.npz`, files.npz);
  await folder.write(`${below}.pkl`, files.pkl);
  await folder.write(keyFile, key);
  return 'done';
}

/** Changes with everything that the preprocessed case depends on. */
async function caseKey(
  { document }: RawDataset,
  plans: Plans,
  configuration: Configuration,
  { images, label }: RawCase,
): Promise<string> {
  const { dataIdentifier, spacing, normalizationSchemes, useMaskForNorm } = configuration;
  const { resamplingData, resamplingSeg } = configuration;
  const settings = {
    version: FORMAT_VERSION,
    reader: plans.imageReaderWriter,
    transpose: plans.transposeForward,
    intensities: plans.foregroundIntensityProperties,
    configuration: {
      dataIdentifier,
      spacing,
      normalizationSchemes,
      useMaskForNorm,
      resamplingData,
      resamplingSeg,
    },
    labels: [Object.fromEntries(document.labels), document.regions_class_order ?? null],
  };
  const parts = [new TextEncoder().encode(JSON.stringify(settings))];
  for (const file of [...images, ...(label ? [label] : [])]) parts.push(await sha256(await file.bytes()));
  return sha256Hex(concatenate(parts));
}

/** Files of cases that the dataset no longer has, and arrays in other containers: training would take them up. */
async function removeUnrecognised(
  folder: DatasetFolder,
  identifier: string,
  cases: readonly RawCase[],
): Promise<void> {
  const own = new Set(cases.flatMap(({ caseId }) => [`${caseId}.npz`, `${caseId}.pkl`]));
  for (const name of await folder.list(identifier)) {
    if (!own.has(name)) await folder.remove(`${identifier}/${name}`);
  }
}

/** `gt_segmentations/{case}{ending}`, the raw label maps. */
async function copyGroundTruth({ dataset, folder, signal }: PreprocessDatasetRequest): Promise<void> {
  for (const { caseId, label } of dataset.cases) {
    signal?.throwIfAborted();
    if (!label) continue;
    const target = `gt_segmentations/${caseId}${dataset.document.file_ending}`;
    const content = await label.bytes();
    const existing = await folder.open(target);
    if (existing?.sizeInBytes === content.length && haveSameBytes(await existing.bytes(), content)) continue;
    await folder.write(target, content);
  }
}

/**
 * The dataset's own splits where it has some, else nnU-Net's five folds. Splits that are there already stay: a training
 * may have begun with them. Throws `SplitsDiffer` where they contradict the dataset's own.
 */
async function writeSplits({ dataset, folder }: PreprocessDatasetRequest): Promise<void> {
  const caseIds = dataset.cases.map(({ caseId }) => caseId);
  const target = NNUNET_FILES.splits;
  const existing = await folder.open(target);
  const own = dataset.splitsFile;
  if (existing && own) {
    const [there, given] = [
      readSplits(await readText(existing), existing.path, caseIds),
      readSplits(await readText(own), own.path, caseIds),
    ];
    if (!haveSameFolds(there, given)) {
      throw new StudioError(
        'SplitsDiffer',
        `${fileName(own)} of the dataset differs from the one among its preprocessed files.`,
        'Remove one of them; trainings that have begun need the one they began with.',
      );
    }
    return;
  }
  if (existing) return;
  if (own) {
    const text = await readText(own);
    readSplits(text, own.path, caseIds);
    await folder.write(target, text);
  } else if (caseIds.length >= 5) {
    await folder.write(target, pythonJson(crossValidationSplits(caseIds), { shouldSortKeys: true }));
  }
}
