// A training with all it needs, laid out for nnU-Net: raw and preprocessed data, plans, splits, checkpoints, commands.
import { CHECKPOINTS, NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { fileName, type SourceFile, textFile } from '@/core/io/sourceFile';
import { type ZipPart, zipPart, zipSize } from '@/core/io/zipStream';
import type { TrainingSchedule } from '@/core/planning/trainingSchedule';
import { caseOfFile } from '@/core/training/caseFormats';
import {
  type ClusterTraining,
  clusterCommands,
  clusterNotes,
  clusterText,
  clusterTrainer,
  TRAINER_FOLDER,
} from '@/core/training/clusterText';
import { readCheckpointProgress, readCheckpointSchedule } from '@/core/training/readCheckpoint';
import { continuedTrainer, type IterationCount } from '@/core/training/scheduleChange';
import { knownTrainer, type Trainer } from '@/core/training/trainers';
import { StudioError } from '@/shared/errors';
import { type FoldOptions, openFold } from './foldSetup';

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
const OF_DATASET = [NNUNET_FILES.dataset, NNUNET_FILES.fingerprint, NNUNET_FILES.splits];

/**
 * The parts of the archive. Throws `ClusterCannotTrain` where nnU-Net would refuse the training, and `NotPreprocessed` where
 * nothing of the configuration is preprocessed.
 */
export function clusterParts(job: ClusterExport): readonly ZipPart[] {
  assertTrainsThere(job);
  const { datasetName, plansName, configurationName, dataIdentifier, results, previousStage = [] } = job;
  const training = trainingOf(job);
  const { name, source } = clusterTrainer(training);
  const model = `nnUNet_results/${datasetName}/${name}__${plansName}__${configurationName}`;
  const wanted = new Set([...OF_DATASET, `${plansName}.json`]);
  const preprocessed = job.preprocessed.filter(({ path }) => {
    const below = path.slice(path.indexOf('/') + 1);
    // What was unpacked of a case is in its .npz, too.
    const isOfCase = below.startsWith(`${dataIdentifier}/`) && !below.endsWith('.npy');
    return wanted.has(below) || /^gt_segmentations\//.test(below) || isOfCase;
  });
  if (!preprocessed.some(({ path }) => path.endsWith(`/${NNUNET_FILES.fingerprint}`))) {
    throw new StudioError(
      'NotPreprocessed',
      `${datasetName} has no dataset_fingerprint.json, which nnU-Net copies when a training begins.`,
      'Run extract_fingerprint first.',
    );
  }
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

/** Follows what nnU-Net's trainers refuse when they are made. */
function assertTrainsThere({ batchSize, gpus, trainerName, fold }: ClusterExport): void {
  const problem = (what: string, remedy: string) => new StudioError('ClusterCannotTrain', what, remedy);
  if (gpus > batchSize) {
    throw problem(
      `nnU-Net cannot train on ${gpus} GPUs: the batch has ${batchSize === 1 ? '1 sample' : `${batchSize} samples`}, and each GPU needs at least one.`,
      `Take at most ${batchSize === 1 ? '1 GPU' : `${batchSize} GPUs`}, or plan with a larger batch.`,
    );
  }
  if (knownTrainer(trainerName)?.isBenchmark && fold !== 0)
    throw problem(`${trainerName} measures fold 0 alone, not fold ${fold}.`, 'Choose fold 0.');
}

/** A fold to take to a cluster. */
export interface ClusterFold {
  readonly question: FoldOptions;
  readonly trainer: Trainer;
  /** Whether there is a checkpoint to go on from. */
  readonly hasCheckpoint: boolean;
  /** Segmentations of the stage before. */
  readonly previousStage: readonly Pick<ZipPart, 'path'>[];
}

/**
 * What a person should know of the fold's split. Throws what opening the fold throws (`TooFewCases`, `EmptyFold`, …), where
 * the labels do not suit the trainer, where a fold that was never trained is not in the splits, and where a cascade's cases
 * have no segmentation of the stage before.
 */
export async function clusterSplitNotices(fold: ClusterFold): Promise<readonly string[]> {
  const { question, trainer, hasCheckpoint, previousStage } = fold;
  const setup = await openFold(question, trainer);
  trainer.loss({ labels: setup.dataset.labels, batchDice: setup.configuration.batchDice });
  if (setup.isDrawnSplit && !hasCheckpoint) {
    throw new StudioError(
      'NoSuchFold',
      `splits_final.json has no fold ${question.fold}.`,
      'Choose one of its folds, or add this one to it.',
    );
  }
  const { previousStage: stage } = setup.configuration;
  if (stage !== undefined) {
    const told = new Set(previousStage.map(({ path }) => fileName({ path }).replace(/\.[^.]+$/, '')));
    const missing = [...setup.split.train, ...setup.split.val].find((caseId) => !told.has(caseId));
    if (missing !== undefined) {
      throw new StudioError(
        'NoPreviousStage',
        `${missing} has no prediction of ${stage}, which ${question.configurationName} starts from.`,
        `Train and validate all folds of ${stage} first.`,
      );
    }
  }
  return setup.notices;
}

const isNamed = (name: string) => (part: ZipPart) => fileName(part) === name;

/**
 * The parts without a final checkpoint that is behind the latest one, as a training that was made longer leaves it: nnU-Net
 * continues from the final one wherever it is there.
 */
export async function withoutStaleFinal(parts: readonly ZipPart[]): Promise<readonly ZipPart[]> {
  const [final, latest] = [parts.find(isNamed(CHECKPOINTS.final)), parts.find(isNamed(CHECKPOINTS.latest))];
  if (!final || !latest) return parts;
  const epochOf = async (part: ZipPart) => (await readCheckpointProgress(await part.open())).epoch;
  return (await epochOf(latest)) >= (await epochOf(final)) ? parts.filter((part) => part !== final) : parts;
}

/** The schedule of `trainer`, with the iterations of the checkpoint that nnU-Net continues from where none were asked for. */
export async function clusterSchedule(
  trainer: Trainer,
  results: readonly ZipPart[],
  unasked: readonly IterationCount[],
): Promise<TrainingSchedule> {
  const names = [CHECKPOINTS.final, CHECKPOINTS.latest, CHECKPOINTS.best];
  const newest = names.map((name) => results.find(isNamed(name))).find((part) => part !== undefined);
  const before = newest && (await readCheckpointSchedule(await newest.open()));
  return continuedTrainer(trainer, before, unasked).schedule;
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
