// What of the browser's storage is taken by what.
import { PROBABILITIES_FILE, SEGMENTATION_FILE } from '@/storage/caseRecord';
import { checkpointUsage } from '@/storage/checkpointStoreRecords';
import type { ModelRecord } from '@/storage/modelLibrary';
import type { RecordStore } from '@/storage/recordStore';
import { RESULTS_FOLDER } from '@/workers/choose/api';
import { EVALUATIONS_FOLDER } from '@/workers/evaluate/api';
import { RUNS_FOLDER } from '@/workers/train/api';

export interface StoragePart {
  readonly title: string;
  /** One sentence of what is in it. */
  readonly meaning: string;
  readonly bytes: number;
}

/** A file in the browser's own file system. */
interface StoredFile {
  /** `cases/<id>/<name>` */
  readonly path: string;
  readonly sizeInBytes: number;
}

interface Options {
  readonly files: () => Promise<readonly StoredFile[]>;
  readonly models: RecordStore;
  readonly checkpoints: RecordStore;
}

const RESULT_FILES: readonly string[] = [SEGMENTATION_FILE, PROBABILITIES_FILE];

/** By the first folder of a file, but for results of cases. */
const FOLDERS: Readonly<Record<string, readonly [title: string, meaning: string]>> = {
  cases: ['Images of cases', 'As they were given under Segment'],
  datasets: ['Datasets', 'Images, label maps and what is preprocessed for training'],
  [RUNS_FOLDER]: ['Results of trainings', 'Logs, validation and live segmentations of runs'],
  [EVALUATIONS_FOLDER]: ['Evaluations', 'Copies of the predictions, references and images that are compared'],
  [RESULTS_FOLDER]: ['Best configurations', 'Results of cross-validation, gathered and post-processed'],
  exports: ['Files being saved', 'Removed an hour after they were saved'],
};
const CASE_RESULTS = [
  'Segmentations of cases',
  'Results under Segment, with probabilities where kept',
] as const;

/**
 * All parts, in the order in which they are shown; the last one is what is left of `usedBytes`. They add up to
 * `usedBytes`, or to more where the browser's own figure lags behind.
 */
export async function storageParts(
  usedBytes: number,
  { files, models, checkpoints }: Options,
): Promise<readonly StoragePart[]> {
  const [stored, weights, runs] = await Promise.all([
    files(),
    sizeOfModels(models),
    checkpointUsage({ records: checkpoints }),
  ]);
  const sizes = new Map<string, number>();
  for (const { path, sizeInBytes } of stored) {
    const [folder] = path.split('/');
    const isResult = folder === 'cases' && RESULT_FILES.includes(path.slice(path.lastIndexOf('/') + 1));
    const key = isResult ? 'results of cases' : folder;
    sizes.set(key, (sizes.get(key) ?? 0) + sizeInBytes);
  }
  const inFolders = Object.entries(FOLDERS).flatMap(([folder, [title, meaning]]) => {
    const part = { title, meaning, bytes: sizes.get(folder) ?? 0 };
    if (folder !== 'cases') return [part];
    const [resultTitle, resultMeaning] = CASE_RESULTS;
    return [part, { title: resultTitle, meaning: resultMeaning, bytes: sizes.get('results of cases') ?? 0 }];
  });
  const listed: readonly StoragePart[] = [
    { title: 'Weights of models', meaning: 'Of all models in the library', bytes: weights },
    ...inFolders,
    {
      title: 'Checkpoints of trainings',
      meaning: 'From which runs go on; they go with their run',
      bytes: runs.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0),
    },
  ];
  const known = listed.reduce((sum, { bytes }) => sum + bytes, 0);
  const other = {
    title: 'Other',
    meaning: 'Lists, thumbnails, measured kernels, and what the browser itself adds',
    bytes: Math.max(0, usedBytes - known),
  };
  return [...listed, other];
}

async function sizeOfModels(models: RecordStore): Promise<number> {
  const found = await Promise.all((await models.keys()).map((key) => models.get<ModelRecord>(key)));
  return found.reduce((sum, model) => sum + (model?.sizeInBytes ?? 0), 0);
}
