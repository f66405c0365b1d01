// Self-configuration of a dataset, a step a function: fingerprint, plans, preprocessed cases. Each reads what the steps
// before have left in the dataset's preprocessed folder and writes its own. The command and the studio both call them.

import { planDataset, readFingerprint } from '@/app/plan/planDataset';
import type { RawDataset } from '@/core/dataset/rawDataset';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readerFor } from '@/core/io/readers';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import { readAnyPlans, withKeptConfigurations } from '@/core/planning/anyPlans';
import type { PlannerOptions } from '@/core/planning/planExperiment';
import type { Planner } from '@/core/planning/planners';
import type { FingerprintDocument, PlansDocument } from '@/core/planning/plansDocument';
import { readPlans } from '@/core/planning/readPlans';
import { fingerprintJson, plansJson } from '@/core/planning/writePlans';
import { StudioError } from '@/shared/errors';
import type { DatasetFolder } from '@/storage/datasetFolder';
import type { CaseWorkers } from '@/workers/data/caseWorkers';
import { type ExtractFingerprintRequest, extractFingerprint } from './extractFingerprint';
import {
  type PreprocessDatasetRequest,
  type PreprocessSummary,
  preprocessDataset,
} from './preprocessDataset';

/** What every step has to do with. */
interface Step {
  /** `DatasetXXX_Name`, for messages. */
  readonly name: string;
  /** `nnUNet_preprocessed/DatasetXXX_Name`. */
  readonly folder: DatasetFolder;
}

export interface FingerprintStep extends Omit<ExtractFingerprintRequest, 'workers'> {
  readonly folder: DatasetFolder;
  /** Threads that read the cases; they are closed with the work. */
  readonly startWorkers: () => CaseWorkers;
}

/** Extracts the fingerprint and writes it. Throws what {@link extractFingerprint} throws. */
export async function fingerprintDataset(step: FingerprintStep): Promise<FingerprintDocument> {
  const workers = step.startWorkers();
  try {
    const fingerprint = await extractFingerprint({ ...step, workers });
    await step.folder.write(NNUNET_FILES.fingerprint, fingerprintJson(fingerprint));
    return fingerprint;
  } finally {
    workers.close();
  }
}

/** The fingerprint that was written; `undefined` without. Throws `BadFingerprint`. */
export async function keptFingerprint(folder: DatasetFolder): Promise<FingerprintDocument | undefined> {
  const file = await folder.open(NNUNET_FILES.fingerprint);
  return file && readFingerprint(await readText(file), file.path);
}

/** nnU-Net's reader that opens the first image; `undefined` without images, and where none opens it. */
export async function triedReader({ document, cases }: RawDataset): Promise<string | undefined> {
  const example = cases[0]?.images[0];
  if (!example) return undefined;
  const { file_ending: fileEnding, overwrite_image_reader_writer: overwrite } = document;
  return readerFor({ fileEnding, ...(overwrite && { overwrite }), exampleFiles: [example] }).then(
    ({ reader }) => reader.name,
    () => undefined,
  );
}

export interface PlanStep extends Step, Pick<RawDataset, 'document' | 'jsonFile'> {
  readonly planner: Planner;
  readonly options: PlannerOptions;
  /** nnU-Net's reader where an image has been tried; else the file ending decides. */
  readonly reader: string | undefined;
}

/**
 * Plans by dataset.json and fingerprint, and writes the plans under their own name; configurations of another making
 * stay in them. Needs no image. Throws `NoFingerprint` and what {@link planDataset} throws.
 */
export async function planAndSave({ folder, jsonFile, ...step }: PlanStep): Promise<PlansDocument> {
  const { name, planner } = step;
  const fingerprint = await keptFingerprint(folder);
  if (!fingerprint) {
    throw new StudioError(
      'NoFingerprint',
      `${name} has no fingerprint.`,
      'Extract the fingerprint first: under Data, or with extract_fingerprint.',
    );
  }
  const plansName = step.options.plansName ?? planner.plansName;
  const plans = planDataset({ ...step, fingerprint, options: { ...step.options, plansName } });
  const file = `${plansName}.json`;
  const existing = await folder.open(file);
  const kept = existing && readAnyPlans(await readText(existing), existing.path);
  await folder.write(file, plansJson(withKeptConfigurations(plans, kept)));
  await folder.write(NNUNET_FILES.dataset, await jsonFile.bytes());
  return plans;
}

/** The plans of that name. Throws `NoPlans`. */
export async function keptPlans({ name, folder }: Step, plansName: string): Promise<SourceFile> {
  const file = await folder.open(`${plansName}.json`);
  if (file) return file;
  throw new StudioError(
    'NoPlans',
    `${name} has no plans ${plansName}.`,
    'Plan the dataset first: under Plan, or with plan_experiment.',
  );
}

export interface PreprocessStep extends Step, Omit<PreprocessDatasetRequest, 'plans' | 'folder'> {
  readonly plansName: string;
}

/** Preprocesses by plans that were written. Throws `NoPlans` and what {@link preprocessDataset} throws. */
export async function preprocessPlanned({ plansName, ...step }: PreprocessStep): Promise<PreprocessSummary> {
  const file = await keptPlans(step, plansName);
  const plans = readPlans(await readText(file), file.path);
  await step.folder.write(NNUNET_FILES.dataset, await step.dataset.jsonFile.bytes());
  return preprocessDataset({ ...step, plans });
}
