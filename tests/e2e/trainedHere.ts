// Validated trainings as they lie in the browser once they are done, put there without the hours.
import type { Page } from '@playwright/test';
import type { TrainingRun } from '@/app/trainRuns';
import { DATABASES } from '@/storage/browserRecords';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { RUNS_FOLDER } from '@/workers/trainApi';
import { CROSSVAL_CASES, type TinyModel, tinyCrossval } from '../support/tinyCrossval';

interface StoredFile {
  /** Below the origin's private file system. */
  readonly path: string;
  readonly base64: string;
}

const FOLDS = [0, 1] as const;

/** Two validated folds of each model, with their references; the page finds them when it is loaded again. */
export async function keepTrainings(
  page: Page,
  datasetName: string,
  models: readonly TinyModel[],
): Promise<void> {
  const { results, references } = await tinyCrossval(models);
  const base64 = (content: Uint8Array) => Buffer.from(content).toString('base64');
  const runs: TrainingRun[] = [];
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
  await keepFiles(page, files);
  await page.reload();
}

function validatedRun(
  datasetName: string,
  configurationName: string,
  fold: number,
  number: number,
): TrainingRun {
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

type KeyedRecord = readonly [key: string, record: unknown];

async function keepRecords(page: Page, databaseName: string, records: readonly KeyedRecord[]): Promise<void> {
  await page.evaluate(
    async ([name, keyed]) => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
      });
      const writing = database.transaction('values', 'readwrite');
      for (const [key, record] of keyed) writing.objectStore('values').put(record, key);
      await new Promise((resolve) => {
        writing.oncomplete = resolve;
      });
      database.close();
    },
    [databaseName, [...records]] as const,
  );
}

async function keepFiles(page: Page, files: readonly StoredFile[]): Promise<void> {
  await page.evaluate(async (all) => {
    for (const { path, base64 } of all) {
      const parts = path.split('/');
      let folder = await navigator.storage.getDirectory();
      for (const name of parts.slice(0, -1)) folder = await folder.getDirectoryHandle(name, { create: true });
      const handle = await folder.getFileHandle(parts[parts.length - 1], { create: true });
      const writable = await handle.createWritable();
      await writable.write(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
      await writable.close();
    }
  }, files);
}
