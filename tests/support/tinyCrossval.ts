// Models with validated folds in memory, made by hand: what evaluation, ensembles and the choice between them work on.
import type { CandidateModel, FindBestConfigurationRequest } from '@/app/choose/findBestConfiguration';
import { writeNpz } from '@/core/io/npy';
import { type PlacedFolder, placedSubfolder } from '@/storage/folderViews';
import { memoryFolder } from './memoryFolder';
import { niftiFile } from './nifti';

/** x, y, z. */
const DIM = [8, 5, 3] as const;
const CROSSVAL_VOXELS = DIM[0] * DIM[1] * DIM[2];
export const CROSSVAL_CASES = ['case_a', 'case_b', 'case_c', 'case_d'] as const;

export type Voxels = readonly number[];

/** A label map that is 0 but for the given boxes, `[x0, x1, label]` over all y and z. */
export function columns(...boxes: readonly (readonly [number, number, number])[]): Voxels {
  return Array.from({ length: CROSSVAL_VOXELS }, (_, i) => {
    const x = i % DIM[0];
    return boxes.reduce((label, [start, end, value]) => (x >= start && x < end ? value : label), 0);
  });
}

/** The truth of every case: label 1 left, label 2 right of it. */
export const TRUTH = columns([0, 3, 1], [4, 6, 2]);

export function labelFile(values: Voxels, change: Partial<Parameters<typeof niftiFile>[0]> = {}): Uint8Array {
  return niftiFile({ dim: DIM, type: 'uint8', pixdim: [1, 1, 2], values, ...change });
}

/** Probabilities that put `confidence` on each voxel's label, and the rest evenly on the others. */
export async function probabilityFile(
  labels: Voxels,
  confidence: number | Voxels,
  channels = 3,
): Promise<Uint8Array> {
  const data = new Float32Array(channels * labels.length);
  for (let c = 0; c < channels; c++) {
    labels.forEach((label, i) => {
      const own = typeof confidence === 'number' ? confidence : confidence[i];
      data[c * labels.length + i] = label === c ? own : (1 - own) / (channels - 1);
    });
  }
  const shape = [channels, DIM[2], DIM[1], DIM[0]];
  return writeNpz({ probabilities: { shape, data } });
}

export const CROSSVAL_JSON = {
  channel_names: { '0': 'CT' },
  labels: { background: 0, organ: 1, lesion: 2 },
  numTraining: CROSSVAL_CASES.length,
  file_ending: '.nii.gz',
};

/** Only what evaluation asks of plans. */
export const CROSSVAL_PLANS = {
  plans_name: 'nnUNetPlans',
  image_reader_writer: 'SimpleITKIO',
  configurations: {},
};

export interface TinyModel {
  readonly configuration: string;
  /** Of every case, or by case. */
  readonly prediction: Voxels | ((caseId: string) => Voxels);
  /** Of its probabilities, by voxel; without it there are none. */
  readonly confidence?: number | Voxels;
  /** Cases by fold; two folds of two unless given. */
  readonly folds?: Readonly<Record<string, readonly string[]>>;
}

const TWO_FOLDS = { '0': ['case_a', 'case_b'], '1': ['case_c', 'case_d'] };

export interface TinyCrossval {
  /** All that the dataset's results hold, by path. */
  readonly results: PlacedFolder<ReturnType<typeof memoryFolder>>;
  readonly references: PlacedFolder<ReturnType<typeof memoryFolder>>;
  readonly candidates: readonly CandidateModel[];
  readonly job: FindBestConfigurationRequest;
}

/** References, and models with what they predicted in their folds. */
export async function tinyCrossval(models: readonly TinyModel[]): Promise<TinyCrossval> {
  const results = { folder: memoryFolder(), location: 'nnUNet_results/Dataset007_Tiny' };
  const references = {
    folder: memoryFolder(),
    location: 'nnUNet_preprocessed/Dataset007_Tiny/gt_segmentations',
  };
  for (const caseId of CROSSVAL_CASES) await references.folder.write(`${caseId}.nii.gz`, labelFile(TRUTH));
  const candidates: CandidateModel[] = [];
  for (const model of models) {
    const { configuration } = model;
    const name = `nnUNetTrainer__nnUNetPlans__${configuration}`;
    const folder = placedSubfolder(results, name);
    await writeModel(folder, model);
    candidates.push({ trainer: 'nnUNetTrainer', plans: 'nnUNetPlans', configuration, folder });
  }
  const job = {
    datasetName: 'Dataset007_Tiny',
    candidates,
    folds: [0, 1],
    references,
    preprocessedReferences: references,
    results,
    isEnsemblingAllowed: true,
    shouldOverwrite: true,
    processes: 8,
  };
  return { results, references, candidates, job };
}

async function writeModel(
  { folder }: PlacedFolder,
  { prediction, confidence, folds = TWO_FOLDS }: TinyModel,
): Promise<void> {
  await folder.write('dataset.json', JSON.stringify(CROSSVAL_JSON));
  await folder.write('plans.json', JSON.stringify(CROSSVAL_PLANS));
  for (const [fold, caseIds] of Object.entries(folds)) {
    for (const caseId of caseIds) {
      const labels = typeof prediction === 'function' ? prediction(caseId) : prediction;
      const path = `fold_${fold}/validation/${caseId}`;
      await folder.write(`${path}.nii.gz`, labelFile(labels));
      if (confidence !== undefined)
        await folder.write(`${path}.npz`, await probabilityFile(labels, confidence));
    }
  }
}

/** `Name: message` of what a promise rejects with; an error where it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    () => 'it resolved',
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error(`expected a failure, but ${outcome}`);
  return `${outcome.name}: ${outcome.message}`;
}
