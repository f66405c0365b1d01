// Blosc2 arrays as nnU-Net preprocesses them: every array whole, boxes of it as slices, and an epoch trained from a
// preprocessed dataset as it lies there, whose patches are the same out of the files and out of memory.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openCaseInFiles, openCaseInMemory } from '@/app/train/foldCases';
import { TrainFoldLog } from '@/app/train/foldLog';
import { type FoldSetup, openFold } from '@/app/train/foldSetup';
import { trainFold } from '@/app/train/trainFold';
import { openB2nd } from '@/core/io/blosc2/b2nd';
import { readPlans } from '@/core/planning/readPlans';
import { trainerNamed } from '@/core/training/trainers';
import type { TrainingEpochReport } from '@/core/training/trainingRun';
import { openNodeGpu } from '@/gpu/nodeGpu';
import { elementCount, type Zyx } from '@/shared/geometry';
import { integerBelow, keyedRandom } from '@/shared/random';
import { nodeDatasetFolder, nodeFile } from '@/storage/nodeFiles';
import { countDifferent, exactOutcome, type Outcome, summarise } from '../support/golden';
import { memoryFolder } from '../support/memoryFolder';
import { memoryCheckpoints } from '../support/tinyTraining';
import type { RunTopic } from './topic';

interface Row {
  readonly file: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly sha256: string;
}

const TYPES: Readonly<Record<string, string>> = { float32: 'f4', int16: 'i2', int8: 'i1' };
const BOXES = 5;
const PATCHES = 10;
const SCHEDULE = { epochs: 1, iterationsPerEpoch: 2, validationIterationsPerEpoch: 1 };

/** A sample trains from the first configuration alone. */
export const run: RunTopic = async (goldenFolder, print, scope = 'all') => {
  const root = path.join(goldenFolder, 'b2nd');
  if (!existsSync(root)) return summarise('b2nd', {});
  const rows: readonly Row[] = JSON.parse(readFileSync(path.join(root, 'arrays.json'), 'utf8'));
  const arrays: Outcome[] = [];
  const boxes: Outcome[] = [];
  for (const row of rows) {
    const { whole, slices } = await compareArray(root, row);
    arrays.push(whole);
    boxes.push(slices);
  }
  const patches: Outcome[] = [];
  const epochs: Outcome[] = [];
  for (const dataset of readdirSync(root).filter((name) =>
    existsSync(path.join(root, name, 'dataset.json')),
  )) {
    const plans = readdirSync(path.join(root, dataset)).find((name) => /Plans\.json$/.test(name)) ?? '';
    const text = readFileSync(path.join(root, dataset, plans), 'utf8');
    const configurations = Object.keys(readPlans(text, plans).configurations);
    for (const configuration of scope === 'all' ? configurations : configurations.slice(0, 1)) {
      const question = {
        preprocessed: nodeDatasetFolder(path.join(root, dataset)),
        plansName: path.parse(plans).name,
        configurationName: configuration,
        fold: 'all',
      } as const;
      const setup = await openFold(question);
      const name = `${dataset} ${configuration}`;
      for (const caseId of setup.caseIds) patches.push(await comparePatches(setup, caseId, name));
      epochs.push(await trainEpoch(setup, name, print));
    }
  }
  return summarise('b2nd', {
    arrays,
    'boxes of them': boxes,
    'cases whose patches are slices': patches,
    'epochs trained': epochs,
  });
};

async function compareArray(root: string, { file, shape, dtype, sha256 }: Row) {
  const array = await openB2nd(await nodeFile(path.join(root, file), file));
  const data = await array.readAll();
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const hash = createHash('sha256').update(bytes).digest('hex');
  const isSame = hash === sha256 && `${array.shape}` === `${shape}` && array.dtype === TYPES[dtype];
  let isSlice = true;
  const random = keyedRandom(1);
  for (let i = 0; i < BOXES; i++) {
    const start = shape.map((size) => integerBelow(random, size));
    const size = shape.map((length, axis) => 1 + integerBelow(random, length - start[axis]));
    const box = await array.readBox(start, size);
    isSlice &&= box.every((value, at) => value === data[placeInWhole(at, shape, start, size)]);
  }
  return { whole: exactOutcome(file, isSame), slices: exactOutcome(file, isSlice) };
}

function placeInWhole(
  at: number,
  shape: readonly number[],
  start: readonly number[],
  size: readonly number[],
): number {
  let rest = at;
  const place = size.map((_, axis) => {
    const stride = elementCount(size.slice(axis + 1));
    const index = Math.floor(rest / stride);
    rest -= index * stride;
    return index + start[axis];
  });
  return place.reduce((index, position, axis) => index * shape[axis] + position, 0);
}

/** Right if its losses are numbers. */
async function trainEpoch(setup: FoldSetup, name: string, print: (line: string) => void): Promise<Outcome> {
  const epochs: TrainingEpochReport[] = [];
  const results = memoryFolder();
  await trainFold({
    setup,
    trainer: { ...trainerNamed('nnUNetTrainer'), schedule: SCHEDULE },
    // Too little for any case, so that patches are cut out of the files.
    cacheBytes: 1,
    seed: 1,
    results,
    checkpoints: memoryCheckpoints(),
    log: new TrainFoldLog(results, setup),
    shouldContinue: false,
    hasCheckpoints: false,
    openGpu: openNodeGpu,
    onEpoch: (report) => epochs.push(report),
  });
  const [{ trainLoss, valLoss }] = epochs;
  print(
    `${name}: ${setup.caseIds.length} cases, ${SCHEDULE.iterationsPerEpoch} iterations, training loss ${trainLoss.toFixed(4)}, validation loss ${valLoss.toFixed(4)}`,
  );
  return exactOutcome(name, Number.isFinite(trainLoss) && Number.isFinite(valLoss));
}

/** Patches cut out of the files, beside those cut out of the case in memory; some reach beyond its border. */
async function comparePatches(setup: FoldSetup, caseId: string, name: string): Promise<Outcome> {
  const [files, memory] = [await openCaseInFiles(setup, caseId), await openCaseInMemory(setup, caseId)];
  const random = keyedRandom(2);
  let isSame = true;
  for (let i = 0; i < PATCHES; i++) {
    const axis = (d: 0 | 1 | 2) => integerBelow(random, files.shape[d] + 20) - 20;
    const start: Zyx = [axis(0), axis(1), axis(2)];
    const size: Zyx = [
      1 + integerBelow(random, 40),
      1 + integerBelow(random, 40),
      1 + integerBelow(random, 40),
    ];
    const [a, b] = [await files.cut(start, size), await memory.cut(start, size)];
    isSame &&=
      countDifferent(a.image.data, b.image.data) === 0 && countDifferent(a.labels.data, b.labels.data) === 0;
  }
  return exactOutcome(`${name} ${caseId}`, isSame);
}
