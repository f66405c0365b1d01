// What training a fold starts from: plans, labels, splits and the cases that were preprocessed for it.

import { byCodePoint } from '@/core/dataset/rawDataset';
import {
  crossValidationSplits,
  readSplits,
  type Split,
  splitNotices,
  splitOfFold,
} from '@/core/dataset/splits';
import { parseJson } from '@/core/interop/json';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { pythonJson } from '@/core/interop/pythonJson';
import { type DatasetDescription, readDatasetJson } from '@/core/interop/readDatasetJson';
import { readText, type SourceFile } from '@/core/io/sourceFile';
import type { Configuration, Plans } from '@/core/planning/plans';
import { configurationOf, readPlans } from '@/core/planning/readPlans';
import { caseOfFile } from '@/core/training/caseFormats';
import type { Trainer } from '@/core/training/trainers';
import { StudioError } from '@/shared/errors';
import type { DatasetFolder } from '@/storage/datasetFolder';

/** Number of a fold, or all cases. */
export type Fold = number | 'all';

/** Which fold of what. */
export interface FoldOptions {
  /** `nnUNet_preprocessed/DatasetXXX_Name`. */
  readonly preprocessed: DatasetFolder;
  readonly plansName: string;
  readonly configurationName: string;
  readonly fold: Fold;
  /** `predicted_next_stage/<configuration>` among the results of the stage of that name, which a cascade starts from. */
  readonly previousStage?: (stage: string) => DatasetFolder;
}

/** A fold that can be trained. */
export interface FoldSetup {
  readonly question: FoldOptions;
  readonly plans: Plans;
  readonly configuration: Configuration;
  readonly dataset: DatasetDescription;
  readonly split: Split;
  /** Whether the split is drawn, as splits_final.json has no such fold. */
  readonly isDrawnSplit: boolean;
  /** What a person should know of the split. */
  readonly notices: readonly string[];
  readonly caseIds: readonly string[];
  /** The files as they lie there, and what is in them. */
  readonly plansFile: SourceFile;
  readonly plansDocument: unknown;
  readonly datasetFile: SourceFile;
  readonly datasetDocument: unknown;
}

/**
 * Looks everything up; reads no voxels. The network is the trainer's, or that of the plans without one. Writes
 * splits_final.json where there is none yet. Throws `NoPlans`, `NotPreprocessed`, `EmptyFold` and what reading these
 * files throws.
 */
export async function openFold(
  question: FoldOptions,
  trainer?: Pick<Trainer, 'network'>,
): Promise<FoldSetup> {
  const { preprocessed, plansName, configurationName, fold } = question;
  const plansFile = await required(
    preprocessed,
    `${plansName}.json`,
    'NoPlans',
    'Run plan_and_preprocess first.',
  );
  const datasetFile = await required(
    preprocessed,
    NNUNET_FILES.dataset,
    'NotPreprocessed',
    'Run plan_and_preprocess first.',
  );
  const [plansText, datasetText] = [await readText(plansFile), await readText(datasetFile)];
  const plans = readPlans(plansText, plansFile.path);
  const planned = configurationOf(plans, configurationName, plansFile.path);
  const architecture = trainer?.network(planned.architecture) ?? planned.architecture;
  const configuration = { ...planned, architecture };
  const caseIds = await casesOf(preprocessed, configuration);
  return {
    question,
    plans,
    configuration,
    dataset: readDatasetJson(datasetText, datasetFile.path),
    ...(await splitOf(preprocessed, fold, caseIds)),
    caseIds,
    plansFile,
    plansDocument: parseJson(plansText, plansFile.path),
    datasetFile,
    datasetDocument: parseJson(datasetText, datasetFile.path),
  };
}

/** A file that must be there. Throws an error of the name `error`. */
export async function required(
  folder: DatasetFolder,
  name: string,
  error: string,
  remedy: string,
): Promise<SourceFile> {
  const file = await folder.open(name);
  if (file) return file;
  throw new StudioError(error, `The preprocessed dataset has no ${name}.`, remedy);
}

/** As nnU-Net's `infer_dataset_class`, goes by the endings of the files, and refuses a folder with arrays of two formats. */
async function casesOf(
  preprocessed: DatasetFolder,
  { name, dataIdentifier }: Configuration,
): Promise<readonly string[]> {
  const found = (await preprocessed.list(dataIdentifier)).flatMap((file) => caseOfFile(file) ?? []);
  if (found.length === 0) {
    throw new StudioError(
      'NotPreprocessed',
      `There are no preprocessed cases for ${name} (${dataIdentifier}).`,
      'Run preprocess first.',
    );
  }
  const [one, other] = new Set(found.map(({ format }) => format.ending));
  if (other !== undefined) {
    throw new StudioError(
      'MixedCaseFormats',
      `${dataIdentifier} holds preprocessed cases as ${one} and as ${other}; which of them are meant is not clear.`,
      'Remove those of one format, or run preprocess again.',
    );
  }
  return found.map(({ caseId }) => caseId).sort(byCodePoint);
}

/** Follows nnU-Net's `nnUNetTrainer.do_split`. */
async function splitOf(
  preprocessed: DatasetFolder,
  fold: Fold,
  caseIds: readonly string[],
): Promise<Pick<FoldSetup, 'split' | 'isDrawnSplit' | 'notices'>> {
  const splits = fold === 'all' ? [] : await splitsOf(preprocessed, caseIds);
  const split = splitOfFold(fold, splits, caseIds);
  const missing = [...split.train, ...split.val].find((caseId) => !caseIds.includes(caseId));
  if (missing !== undefined) {
    throw new StudioError(
      'NotPreprocessed',
      `Fold ${fold} has the case ${missing}, which is not preprocessed.`,
      'Run preprocess again.',
    );
  }
  const empty = split.train.length === 0 ? 'training' : split.val.length === 0 ? 'validation' : undefined;
  const isDrawnSplit = fold !== 'all' && fold >= splits.length;
  if (empty === undefined) return { split, isDrawnSplit, notices: splitNotices(fold, splits, split) };
  throw new StudioError(
    'EmptyFold',
    `Fold ${fold} has no ${empty} cases.`,
    'Correct splits_final.json, or train on fold "all".',
  );
}

async function splitsOf(preprocessed: DatasetFolder, caseIds: readonly string[]): Promise<readonly Split[]> {
  const file = await preprocessed.open(NNUNET_FILES.splits);
  if (file) return readSplits(await readText(file), file.path, caseIds);
  const splits = crossValidationSplits(caseIds);
  await preprocessed.write(NNUNET_FILES.splits, pythonJson(splits, { shouldSortKeys: true }));
  return splits;
}
