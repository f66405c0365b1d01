// One fold trained by `nnstudio train` and by the studio's training service, from the same preprocessed dataset with the
// same seed: the command and the studio leave the same files, byte for byte.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { nodeProgressPicture } from '@/app/train/nodeProgressPicture';
import { createTrainingService } from '@/app/train/trainingService';
import { trainCommand } from '@/cli/commands/train/train';
import { parseOptions } from '@/cli/options';
import type { Gpu } from '@/gpu/device';
import { checkpointFiles } from '@/storage/checkpointStoreRecords';
import type { DatasetFolder, DatasetFolderStore } from '@/storage/datasetFolder';
import { createModelLibrary } from '@/storage/modelLibrary';
import { nodeDatasetFolder } from '@/storage/nodeFiles';
import { nodeTuning } from '@/storage/nodeTuning';
import type { TrainingRequest } from '@/workers/train/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { test } from '../../support/gpu';
import { memoryFolderStore } from '../../support/memoryFolderStore';
import { TINY_DATASET } from '../../support/tinyDataset';
import { tinyPreprocessed } from '../../support/tinyTraining';

const NOW = new Date(2026, 4, 6, 7, 8, 9);
const SCHEDULE = { iterationsPerEpoch: 2, validationIterationsPerEpoch: 1 };

let root: string;
let preprocessed: DatasetFolder;

beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'nnstudio-'));
  mkdirSync(path.join(root, 'raw'));
  preprocessed = await tinyPreprocessed(
    undefined,
    nodeDatasetFolder(path.join(root, 'preprocessed', TINY_DATASET)),
  );
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeEach(() => {
  // Logs, their names and checkpoints hold times: here they all are one.
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: NOW });
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Files = ReadonlyMap<string, Uint8Array>;

/** Trains by the command; the files of its model folder. */
async function trainByCommand(trainerName: string, flags: string): Promise<Files> {
  const folders = ['raw', 'preprocessed', 'results'].map((name) => `-${name} ${path.join(root, name)}`);
  const schedule = `--iterations ${SCHEDULE.iterationsPerEpoch} --val_iterations ${SCHEDULE.validationIterationsPerEpoch}`;
  const line = `7 3d_fullres 0 -tr ${trainerName} --seed 3 ${schedule} --no_pbar ${flags} ${folders.join(' ')}`;
  const options = parseOptions(line.trim().split(/ +/), trainCommand.options);
  expect(await trainCommand.run(options, new AbortController().signal)).toBe(0);
  const folder = path.join(root, 'results', TINY_DATASET, `${trainerName}__nnUNetPlans__3d_fullres`);
  return new Map(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(path.join(folder, name)).isFile())
      .map((name) => [name, new Uint8Array(readFileSync(path.join(folder, name)))]),
  );
}

/** Trains by the service; the files of its run, with its checkpoints. */
async function trainByService(gpu: Gpu, changes: Partial<TrainingRequest>): Promise<Files> {
  const runs = memoryFolderStore();
  const checkpoints = { records: new MemoryRecords(), chunks: new MemoryRecords() };
  const service = createTrainingService({
    datasets: { folder: () => preprocessed } as Partial<DatasetFolderStore> as DatasetFolderStore,
    runs,
    checkpoints,
    library: createModelLibrary(new MemoryRecords(), new MemoryRecords()),
    openGpu: async () => ({ ...gpu, close: () => undefined }),
    tuning: nodeTuning(),
    drawProgress: nodeProgressPicture(() => undefined),
  });
  const order: TrainingRequest = {
    runId: 'run',
    datasetName: TINY_DATASET,
    plansName: 'nnUNetPlans',
    configurationName: '3d_fullres',
    fold: 0,
    trainerName: 'nnUNetTrainer_2epochs',
    schedule: { epochs: 2, ...SCHEDULE },
    seed: 3,
    storage: 'f32',
    augmentsOn: 'gpu',
    ...changes,
  };
  expect(await service.run(order, { previousStage: [], otherFolds: [] }, () => undefined)).toBe('done');
  const files = new Map<string, Uint8Array>();
  for (const file of await runs.files('run')) {
    files.set(file.path.slice('run/'.length), await file.bytes());
  }
  for (const part of await checkpointFiles(checkpoints, 'run')) {
    files.set(`fold_0/${part.path}`, await (await part.open()).bytes());
  }
  return files;
}

/** Files that hold nothing of where they lie as they are, the others as text without it. */
function placeless(files: Files): ReadonlyMap<string, string> {
  const parts = [
    `${path.join(root, 'results', TINY_DATASET)}/`,
    `${path.join(root, 'preprocessed')}/`,
    /nnUNetTrainer\w*__nnUNetPlans__3d_fullres\//,
  ];
  return new Map(
    [...files].map(([name, bytes]) => {
      const text = Buffer.from(bytes).toString('latin1');
      const isPlaced = name.endsWith('summary.json');
      return [
        name,
        isPlaced
          ? parts.reduce<string>((all, part) => all.replaceAll(new RegExp(part, 'g'), ''), text)
          : text,
      ];
    }),
  );
}

function expectSameFiles(ofCommand: Files, ofService: Files): void {
  expect([...ofService.keys()].sort()).toEqual([...ofCommand.keys()].sort());
  const [left, right] = [placeless(ofCommand), placeless(ofService)];
  const different = [...left].filter(([name, text]) => right.get(name) !== text).map(([name]) => name);
  expect(different).toEqual([]);
}

test('a fold trained by the command and by the studio leaves the same files', async ({ gpu }) => {
  const ofCommand = await trainByCommand('nnUNetTrainer_2epochs', '--npz');
  expectSameFiles(ofCommand, await trainByService(gpu, { shouldSaveProbabilities: true }));
  const logs = [...ofCommand].filter(([name]) => name.startsWith('fold_0/training_log_'));
  expect(logs).toHaveLength(1);
  const log = Buffer.from(logs[0][1]).toString();
  expect(log).toMatch(/: Validation complete\n.*: Mean Validation Dice: {2}[\d.]+\n$/);
  expect([...ofCommand.keys()]).toEqual(
    expect.arrayContaining([
      'fold_0/checkpoint_best.pth',
      'fold_0/checkpoint_final.pth',
      'fold_0/progress.png',
      'fold_0/validation/summary.json',
    ]),
  );
});

test('a benchmark by the command and by the studio leaves the same result', async ({ gpu }) => {
  const trainerName = 'nnUNetTrainerBenchmark_5epochs';
  const schedule = { epochs: 5, ...SCHEDULE };
  const result = 'fold_0/benchmark_result.json';
  const ofCommand = new Map(await trainByCommand(trainerName, ''));
  const ofService = new Map(await trainByService(gpu, { trainerName, schedule }));
  // A browser does not tell the machine's name.
  const ofMachine = Buffer.from(ofCommand.get(result) ?? []).toString();
  const machine = `"${os.hostname()}`;
  expect(ofMachine).toContain(machine);
  ofCommand.set(result, Buffer.from(ofMachine.replaceAll(machine, '"browser')));
  expectSameFiles(ofCommand, ofService);
});
