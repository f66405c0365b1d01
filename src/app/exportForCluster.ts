// A training with all it needs, laid out for nnU-Net: raw and preprocessed data, plans, splits, checkpoints, commands.
import { type SourceFile, textFile } from '@/core/io/sourceFile';
import { type ZipPart, zipPart, zipSize } from '@/core/io/zipStream';
import { caseOfFile } from '@/core/training/caseFormats';
import {
  type ClusterTraining,
  clusterCommands,
  clusterNotes,
  clusterText,
  clusterTrainer,
  TRAINER_FOLDER,
} from '@/core/training/clusterText';
import { StudioError } from '@/shared/errors';

export interface ClusterExport extends Omit<ClusterTraining, 'hasCheckpoint' | 'caseEnding'> {
  /** Of the configuration: folder of its preprocessed cases. */
  readonly dataIdentifier: string;
  /** All files of the dataset's two folders, whose name their paths start with. */
  readonly raw: readonly SourceFile[];
  readonly preprocessed: readonly SourceFile[];
  /** Of the model folder, with paths below it; checkpoints among them. */
  readonly results: readonly ZipPart[];
  /** Segmentations of the stage before, with paths below nnUNet_results. */
  readonly previousStage?: readonly ZipPart[];
}

/** What is told of it before it is written. */
export interface ClusterSummary {
  readonly sizeInBytes: number;
  readonly rawBytes: number;
  readonly fileCount: number;
  readonly commands: readonly string[];
  readonly notes: readonly string[];
}

/** Name of the text file with the commands. */
const INSTRUCTIONS = 'CONTINUE.txt';
const OF_DATASET = ['dataset.json', 'dataset_fingerprint.json', 'splits_final.json'];

/** The parts of the archive. Throws `NotPreprocessed` where nothing of the configuration is preprocessed. */
export function clusterParts(job: ClusterExport): readonly ZipPart[] {
  const { datasetName, plansName, configurationName, dataIdentifier, results, previousStage = [] } = job;
  const training = trainingOf(job);
  const { name, source } = clusterTrainer(training);
  const model = `nnUNet_results/${datasetName}/${name}__${plansName}__${configurationName}`;
  const wanted = new Set([...OF_DATASET, `${plansName}.json`]);
  const preprocessed = job.preprocessed.filter(({ path }) => {
    const below = path.slice(path.indexOf('/') + 1);
    return wanted.has(below) || /^gt_segmentations\//.test(below) || below.startsWith(`${dataIdentifier}/`);
  });
  if (!preprocessed.some(({ path }) => path.includes(`/${dataIdentifier}/`))) {
    throw new StudioError(
      'NotPreprocessed',
      `There are no preprocessed cases of ${configurationName} (${dataIdentifier}) to take along.`,
      'Run preprocess first.',
    );
  }
  return [
    zipPart(textFile(clusterText(training), INSTRUCTIONS)),
    ...(source ? [zipPart(textFile(source, `${TRAINER_FOLDER}/${name}.py`))] : []),
    ...job.raw.map((file) => zipPart(file, `nnUNet_raw/${file.path}`)),
    ...preprocessed.map((file) => zipPart(file, `nnUNet_preprocessed/${file.path}`)),
    ...results.map((part) => ({ ...part, path: `${model}/${part.path}` })),
    ...previousStage.map((part) => ({ ...part, path: `nnUNet_results/${part.path}` })),
  ];
}

/** Sizes, commands and what to know, before anything is written. */
export function clusterSummary(job: ClusterExport): ClusterSummary {
  const parts = clusterParts(job);
  const training = trainingOf(job);
  return {
    sizeInBytes: zipSize(parts),
    rawBytes: job.raw.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0),
    fileCount: parts.length,
    commands: clusterCommands(training),
    notes: clusterNotes(training),
  };
}

/** A name for the archive. */
export function clusterName({ datasetName, configurationName, fold }: ClusterExport): string {
  return `${datasetName}_${configurationName}_fold_${fold}_for_nnunet.zip`;
}

function trainingOf({
  raw: _,
  preprocessed,
  previousStage: __,
  results,
  ...facts
}: ClusterExport): ClusterTraining {
  const [aCase] = preprocessed.flatMap(({ path }) =>
    path.includes(`/${facts.dataIdentifier}/`) ? (caseOfFile(path) ?? []) : [],
  );
  return {
    ...facts,
    hasCheckpoint: results.some(({ path }) => path.endsWith('.pth')),
    caseEnding: aCase?.format.ending ?? '.npz',
  };
}
