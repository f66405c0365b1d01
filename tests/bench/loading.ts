// Whether a GPU in training is kept waiting: the share of an epoch's time in which it has nothing to do because its next
// batch is not ready, with cases in memory and in files, augmented on this thread and on the GPU; and what making a batch
// takes by itself.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { openCaseInFiles, openCaseInMemory } from '@/app/train/foldCases';
import { TrainFoldLog } from '@/app/train/foldLog';
import { type FoldSetup, openFold } from '@/app/train/foldSetup';
import { networkOfFold, trainFold } from '@/app/train/trainFold';
import { openB2nd } from '@/core/io/blosc2/b2nd';
import { augmentBatch, BatchLoader, type BatchRecipe, type DrawnBatch } from '@/core/training/batchLoader';
import type { TrainingEpochReport } from '@/core/training/trainingRun';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { formatShape } from '@/shared/geometry';
import { formatBytes } from '@/shared/numeric';
import { integerBelow, keyedRandom, randomNormal } from '@/shared/random';
import { nodeDatasetFolder, nodeFile } from '@/storage/nodeFiles';
import { memoryFolder } from '../support/memoryFolder';
import { niftiFile } from '../support/nifti';
import { type DatasetContents, jsonBytes, TINY_JSON } from '../support/tinyDataset';
import { memoryCheckpoints, plainPlans, tinyPreprocessed, tinyTrainer } from '../support/tinyTraining';
import type { BenchOptions } from './bench';

/** x, y, z. */
const CASE = [128, 128, 96] as const;
const CASES = 5;
const ITERATIONS = 10;
const BATCHES = 10;
/** Of boxes out of a `.b2nd` file, voxels. */
const BOX_EDGE = 64;

const SETTINGS = [
  { patch: 48, features: [8, 16, 32], isLarge: false },
  { patch: 128, features: [32, 64, 128, 256, 320], isLarge: true },
];

export async function run({ isExhaustive }: BenchOptions): Promise<void> {
  const gpu = await openNodeGpu();
  gpu.close();
  console.log(
    `\nLoading in training; ${gpu.facts.description}; load of the machine ${loadavg()[0].toFixed(1)}`,
  );
  await measureBlosc2();
  for (const { patch, features, isLarge } of SETTINGS) {
    if (!isLarge || isExhaustive) await measure(patch, features);
  }
}

/** Unpacking of the largest golden `.b2nd` image, and patches cut out of it as a training cuts them. */
async function measureBlosc2(): Promise<void> {
  const golden = path.resolve(process.env.NNSTUDIO_GOLDEN ?? '../shared/golden', 'b2nd');
  const [largest] = (existsSync(golden) ? readdirSync(golden, { recursive: true, encoding: 'utf8' }) : [])
    .filter((name) => name.endsWith('.b2nd'))
    .sort((a, b) => statSync(path.join(golden, b)).size - statSync(path.join(golden, a)).size);
  if (largest === undefined) return;
  const file = await nodeFile(path.join(golden, largest));
  const array = await openB2nd(file);
  const timed = async (times: number, work: (i: number) => Promise<unknown>) => {
    await work(0);
    const started = performance.now();
    for (let i = 0; i < times; i++) await work(i);
    return (performance.now() - started) / times;
  };
  const whole = await timed(5, () => array.readAll());
  const size = array.shape.map((length, axis) => (axis === 0 ? length : Math.min(length, BOX_EDGE)));
  const random = keyedRandom(1);
  const starts = Array.from({ length: BATCHES }, () =>
    array.shape.map((length, axis) => integerBelow(random, length - size[axis] + 1)),
  );
  const box = await timed(BATCHES, (i) => array.readBox(starts[i], size));
  console.log(
    `  ${path.basename(largest)}, ${formatShape(array.shape)}, ${formatBytes(file.sizeInBytes)} of ${formatBytes(array.sizeInBytes)}: whole at ${(array.sizeInBytes / 1000 / whole).toFixed(0)} MB/s; a box of ${formatShape(size)} in ${box.toFixed(1)} ms`,
  );
}

async function measure(patch: number, features: readonly number[]): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  try {
    const preprocessed = nodeDatasetFolder(folder);
    await tinyPreprocessed(dataset(), preprocessed, plainPlans([patch, patch, patch], features));
    const setup = await openFold({
      preprocessed,
      plansName: 'nnUNetPlans',
      configurationName: '3d_fullres',
      fold: 0,
    });
    console.log(
      `  ${CASES} cases of ${formatShape([...CASE].reverse())}, patch ${formatShape(setup.configuration.patchSize)}, batch 2`,
    );
    await printBatchTimes(setup);
    for (const augmentsOn of ['cpu', 'gpu'] as const) {
      for (const place of ['memory', 'files'] as const) await printWait(setup, augmentsOn, place);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Noise with a ball of foreground. */
function dataset(): DatasetContents {
  const voxels = CASE[0] * CASE[1] * CASE[2];
  const labels = Uint8Array.from({ length: voxels }, (_, i) => {
    const at = [i % CASE[0], Math.floor(i / CASE[0]) % CASE[1], Math.floor(i / CASE[0] / CASE[1])];
    return Math.hypot(...at.map((place, axis) => place - CASE[axis] / 2)) < 20 ? 1 : 0;
  });
  const file = { dim: CASE, pixdim: [1, 1, 2] } as const;
  const json = { ...TINY_JSON, channel_names: { '0': 'MRI' }, numTraining: CASES };
  const contents: DatasetContents = new Map([['dataset.json', jsonBytes(json)]]);
  for (let i = 0; i < CASES; i++) {
    const values = randomNormal(voxels, i);
    contents.set(`imagesTr/case_${i}_0000.nii`, niftiFile({ ...file, type: 'float32', values }));
    contents.set(`labelsTr/case_${i}.nii`, niftiFile({ ...file, type: 'uint8', values: labels }));
  }
  return contents;
}

/** What a batch takes this thread, once the cases have been opened. */
async function printBatchTimes(setup: FoldSetup): Promise<void> {
  const { augmentation, batchSize } = networkOfFold(setup, tinyTrainer());
  const recipe: BatchRecipe = {
    seed: 1,
    batchSize,
    augmentation,
    oversampling: { kind: 'lastOfBatch' },
    caseIds: { training: setup.split.train, validation: setup.split.val },
  };
  for (const [place, openCase] of [
    ['memory', openCaseInMemory],
    ['files', openCaseInFiles],
  ] as const) {
    const loader = new BatchLoader({
      recipe,
      cacheBytes: 2e9,
      openCase: (caseId) => openCase(setup, caseId),
    });
    const draw = (index: number) => loader.draw({ kind: 'training', index });
    for (let i = 0; i < 3 * BATCHES; i++) await draw(i);
    const batches: DrawnBatch[] = [];
    const started = performance.now();
    for (let i = 0; i < BATCHES; i++) batches.push(await draw(i));
    const cut = performance.now();
    if (place === 'memory') for (const batch of batches) augmentBatch(batch, augmentation.training);
    const augmented = performance.now();
    const mean = (ms: number) => `${(ms / BATCHES).toFixed(1)} ms`;
    const more = place === 'memory' ? `, augmented on the CPU in ${mean(augmented - cut)}` : '';
    console.log(`  a batch out of ${place}: cut in ${mean(cut - started)}${more}`);
  }
}

async function printWait(
  setup: FoldSetup,
  augmentsOn: 'cpu' | 'gpu',
  place: 'memory' | 'files',
): Promise<void> {
  const epochs: TrainingEpochReport[] = [];
  const results = memoryFolder();
  const trainer = tinyTrainer('nnUNetTrainer', 2);
  await trainFold({
    setup,
    trainer: { ...trainer, schedule: { ...trainer.schedule, iterationsPerEpoch: ITERATIONS } },
    seed: 1,
    results,
    checkpoints: memoryCheckpoints(),
    log: new TrainFoldLog(results, setup),
    shouldContinue: false,
    hasCheckpoints: false,
    openGpu: openNodeGpu,
    augmentsOn,
    cacheBytes: place === 'memory' ? 2e9 : 1e6,
    onEpoch: (report) => epochs.push(report),
  });
  const [, { dataWaitShare, seconds }] = epochs;
  console.log(
    `  cases in ${place}, augmented on the ${augmentsOn.toUpperCase()}: the step waits ${(100 * dataWaitShare).toFixed(2)} % of the time; ${seconds.toFixed(1)} s for ${ITERATIONS} + 2 iterations`,
  );
}
