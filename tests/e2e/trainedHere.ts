// Validated trainings as they lie in the browser once they are done, put there without the hours.
import type { Page } from '@playwright/test';
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { DATABASES } from '@/storage/browserRecords';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { RUNS_FOLDER } from '@/workers/train/api';
import { CROSSVAL_CASES, type TinyModel, tinyCrossval } from '../support/tinyCrossval';
import { importFiles, keepRecords, type StoredFile } from './browserContents';

const FOLDS = [0, 1] as const;

/** Two validated folds of each model, with their references; the page finds them when it is loaded again. */
export async function keepTrainings(
  page: Page,
  datasetName: string,
  models: readonly TinyModel[],
): Promise<void> {
  const { results, references } = await tinyCrossval(models);
  const base64 = (content: Uint8Array) => Buffer.from(content).toString('base64');
  const runs: TrainingRecord[] = [];
  const files: StoredFile[] = Array.from(references.folder.contents, ([name, content]) => ({
    path: `datasets/${datasetName}/preprocessed/gt_segmentations/${name}`,
    base64: base64(content),
  }));
  for (const { configuration } of models) {
    const root = `nnUNetTrainer__nnUNetPlans__${configuration}/`;
    for (const fold of FOLDS) {
      const run = validatedRun(datasetName, configuration, fold, runs.length + 1);
      runs.push(run);
      for (const [path, content] of results.folder.contents) {
        const below = path.slice(root.length);
        const isOwn = path.startsWith(root) && (!below.includes('/') || below.startsWith(`fold_${fold}/`));
        if (!isOwn) continue;
        files.push({ path: `${RUNS_FOLDER}/${run.order.runId}/${below}`, base64: base64(content) });
      }
    }
  }
  await keepRecords(
    page,
    DATABASES.trainings,
    runs.map((run) => [run.id, run]),
  );
  await keepRecords(page, DATABASES.datasets, [[datasetName, preparedDataset(datasetName)]]);
  await importFiles(page, files);
  await page.reload();
}

function validatedRun(
  datasetName: string,
  configurationName: string,
  fold: number,
  number: number,
): TrainingRecord {
  return {
    id: `run-${number}`,
    order: {
      runId: `run-${number}-files`,
      datasetName,
      plansName: 'nnUNetPlans',
      configurationName,
      fold,
      trainerName: 'nnUNetTrainer',
      schedule: { epochs: 1, iterationsPerEpoch: 1, validationIterationsPerEpoch: 1 },
      seed: 0,
      storage: 'f32',
      augmentsOn: 'cpu',
    },
    createdAt: number,
    state: { status: 'done' },
    epochs: [],
    start: undefined,
    isTrained: true,
    validation: { meanDice: 0.75, cases: [] },
    modelId: undefined,
  };
}

function preparedDataset(name: string): DatasetRecord {
  return {
    name,
    title: name,
    kind: 'raw',
    addedAt: 1,
    caseCount: CROSSVAL_CASES.length,
    numTraining: CROSSVAL_CASES.length,
    channelNames: ['CT'],
    labels: [],
    ignoreLabel: undefined,
    fileEnding: '.nii.gz',
    rawBytes: 0,
    check: undefined,
    hasFingerprint: true,
    plans: ['nnUNetPlans'],
    preprocessed: [],
    preprocessedBytes: 0,
    tasks: [],
  };
}
