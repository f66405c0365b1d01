// The validation that follows a training: the real predictor on the fold's validation cases, as they were preprocessed.
// Follows nnU-Net's `nnUNetTrainer.perform_actual_validation`.

import { PredictionSession } from '@/app/segment/predictionSession';
import { appendChannels, oneHot } from '@/core/augmentation/segmentationOps';
import { byCodePoint } from '@/core/dataset/rawDataset';
import { evaluatedLabels, labelKey, segmentationMetrics } from '@/core/evaluation/metrics';
import {
  type CaseMetrics,
  type EvaluationSummary,
  summariseCases,
  summaryJson,
} from '@/core/evaluation/summary';
import type { Prediction } from '@/core/inference/predictor';
import { networkShape, type PreparedCase } from '@/core/inference/prepareCase';
import type { PredictProgress } from '@/core/inference/settings';
import { foregroundLabels } from '@/core/interop/labels';
import type { NnunetModel, StateDict } from '@/core/interop/model';
import { CHECKPOINTS, NNUNET_FILES } from '@/core/interop/nnunetFiles';
import type { MedicalImage } from '@/core/io/medicalImage';
import { writeNpz } from '@/core/io/npy';
import { readerNamed, writeCase } from '@/core/io/readers';
import type { Configuration } from '@/core/planning/plans';
import {
  labelsFromScores,
  logitsToSegmentation,
  sigmoidInPlace,
} from '@/core/preprocessing/exportPrediction';
import { networkSpacing } from '@/core/preprocessing/preprocessCase';
import { resampleData } from '@/core/preprocessing/resampling';
import type { Trainer } from '@/core/training/trainers';
import type { Gpu } from '@/gpu/device';
import { StudioError } from '@/shared/errors';
import { elementCount, formatXyz, permute } from '@/shared/geometry';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { type CaseOfStage, findCaseFiles, loadFoldCase } from './foldCases';
import { type FoldSetup, required } from './foldSetup';

export interface ValidateFoldRequest {
  readonly setup: FoldSetup;
  readonly trainer: Trainer;
  /** Of the plans' patch size. */
  readonly mirrorAxes: readonly number[];
  /** `<trainer>__<plans>__<configuration>` among the results. */
  readonly results: DatasetFolder;
  readonly loadWeights: () => Promise<StateDict>;
  /** Keeps probabilities and properties beside the segmentations: `--npz`. */
  readonly shouldSaveProbabilities: boolean;
  /** How summary.json names a file of the results and of the preprocessed dataset. */
  readonly nameOf: (where: 'results' | 'preprocessed', path: string) => string;
  readonly openGpu: () => Promise<Gpu>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (caseId: string, progress: PredictProgress) => void;
  readonly onCase?: (report: ValidatedCase) => void;
}

/** One case that is done. */
interface ValidatedCase {
  readonly caseId: string;
  /** By label or region, as summary.json names them. */
  readonly dice: ReadonlyMap<string, number>;
  readonly done: number;
  readonly total: number;
}

/** Segments and evaluates all validation cases; writes `fold_X/validation`. Rejects with an `AbortError` once cancelled. */
export async function validateFold(job: ValidateFoldRequest): Promise<EvaluationSummary> {
  const { setup, signal } = job;
  const labels = evaluatedLabels(setup.dataset.labels);
  const session = new PredictionSession({
    model: modelOf(job),
    loadFold: job.loadWeights,
    settings: {
      folds: [`${setup.question.fold}`],
      tileStepSize: 0.5,
      useGaussian: true,
      useMirroring: true,
      saveProbabilities: job.shouldSaveProbabilities,
    },
    openGpu: job.openGpu,
  });
  const below = `fold_${setup.question.fold}/validation`;
  const ending = setup.dataset.fileEnding;
  const caseIds = [...setup.split.val].sort((a, b) => byCodePoint(a + ending, b + ending));
  const cases: CaseMetrics[] = [];
  try {
    for (const caseId of caseIds) {
      signal?.throwIfAborted();
      const reference = await readReference(setup, caseId);
      const predicted = await predictCase(job, session, caseId);
      const { segmentation, shape } = predicted;
      if (segmentation.length !== reference.data.length) {
        throw new StudioError(
          'GeometryMismatch',
          `${caseId}: its prediction is ${formatXyz(shape)}, its reference ${formatXyz(reference.shape)} voxels.`,
          'Preprocess the dataset again.',
        );
      }
      const metrics = segmentationMetrics(
        segmentation,
        reference.data,
        labels,
        setup.dataset.labels.ignoreLabel,
      );
      await writePrediction(job, below, caseId, predicted, reference);
      cases.push({
        metrics,
        predictionFile: job.nameOf('results', `${below}/${caseId}${ending}`),
        referenceFile: job.nameOf('preprocessed', `gt_segmentations/${caseId}${ending}`),
      });
      const dice = new Map(labels.map((label, l) => [labelKey(label), metrics[l].Dice]));
      job.onCase?.({ caseId, dice, done: cases.length, total: caseIds.length });
    }
  } finally {
    await session.close();
  }
  const summary = summariseCases(labels, cases);
  await job.results.write(`${below}/${NNUNET_FILES.summary}`, summaryJson(summary));
  return summary;
}

/** The network as the predictor knows models. */
function modelOf({ setup, trainer, mirrorAxes }: ValidateFoldRequest): NnunetModel {
  const { plans, configuration, dataset, question } = setup;
  return {
    plans,
    configuration,
    labels: dataset.labels,
    channelNames: dataset.channelNames,
    fileEnding: dataset.fileEnding,
    datasetName: plans.datasetName,
    trainerName: trainer.name,
    folds: [{ fold: `${question.fold}`, checkpointName: CHECKPOINTS.final }],
    mirrorAxes,
  };
}

async function readReference({ question, plans, dataset }: FoldSetup, caseId: string): Promise<MedicalImage> {
  const name = `gt_segmentations/${caseId}${dataset.fileEnding}`;
  const file = await required(question.preprocessed, name, 'NotPreprocessed', 'Run preprocess again.');
  return readerNamed(plans.imageReaderWriter).read([file]);
}

type Predicted = Pick<Prediction, 'segmentation' | 'shape' | 'probabilities'>;

/** Segments a case; where stages follow, what they are told of it is kept too. */
async function predictCase(
  job: ValidateFoldRequest,
  session: PredictionSession,
  caseId: string,
): Promise<Predicted> {
  const { setup, signal } = job;
  const prepared = preparedCase(setup, await loadFoldCase(setup, caseId));
  const options = {
    ...(signal && { signal }),
    onProgress: (progress: PredictProgress) => job.onProgress?.(caseId, progress),
  };
  const nextStages = Object.values(setup.plans.configurations).filter(
    ({ previousStage }) => previousStage === setup.configuration.name,
  );
  if (nextStages.length === 0) return session.predict(prepared, options);
  const logits = await session.predictLogits(prepared, options);
  for (const next of nextStages) await writeForNextStage(job, caseId, logits, prepared, next);
  const exported = logitsToSegmentation({
    logits,
    shape: networkShape(prepared),
    properties: prepared.properties,
    plans: setup.plans,
    configuration: setup.configuration,
    labels: setup.dataset.labels,
    shouldReturnProbabilities: job.shouldSaveProbabilities,
  });
  return {
    ...exported,
    shape: permute(prepared.properties.shapeBeforeCropping, setup.plans.transposeBackward),
  };
}

function preparedCase(setup: FoldSetup, loaded: CaseOfStage): PreparedCase {
  const { channels, shape, image, properties, previousStage } = loaded;
  const whole = previousStage
    ? appendChannels(
        { data: image, channels, shape },
        oneHot(
          { data: Int16Array.from(previousStage), channels: 1, shape },
          0,
          foregroundLabels(setup.dataset.labels),
        ),
      )
    : { data: image, channels };
  return { data: whole.data, shape: [whole.channels, shape[0], shape[1], shape[2]], properties, seconds: 0 };
}

/**
 * The segmentation on the next stage's grid, as that stage's training reads it: `predicted_next_stage/<next>/<case>.npz`, or
 * `.b2nd` where its cases are in that format. Of the next stage nothing but its shape decides, as in nnU-Net. Cases that are not preprocessed for it are left out.
 *
 * Follows nnU-Net's `resample_and_save`.
 */
async function writeForNextStage(
  { setup, results }: ValidateFoldRequest,
  caseId: string,
  logits: Float32Array,
  prepared: PreparedCase,
  next: Configuration,
): Promise<void> {
  const { preprocessed } = setup.question;
  const files = await findCaseFiles(preprocessed, next, caseId);
  if (!files) return;
  const shape = await files.format.readShape(files.arrays);
  const { labels } = setup.dataset;
  const spacing = networkSpacing(setup.configuration, prepared.properties.spacingTransposed);
  const resampled = resampleData(logits, labels.outputChannels, {
    shape: networkShape(prepared),
    newShape: shape,
    spacing,
    newSpacing: spacing,
    resampling: setup.configuration.resamplingProbabilities,
  });
  const scores = resampled === logits ? logits.slice() : resampled;
  if (labels.hasRegions) sigmoidInPlace(scores);
  const seg = labelsFromScores(scores, labels);
  const content = await files.format.writeSegmentation(Uint8Array.from(seg), shape);
  await results.write(`predicted_next_stage/${next.name}/${caseId}${files.format.ending}`, content);
}

/** As the predictor names its files: probabilities and properties first, the segmentation last. */
async function writePrediction(
  { setup, results, shouldSaveProbabilities }: ValidateFoldRequest,
  below: string,
  caseId: string,
  { segmentation, shape, probabilities }: Predicted,
  reference: MedicalImage,
): Promise<void> {
  if (shouldSaveProbabilities && probabilities) {
    const classes = probabilities.length / elementCount(shape);
    const array = { shape: [classes, ...shape], data: probabilities };
    await results.write(`${below}/${caseId}.npz`, await writeNpz({ probabilities: array }));
    const properties = await setup.question.preprocessed.open(
      `${setup.configuration.dataIdentifier}/${caseId}.pkl`,
    );
    if (properties) await results.write(`${below}/${caseId}.pkl`, await properties.bytes());
  }
  const ending = setup.dataset.fileEnding;
  const [file, ...sideCars] = await writeCase(segmentation, shape, reference.geometry, { ending });
  for (const sideCar of sideCars) await results.write(`${below}/${caseId}${sideCar.ending}`, sideCar.content);
  await results.write(`${below}/${caseId}${ending}`, file.content);
}
