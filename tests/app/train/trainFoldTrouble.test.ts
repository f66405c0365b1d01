// A training whose checkpoints find no room, or are damaged, goes on and says so.
import { beforeAll, expect } from 'vitest';
import { readCheckpointWeights } from '@/core/training/readCheckpoint';
import type { Gpu } from '@/gpu/device';
import type { StateTensors } from '@/graph/parameters';
import { messageOf, StudioError } from '@/shared/errors';
import type { CheckpointStore } from '@/storage/checkpointStore';
import { recordCheckpoints } from '@/storage/checkpointStoreRecords';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { MemoryRecords } from '../../storage/memoryRecords';
import { test } from '../../support/gpu';
import { memoryFolder } from '../../support/memoryFolder';
import {
  memoryCheckpoints,
  tinyJob,
  tinyPreprocessed,
  tinyTrainer,
  trainTiny,
} from '../../support/tinyTraining';

const LATEST = 'checkpoint_latest.pth';
const BEST = 'checkpoint_best.pth';
const FINAL = 'checkpoint_final.pth';
const TRAINER = tinyTrainer('nnUNetTrainer', 3);

let preprocessed: DatasetFolder;
beforeAll(async () => {
  preprocessed = await tinyPreprocessed();
});

function expectSameWeights(actual: StateTensors, expected: StateTensors): void {
  for (const [name, { data }] of expected) expect(actual.get(name)?.data, name).toEqual(data);
}

function storageFull(): StudioError {
  return new StudioError('StorageFull', 'No room.', 'Delete something.');
}

/** Writes fail where `isFull` says so; tells of each that did not. */
function store(isFull: (name: string, write: number) => boolean) {
  const inner = memoryCheckpoints();
  const written: string[] = [];
  let writes = 0;
  const checkpoints: CheckpointStore = {
    ...inner,
    write: async (name, content) => {
      if (isFull(name, writes++)) throw storageFull();
      written.push(name);
      await inner.write(name, content);
    },
  };
  return { checkpoints, written, names: inner.names };
}

test('where checkpoints find no room the training goes on to the same weights, and says so', async ({
  gpu,
}) => {
  const undisturbed = await trainTiny(gpu, { preprocessed, trainer: TRAINER });
  const troubles: string[] = [];
  const results = memoryFolder();
  const { checkpoints, names } = store((name) => name !== FINAL);
  const { status, state } = await trainTiny(gpu, {
    preprocessed,
    trainer: TRAINER,
    checkpoints,
    results,
    minutesBetweenCheckpoints: 0,
    onTrouble: (error) => troubles.push(messageOf(error)),
  });
  expect(status).toBe('done');
  expectSameWeights(state.weights, undisturbed.state.weights);
  expect(names()).toEqual([FINAL]);
  expect(troubles.length).toBeGreaterThan(5);
  expect(new Set(troubles)).toEqual(new Set(['No room. Delete something.']));
  const [log] = [...results.contents.keys()].filter((name) => name.includes('training_log'));
  expect(new TextDecoder().decode(results.contents.get(log))).toContain('No room. Delete something.');
});

test('the best checkpoint is written later, with the weights of its epoch', async ({ gpu }) => {
  const trainer = tinyTrainer('nnUNetTrainer', 1);
  const all = { preprocessed, trainer, augmentsOn: 'cpu' } as const;
  const usual = store(() => false);
  await trainTiny(gpu, { ...all, checkpoints: usual.checkpoints });
  const { checkpoints, written } = store((_, write) => write === 0);
  await trainTiny(gpu, { ...all, checkpoints });
  expect(written).toEqual([FINAL, BEST]);
  expectSameWeights(await weightsIn(gpu, checkpoints, BEST), await weightsIn(gpu, usual.checkpoints, BEST));
});

async function weightsIn(gpu: Gpu, checkpoints: CheckpointStore, name: string): Promise<StateTensors> {
  const file = await checkpoints.read(name);
  if (!file) throw new Error(`no ${name}`);
  const { setup } = await tinyJob(gpu, { preprocessed });
  return readCheckpointWeights(file, {
    architecture: setup.configuration.architecture,
    inputChannels: 2,
    outputChannels: 3,
  });
}

test('where the last one finds no room the run fails, and what was kept is gone on from', async ({ gpu }) => {
  const undisturbed = await trainTiny(gpu, { preprocessed, trainer: TRAINER });
  let isFull = true;
  const { checkpoints, names } = store((name) => isFull && name === FINAL);
  const run = { preprocessed, trainer: TRAINER, checkpoints, minutesBetweenCheckpoints: 0 };
  await expect(trainTiny(gpu, run)).rejects.toMatchObject({ name: 'StorageFull' });
  expect(names()).toEqual([BEST, LATEST]);
  isFull = false;
  const { state } = await trainTiny(gpu, { ...run, shouldContinue: true });
  expectSameWeights(state.weights, undisturbed.state.weights);
  expect(names()).toEqual([BEST, FINAL]);
});

test('a log that cannot be written stops nothing', async ({ gpu }) => {
  const results = memoryFolder();
  const write: DatasetFolder['write'] = async (path, content) => {
    if (path.endsWith('.txt') || path.endsWith('progress.json')) throw storageFull();
    await results.write(path, content);
  };
  const troubles: unknown[] = [];
  const { status } = await trainTiny(gpu, {
    preprocessed,
    trainer: TRAINER,
    results: { ...results, write },
    onTrouble: (error) => troubles.push(error),
  });
  expect(status).toBe('done');
  expect(troubles).toHaveLength(3);
});

test('a damaged checkpoint is passed over where another can be read', async ({ gpu }) => {
  const checkpoints = memoryCheckpoints();
  const run = { preprocessed, trainer: TRAINER, checkpoints, minutesBetweenCheckpoints: 0 };
  const controller = new AbortController();
  const stopped = await trainTiny(gpu, {
    ...run,
    signal: controller.signal,
    onStep: ({ epoch, done }) => {
      if (epoch === 2 && done === 2) controller.abort();
    },
  });
  expect(stopped.status).toBe('stopped');
  await checkpoints.write(LATEST, new Uint8Array(100));
  const troubles: unknown[] = [];
  const starts: number[] = [];
  const { status } = await trainTiny(gpu, {
    ...run,
    shouldContinue: true,
    onStart: ({ epoch }) => starts.push(epoch),
    onTrouble: (error) => troubles.push(error),
  });
  expect(status).toBe('done');
  expect(troubles).toMatchObject([{ name: 'BadCheckpoint' }]);
  expect(starts[0]).toBeGreaterThan(0);

  for (const name of checkpoints.names()) await checkpoints.write(name, new Uint8Array(100));
  await expect(trainTiny(gpu, { ...run, shouldContinue: true })).rejects.toMatchObject({
    name: 'BadCheckpoint',
  });
});

test('goes on from the generation before where the newest in the browser is damaged', async ({ gpu }) => {
  const undisturbed = await trainTiny(gpu, { preprocessed, trainer: TRAINER });
  const stores = { records: new MemoryRecords(), chunks: new MemoryRecords() };
  const messages: string[] = [];
  const checkpoints = recordCheckpoints({
    ...stores,
    run: 'run',
    onDamage: (message) => messages.push(message),
  });
  const controller = new AbortController();
  const run = { preprocessed, trainer: TRAINER, checkpoints, minutesBetweenCheckpoints: 0 };
  await trainTiny(gpu, {
    ...run,
    signal: controller.signal,
    onStep: ({ epoch, done }) => {
      if (epoch === 1 && done === 2) controller.abort();
    },
  });
  const newest = [...stores.chunks.values.keys()].at(-1) ?? '';
  await stores.chunks.set(newest, new Uint8Array(5));
  const { status, state } = await trainTiny(gpu, { ...run, shouldContinue: true });
  expect(status).toBe('done');
  expect(messages).toEqual([expect.stringMatching(/^checkpoint_latest\.pth of .* is damaged/)]);
  expectSameWeights(state.weights, undisturbed.state.weights);
});
