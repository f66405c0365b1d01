import path from 'node:path';
import {
  fingerprintDataset,
  keptFingerprint,
  planAndSave,
  preprocessPlanned,
  triedReader,
} from '@/app/data/configureDataset';
import { openDatasetOnDisk } from '@/app/data/openDatasetOnDisk';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { PLANNERS, plannerNamed } from '@/core/planning/planners';
import { DEFAULT_CONFIGURATIONS } from '@/core/planning/plans';
import type { FingerprintDocument, PlansDocument } from '@/core/planning/plansDocument';
import { StudioError } from '@/shared/errors';
import { Outputs } from '@/storage/outputs';
import type { CaseWorkers } from '@/workers/data/caseWorkers';
import { usualCasesAtOnce, workersFor } from '@/workers/data/nodeCaseWorkers';
import type { FingerprintProgress, PreprocessedCase } from './reports';

/** nnU-Net's experiment planners, by their names. */
export const PLANNER_NAMES: readonly string[] = PLANNERS.map(({ name }) => name);

/** A dataset as nnU-Net lays it out. */
export interface DatasetFolders {
  /** `nnUNet_raw/DatasetXXX_Name`, with `dataset.json`, `imagesTr` and `labelsTr`. Only read. */
  readonly raw: string;
  /** `nnUNet_preprocessed/DatasetXXX_Name`. Made where it is missing. */
  readonly preprocessed: string;
}

/** How cases are worked on. */
export interface CaseWorkOptions {
  /** Cases side by side, each in a thread. Default: as many as processors and memory allow. */
  readonly processes?: number;
  /** Aborting it rejects with an `AbortError`; what is written by then is whole. */
  readonly signal?: AbortSignal;
}

export interface PlanDatasetOptions extends DatasetFolders, CaseWorkOptions {
  /** One of {@link PLANNER_NAMES}. Default `ExperimentPlanner`. */
  readonly planner?: string;
  /** Name of the plans and of their file. Default: the planner's own, such as `nnUNetPlans`. */
  readonly plansName?: string;
  /** GPU memory to plan for, GB. Default: the planner's own. */
  readonly gpuMemoryTargetGb?: number;
  /** Target spacing of `3d_fullres`, mm, `[z, y, x]`. */
  readonly overwriteTargetSpacing?: readonly [number, number, number];
  /** Computes a fingerprint anew that is there already. Default `false`. */
  readonly recomputeFingerprint?: boolean;
  readonly onProgress?: (progress: FingerprintProgress) => void;
}

/** What a dataset was planned by. */
export interface PlannedDataset {
  /** `DatasetXXX_Name` */
  readonly name: string;
  /** The content of `dataset_fingerprint.json`. */
  readonly fingerprint: FingerprintDocument;
  /** The content of the plans file, `configurations` by their names. */
  readonly plans: PlansDocument;
  /** Path of the plans file. */
  readonly plansFile: string;
}

/**
 * Extracts the fingerprint of a raw dataset and plans its configurations, as `nnstudio plan_and_preprocess --no_pp` does.
 * Writes `dataset_fingerprint.json`, the plans and a copy of `dataset.json` into the preprocessed folder. Configurations of
 * your own in a plans file of that name are kept.
 *
 * @throws `NoDataset`, `BadDatasetJson`, `NoCases`, `NoForeground`, `SingleSlice`, `UnknownPlanner`, `WouldReplaceInput`, and
 *   errors of images that cannot be read.
 */
export async function planDataset(options: PlanDatasetOptions): Promise<PlannedDataset> {
  const { signal, onProgress, plansName, gpuMemoryTargetGb, overwriteTargetSpacing } = options;
  const planner = plannerNamed(options.planner ?? 'ExperimentPlanner');
  const { dataset, name, outputs } = await openFolders(options);
  const file = `${plansName ?? planner.plansName}.json`;
  await outputs.assertFolderFree(options.preprocessed, [
    NNUNET_FILES.dataset,
    NNUNET_FILES.fingerprint,
    file,
  ]);
  const folder = outputs.folder(options.preprocessed);
  const existing = options.recomputeFingerprint ? undefined : await keptFingerprint(folder);
  const fingerprint =
    existing ??
    (await fingerprintDataset({
      dataset,
      folder,
      startWorkers: () => startWorkers(options),
      signal,
      ...(onProgress && { onProgress }),
    }));
  const plans = await planAndSave({
    name,
    document: dataset.document,
    jsonFile: dataset.jsonFile,
    folder,
    planner,
    reader: await triedReader(dataset),
    options: {
      ...(plansName && { plansName }),
      ...(gpuMemoryTargetGb !== undefined && { gpuMemoryTargetGb }),
      ...(overwriteTargetSpacing && { overwriteTargetSpacing }),
    },
  });
  return { name, fingerprint, plans, plansFile: path.join(options.preprocessed, file) };
}

export interface PreprocessDatasetOptions extends DatasetFolders, CaseWorkOptions {
  /** Default `nnUNetPlans`. */
  readonly plans?: string;
  /** Default `2d`, `3d_fullres` and `3d_lowres`; those that are not in the plans are skipped. */
  readonly configurations?: readonly string[];
  readonly onCase?: (report: PreprocessedCase) => void;
}

/** What was preprocessed, and what was not. */
export interface PreprocessedDataset {
  readonly preprocessed: readonly string[];
  readonly skipped: readonly { readonly configuration: string; readonly reason: string }[];
  /** Cases that failed. They do not stop the others. */
  readonly failures: readonly PreprocessedCase[];
}

/**
 * Crops, normalises and resamples all cases for training, as `nnstudio preprocess` does, with the splits of five folds.
 * Begun again after an interruption, it goes on where it was.
 *
 * @throws `NoPlans` before {@link planDataset}, `NoDataset`, `WouldReplaceInput`; an `AbortError` once aborted.
 */
export async function preprocessDataset(options: PreprocessDatasetOptions): Promise<PreprocessedDataset> {
  const { signal, onCase, configurations = DEFAULT_CONFIGURATIONS } = options;
  const { dataset, name, outputs } = await openFolders(options);
  return preprocessPlanned({
    name,
    dataset,
    plansName: options.plans ?? 'nnUNetPlans',
    configurations,
    folder: outputs.folder(options.preprocessed),
    startWorkers: () => startWorkers(options),
    signal,
    ...(onCase && { onCase }),
  });
}

/** The raw dataset, its name, and writers that leave it alone. */
async function openFolders({ raw }: DatasetFolders) {
  const dataset = await openDatasetOnDisk(raw, 'Name the folder with the dataset.json.');
  return { dataset, name: path.basename(path.resolve(raw)), outputs: await Outputs.beside([raw]) };
}

/** Throws `BadOptions`. */
function startWorkers({ processes = usualCasesAtOnce() }: CaseWorkOptions): CaseWorkers {
  if (!Number.isInteger(processes) || processes < 1) {
    throw new StudioError('BadOptions', `processes is a whole number from 1, not ${processes}.`);
  }
  return workersFor(processes);
}
