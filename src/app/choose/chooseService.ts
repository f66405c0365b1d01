// Choosing the best configuration of a dataset: what the worker does, over whatever folders it is given.

import { evaluationLabels } from '@/app/evaluate/evaluationSources';
import { neededFile } from '@/app/files/labelMapFiles';
import { inferenceInformationJson, modelIdentifier } from '@/core/evaluation/inferenceInstructions';
import { NNUNET_FILES } from '@/core/interop/nnunetFiles';
import { readDatasetJson } from '@/core/interop/readDatasetJson';
import { readText } from '@/core/io/sourceFile';
import type { ChoiceRecord } from '@/storage/choiceRecord';
import type { DatasetFolder, DatasetFolderStore, FolderStore } from '@/storage/datasetFolder';
import { joinedFolder, type PlacedFolder, type ReadFolder, subfolder } from '@/storage/folderViews';
import type { CandidateFold, ChooseApi, ChooseRequest, FoldFiles } from '@/workers/choose/api';
import {
  type BestConfiguration,
  type CandidateScore,
  type FindBestProgress,
  findBestConfiguration,
} from './findBestConfiguration';

export interface ChooseServiceOptions {
  readonly datasets: DatasetFolderStore;
  readonly runs: FolderStore;
  /** Where outcomes go, a folder a dataset. */
  readonly results: FolderStore;
}

/** What the instructions give `-np`: nnU-Net's own default. */
const PROCESSES = 8;

export function createChooseService({ datasets, runs, results }: ChooseServiceOptions): ChooseApi {
  let controller = new AbortController();

  /** The folds of a candidate, each in its run's folder, as one folder of results. */
  function modelFolder(folds: readonly CandidateFold[]): DatasetFolder {
    const parts = folds.map(({ fold, runId }) => [`fold_${fold}`, runs.folder(runId)] as const);
    return joinedFolder(runs.folder(folds[0].runId), Object.fromEntries(parts));
  }

  async function references(datasetName: string): Promise<PlacedFolder<ReadFolder>> {
    const folder = subfolder(datasets.folder(datasetName, 'raw'), 'labelsTr');
    if ((await folder.list('')).length === 0) return preprocessedReferences(datasetName);
    return { folder, location: `nnUNet_raw/${datasetName}/labelsTr` };
  }

  function preprocessedReferences(datasetName: string): PlacedFolder<ReadFolder> {
    const folder = subfolder(datasets.folder(datasetName, 'preprocessed'), 'gt_segmentations');
    return { folder, location: `nnUNet_preprocessed/${datasetName}/gt_segmentations` };
  }

  return {
    survey: (folds) => Promise.all(folds.map((fold) => surveyFold(runs, fold))),

    async findBest(order, onProgress) {
      controller = new AbortController();
      const { datasetName, folds, isEnsemblingAllowed } = order;
      const location = `nnUNet_results/${datasetName}`;
      const candidates = order.candidates.map((candidate) => ({
        ...candidate,
        folder: {
          folder: modelFolder(candidate.folds.filter(({ fold }) => folds.includes(fold))),
          location: `${location}/${modelIdentifier(candidate)}`,
        },
      }));
      const best = await findBestConfiguration({
        datasetName,
        candidates,
        folds,
        references: await references(datasetName),
        preprocessedReferences: preprocessedReferences(datasetName),
        results: { folder: results.folder(datasetName), location },
        isEnsemblingAllowed,
        shouldOverwrite: true,
        processes: PROCESSES,
        signal: controller.signal,
        onProgress: progressOf(order, onProgress),
      });
      const dataset = await neededFile(candidates[0].folder.folder, NNUNET_FILES.dataset);
      const { labels } = readDatasetJson(await readText(dataset), dataset.path);
      return recordOf(best, evaluationLabels(labels), order);
    },

    cancel: () => controller.abort(new DOMException('The choice was cancelled.', 'AbortError')),
  };
}

async function surveyFold(runs: FolderStore, { fold, runId }: CandidateFold): Promise<FoldFiles> {
  const names = await runs.folder(runId).list(`fold_${fold}/validation`);
  const withProbabilities = names.filter((name) => name.endsWith('.npz')).length;
  const cases = names.filter((name) => !/\.(npz|pkl|json)$/.test(name)).length;
  return { runId, cases, withProbabilities };
}

/**
 * Candidates, their pairs and postprocessing take a part of the bar each. Postprocessing goes over the cases again for
 * each step that it tries, and takes half of what is left of its part each time.
 */
function progressOf(
  { candidates, isEnsemblingAllowed }: ChooseRequest,
  tell: Parameters<ChooseApi['findBest']>[1],
): (progress: FindBestProgress) => void {
  const pairs = isEnsemblingAllowed ? (candidates.length * (candidates.length - 1)) / 2 : 0;
  const parts = candidates.length + pairs + 1;
  let [part, key, round, last] = [-1, '', 0, 0];
  return ({ stage, name, done, total }) => {
    if (key !== `${stage} ${name}`) {
      key = `${stage} ${name}`;
      part++;
      round = 0;
    } else if (done < last) round++;
    last = done;
    const left = 2 ** -round;
    const share = stage === 'postprocessing' ? 1 - left + (left / 2) * (done / total) : done / total;
    tell({ stage, name, share: (part + share) / parts });
  };
}

function recordOf(
  { scores, best, postprocessing, information, instructions }: BestConfiguration,
  labels: ChoiceRecord['labels'],
  { datasetName, folds }: ChooseRequest,
): ChoiceRecord {
  const { steps, trials, after } = postprocessing;
  return {
    datasetName,
    foundAt: Date.now(),
    folds,
    labels,
    scores: scores.map(scoreOf),
    best: best.name,
    postprocessing: { steps, trials, diceAfter: after.foregroundMean.Dice },
    instructions,
    information: inferenceInformationJson(information),
  };
}

function scoreOf({ name, models, summary }: CandidateScore): ChoiceRecord['scores'][number] {
  return {
    name,
    models,
    meanDice: summary.foregroundMean.Dice,
    labelDice: summary.mean.map(({ Dice }) => Dice),
    cases: summary.cases.length,
  };
}
