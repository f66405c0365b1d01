// A dataset of 117 labels, a model and a training of it: as many as whole-body models have, one with a very long name.
import type { TrainingRecord } from '@/app/train/trainingRecord';
import { newGeometry, writeVolume } from '@/core/io/niftiWriter';
import { writeCase } from '@/core/io/readers';
import { elementCount, type Zyx } from '@/shared/geometry';
import { type CaseRecord, type PredictRequest, SEGMENTATION_FILE } from '@/storage/caseRecord';
import { plansJson, TINY_CONFIGURATION } from '../support/modelFolder';
import type { StoredFile } from './browserContents';
import type { Workbench } from './files';

export const DATASET = 'Dataset117_Body';
const LABELS = 117;
const LONG_NAME = 'iliopsoas_and_quadratus_lumborum_muscles_of_the_left_side_without_their_tendons';

/** z, y, x: room for 117 blocks. */
const SHAPE: Zyx = [12, 24, 28];
const BLOCK = 3;
export const CASES = ['body_001', 'body_002', 'body_003', 'body_004', 'body_005'];

/** `background`, `structure_001` …; the second one's name is very long. */
const LABEL_NAMES = Array.from({ length: LABELS + 1 }, (_, value) =>
  value === 0 ? 'background' : value === 2 ? LONG_NAME : `structure_${String(value).padStart(3, '0')}`,
);

const DATASET_JSON = {
  channel_names: { '0': 'CT' },
  labels: Object.fromEntries(LABEL_NAMES.map((name, value) => [name, value])),
  numTraining: CASES.length,
  file_ending: '.nii.gz',
};

/** Label of each voxel: blocks in rows; `missing` of them are left out. */
function labelMap(missing: ReadonlySet<number> = new Set()): Uint8Array {
  const [depth, height, width] = SHAPE;
  const map = new Uint8Array(elementCount(SHAPE));
  const [rows, columns] = [Math.floor(height / BLOCK), Math.floor(width / BLOCK)];
  for (let z = 0, i = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const [layer, row, column] = [z, y, x].map((at) => Math.floor(at / BLOCK));
        const value = layer * rows * columns + row * columns + column + 1;
        const isInside = row < rows && column < columns && value <= LABELS && !missing.has(value);
        map[i] = isInside && y % BLOCK > 0 && x % BLOCK > 0 ? value : 0;
      }
    }
  }
  return map;
}

const GEOMETRY = newGeometry(SHAPE, [2, 1, 1]);

async function labelFile(map: Uint8Array): Promise<Uint8Array> {
  const [{ content }] = await writeCase(map, SHAPE, GEOMETRY, { ending: '.nii.gz' });
  return content;
}

function imageFile(seed: number): Promise<Uint8Array> {
  return writeVolume(
    Float32Array.from(labelMap(), (label, i) => (label * 7 + seed * 13 + i * 31) % 300),
    SHAPE,
    GEOMETRY,
  );
}

/** The raw dataset on disk; returns its folder. */
export async function writeDataset(bench: Workbench): Promise<string> {
  const labels = await labelFile(labelMap());
  for (const [i, caseId] of CASES.entries()) {
    bench.write(`${DATASET}/imagesTr/${caseId}_0000.nii.gz`, await imageFile(i));
    bench.write(`${DATASET}/labelsTr/${caseId}.nii.gz`, labels);
  }
  bench.write(`${DATASET}/dataset.json`, JSON.stringify(DATASET_JSON));
  return `${bench.folder}/${DATASET}`;
}

/** Two cases with a third label map of another size; returns its folder. */
export async function writeBrokenDataset(bench: Workbench): Promise<string> {
  const folder = 'Dataset118_Broken';
  for (const [i, caseId] of CASES.slice(0, 2).entries()) {
    bench.write(`${folder}/imagesTr/${caseId}_0000.nii.gz`, await imageFile(i));
    bench.write(`${folder}/labelsTr/${caseId}.nii.gz`, await labelFile(labelMap()));
  }
  const [{ content }] = await writeCase(new Uint8Array(8), [2, 2, 2], newGeometry([2, 2, 2], [1, 1, 1]), {
    ending: '.nii.gz',
  });
  bench.write(`${folder}/labelsTr/${CASES[1]}.nii.gz`, content);
  bench.write(`${folder}/dataset.json`, JSON.stringify({ ...DATASET_JSON, numTraining: 2 }));
  return `${bench.folder}/${folder}`;
}

export function writeModel(bench: Workbench, name = 'body.zip'): Promise<string> {
  return bench.writeModelZip(name, { dataset: DATASET_JSON, plans: MODEL_PLANS });
}

const MODEL_PLANS = { ...plansJson({ '3d_fullres': TINY_CONFIGURATION }), dataset_name: DATASET };

/** Three of eight epochs are done, then it was stopped; a validation was made with what there was. */
export function stoppedRun(): TrainingRecord {
  const names = LABEL_NAMES.slice(1);
  const epochs = [0.2, 0.5, 0.4].map((dice, epoch) => ({
    epoch,
    epochs: 8,
    learningRate: 0.01 * (1 - epoch / 8) ** 0.9,
    trainLoss: -dice,
    valLoss: -dice + 0.1,
    dicePerClassOrRegion: names.map((_, i) => (dice * (i + 40)) / 160),
    meanFgDice: dice,
    emaFgDice: [0.2, 0.23, 0.247][epoch],
    isBest: epoch < 3,
    seconds: 12 + epoch,
    dataWaitShare: 0.02,
  }));
  return {
    id: 'run-1',
    order: {
      runId: RUN_FILES,
      datasetName: DATASET,
      plansName: 'nnUNetPlans',
      configurationName: '3d_fullres',
      fold: 0,
      trainerName: 'nnUNetTrainer_8epochs',
      schedule: { epochs: 8, iterationsPerEpoch: 10, validationIterationsPerEpoch: 2 },
      seed: 0,
      storage: 'f32',
      augmentsOn: 'cpu',
    },
    createdAt: 1,
    state: { status: 'stopped' },
    epochs,
    start: {
      epoch: 0,
      schedule: { epochs: 8, iterationsPerEpoch: 10, validationIterationsPerEpoch: 2 },
      batchSize: 2,
      patchSize: [12, 24, 28],
      trainingCases: CASES.slice(1),
      validationCases: CASES.slice(0, 1),
      classNames: names,
      allocatedBytes: 12e6,
      flopsPerIteration: 1e9,
      adapter: 'a GPU',
      isSoftware: false,
      restarts: 0,
    },
    isTrained: false,
    validation: {
      meanDice: 0.4,
      cases: CASES.slice(0, 2).map((caseId, c) => ({
        caseId,
        dice: new Map(names.map((_, i) => [`${i + 1}`, (i + c) / 130])),
      })),
    },
    modelId: undefined,
  };
}

const RUN_FILES = 'run-1-files';

/** The predictions of the run's validation, as they lie in the browser. */
export async function runFiles(folder: string): Promise<readonly StoredFile[]> {
  const content = await labelFile(labelMap(new Set([5, 6])));
  return CASES.slice(0, 2).map((caseId) => ({
    path: `${folder}/${RUN_FILES}/fold_0/validation/${caseId}.nii.gz`,
    base64: Buffer.from(content).toString('base64'),
  }));
}

export const JOB: PredictRequest = {
  modelId: 'gone',
  modelName: `${DATASET} · 3d_fullres`,
  settings: {
    folds: ['0'],
    tileStepSize: 0.5,
    useGaussian: true,
    useMirroring: false,
    saveProbabilities: false,
  },
};

const CASE_ID = 'segmented-case';

/** A case of Segment with its result, and its files. */
export async function segmentedCase(): Promise<{ record: CaseRecord; files: readonly StoredFile[] }> {
  const [image, map] = [await imageFile(0), labelMap(new Set([5, 6]))];
  const job = JOB;
  const voxels = new Map<number, number>();
  for (const value of map) voxels.set(value, (voxels.get(value) ?? 0) + 1);
  const labels = LABEL_NAMES.map((name, value) => ({ value, name, voxels: voxels.get(value) ?? 0 })).slice(1);
  const record: CaseRecord = {
    id: CASE_ID,
    caseId: CASES[0],
    files: [`${CASES[0]}_0000.nii.gz`],
    image: {
      channels: 1,
      shape: SHAPE,
      spacing: [2, 1, 1],
      orientation: 'RAS',
      voxelType: 'float32',
      sizeInBytes: image.length,
    },
    addedAt: 1,
    run: { status: 'done', job },
    result: {
      job,
      labels,
      hasProbabilities: false,
      seconds: 3,
      secondsByStage: { network: 2 },
      memory: { plannedBytes: 1e7, peakBytes: 1e7 },
      warnings: [],
      restarts: 0,
      finishedAt: 2,
    },
  };
  const kept = (name: string, content: Uint8Array) => ({
    path: `cases/${CASE_ID}/${name}`,
    base64: Buffer.from(content).toString('base64'),
  });
  return { record, files: [kept(record.files[0], image), kept(SEGMENTATION_FILE, await labelFile(map))] };
}

/** Predictions that miss two labels, and references, in two folders on disk. */
export async function writeEvaluation(bench: Workbench): Promise<void> {
  const [whole, partial] = [await labelFile(labelMap()), await labelFile(labelMap(new Set([5, 6])))];
  for (const caseId of CASES.slice(0, 3)) {
    bench.write(`predicted/${caseId}.nii.gz`, partial);
    bench.write(`references/${caseId}.nii.gz`, whole);
  }
  bench.write('references/dataset.json', JSON.stringify(DATASET_JSON));
}
