// Which configuration, or which two together, segment best in cross-validation. Follows nnU-Net's
// `find_best_configuration`.

import { accumulateCrossval, crossvalFolder } from '@/app/evaluate/accumulateCrossval';
import { evaluateFolder, optionsOf } from '@/app/evaluate/evaluateFolder';
import { formatOfFolder } from '@/app/files/labelMapFiles';
import type { Fold } from '@/app/train/foldSetup';
import {
  ensembleIdentifier,
  type InferenceInformation,
  inferenceInformationJson,
  inferenceInstructions,
  modelIdentifier,
  type TrainedModel,
} from '@/core/evaluation/inferenceInstructions';
import { type EvaluationSummary, summaryJson } from '@/core/evaluation/summary';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { PostprocessingStep } from '@/core/postprocessing/steps';
import { StudioError } from '@/shared/errors';
import { clearFolder, type PlacedFolder, placedSubfolder, type ReadFolder } from '@/storage/folderViews';
import { type DeterminedPostprocessing, determinePostprocessing } from './determinePostprocessing';
import { casesOfCrossvals, ensembleCrossvals } from './ensembleFolders';

/** A configuration with a trained model. */
export interface CandidateModel extends TrainedModel {
  /** `<trainer>__<plans>__<configuration>`, its folds validated; with probabilities (`--npz`) where ensembles are allowed. */
  readonly folder: PlacedFolder;
}

export interface FindBestConfigurationRequest {
  /** `DatasetXXX_Name` */
  readonly datasetName: string;
  /** In the order that decides between equals. */
  readonly candidates: readonly CandidateModel[];
  readonly folds: readonly Fold[];
  /** Label maps that cross-validations are evaluated against: raw `labelsTr` where it is there. */
  readonly references: PlacedFolder<ReadFolder>;
  /** Label maps that ensembles and postprocessing are evaluated against: preprocessed `gt_segmentations`. */
  readonly preprocessedReferences: PlacedFolder<ReadFolder>;
  /** The dataset's folder of results, where `ensembles/` and the outcome go. */
  readonly results: PlacedFolder;
  readonly isEnsemblingAllowed: boolean;
  /** Otherwise what was gathered and averaged before is kept: `--no_overwrite`. */
  readonly shouldOverwrite: boolean;
  /** What the instructions give `-np`. */
  readonly processes: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FindBestProgress) => void) | undefined;
  /** Called when a model or an ensemble has its score. */
  readonly onCandidate?: ((score: CandidateScore) => void) | undefined;
}

export interface FindBestProgress {
  readonly stage: 'cross-validation' | 'ensemble' | 'postprocessing';
  /** Of the candidate that is worked on. */
  readonly name: string;
  readonly caseId: string;
  readonly done: number;
  readonly total: number;
  /** What postprocessing tries. */
  readonly step?: PostprocessingStep | undefined;
}

/** A model, or an ensemble of two. */
export interface CandidateScore {
  /** The name of its folder. */
  readonly name: string;
  readonly models: readonly TrainedModel[];
  /** Its predictions of all cases, with their summary.json. */
  readonly predictions: PlacedFolder;
  readonly summary: EvaluationSummary;
}

export interface BestConfiguration {
  /** Models in their order, then ensembles. */
  readonly scores: readonly CandidateScore[];
  readonly best: CandidateScore;
  readonly postprocessing: DeterminedPostprocessing;
  readonly information: InferenceInformation;
  /** The text of inference_instructions.txt. */
  readonly instructions: string;
}

/**
 * Scores every candidate and every pair of them by mean foreground Dice, determines the best one's postprocessing, and
 * writes `inference_information.json` and `inference_instructions.txt`. Throws `NoCandidates`, `NoScore` where no Dice is
 * a number, and what gathering, averaging and evaluating throw; rejects with an `AbortError` once cancelled.
 */
export async function findBestConfiguration(job: FindBestConfigurationRequest): Promise<BestConfiguration> {
  const { candidates, folds, results } = job;
  if (candidates.length === 0) {
    throw new StudioError(
      'NoCandidates',
      `There is no trained configuration of ${job.datasetName} to choose from.`,
      'Train at least one, with all its folds.',
    );
  }
  if (job.isEnsemblingAllowed && candidates.length > 1) {
    // What cannot be averaged is told before hours of evaluating, not behind them.
    await casesOfCrossvals(
      candidates.map(({ folder }) => folder),
      folds,
    );
  }
  const scores: CandidateScore[] = [];
  const take = (score: CandidateScore) => {
    scores.push(score);
    job.onCandidate?.(score);
  };
  for (const candidate of candidates) take(await scoreOfModel(job, candidate));
  if (job.isEnsemblingAllowed) {
    for (const [i, first] of candidates.entries()) {
      for (const second of candidates.slice(i + 1)) take(await scoreOfEnsemble(job, [first, second]));
    }
  }
  const best = bestOf(scores, job.datasetName);
  const postprocessing = await determinePostprocessing({
    predictions: best.predictions,
    references: job.preprocessedReferences,
    shouldKeepFiles: true,
    signal: job.signal,
    onProgress: (progress) => job.onProgress?.({ stage: 'postprocessing', name: best.name, ...progress }),
  });
  const information: InferenceInformation = {
    datasetName: job.datasetName,
    folds,
    consideredModels: candidates.map(trainedModel),
    isEnsemblingAllowed: job.isEnsemblingAllowed,
    results: Object.fromEntries(scores.map(({ name, summary }) => [name, summary.foregroundMean.Dice])),
    best: {
      models: best.models,
      diceBeforePostprocessing: best.summary.foregroundMean.Dice,
      diceAfterPostprocessing: postprocessing.after.foregroundMean.Dice,
      postprocessingFile: `${best.predictions.location}/${NNUNET_FILES.postprocessing}`,
      plansFile: `${best.predictions.location}/${NNUNET_FILES.plans}`,
    },
  };
  const instructions = inferenceInstructions(information, job.processes);
  await results.folder.write(NNUNET_FILES.inferenceInformation, inferenceInformationJson(information));
  await results.folder.write(NNUNET_FILES.inferenceInstructions, instructions);
  return { scores, best, postprocessing, information, instructions };
}

function trainedModel({ trainer, plans, configuration }: TrainedModel): TrainedModel {
  return { trainer, plans, configuration };
}

async function scoreOfModel(
  job: FindBestConfigurationRequest,
  candidate: CandidateModel,
): Promise<CandidateScore> {
  const name = modelIdentifier(candidate);
  const predictions = crossvalFolder(candidate.folder, job.folds);
  const summary = await accumulateCrossval({
    model: candidate.folder,
    folds: job.folds,
    references: job.references,
    shouldOverwrite: job.shouldOverwrite,
    signal: job.signal,
    onCase: ({ caseId, done, total }) =>
      job.onProgress?.({ stage: 'cross-validation', name, caseId, done, total }),
  });
  return { name, models: [trainedModel(candidate)], predictions, summary };
}

async function scoreOfEnsemble(
  job: FindBestConfigurationRequest,
  members: readonly CandidateModel[],
): Promise<CandidateScore> {
  const name = ensembleIdentifier(members, job.folds);
  const predictions = placedSubfolder(job.results, `ensembles/${name}`);
  if (job.shouldOverwrite) {
    await clearFolder(predictions.folder);
    await clearFolder(predictions.folder, 'postprocessed');
  }
  const tell = (caseId: string, done: number, total: number) =>
    job.onProgress?.({ stage: 'ensemble', name, caseId, done, total });
  await ensembleCrossvals({
    models: members.map(({ folder }) => folder),
    folds: job.folds,
    output: predictions.folder,
    shouldOverwrite: job.shouldOverwrite,
    signal: job.signal,
    onCase: ({ caseId, done, total }) => tell(caseId, done, 2 * total),
  });
  const summary = await evaluateFolder({
    predictions,
    references: job.preprocessedReferences,
    question: optionsOf(await formatOfFolder(predictions.folder)),
    mayLackPredictions: true,
    signal: job.signal,
    onCase: ({ caseId, done, total }) => tell(caseId, total + done, 2 * total),
  });
  await predictions.folder.write(NNUNET_FILES.summary, summaryJson(summary));
  return { name, models: members.map(trainedModel), predictions, summary };
}

/** The highest mean foreground Dice; of equals the first, models before ensembles. */
function bestOf(scores: readonly CandidateScore[], datasetName: string): CandidateScore {
  const diceOf = ({ summary }: CandidateScore) => summary.foregroundMean.Dice;
  const known = scores.filter((score) => !Number.isNaN(diceOf(score)));
  if (known.length === 0) {
    throw new StudioError(
      'NoScore',
      `No candidate of ${datasetName} has a mean Dice: one of the labels is in no reference and no prediction.`,
      'Take labels that never occur out of dataset.json.',
    );
  }
  return known.reduce((best, score) => (diceOf(score) > diceOf(best) ? score : best));
}
