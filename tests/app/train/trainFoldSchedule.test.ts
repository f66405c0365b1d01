// A training that is continued under another schedule than it was begun with.
import { beforeAll, describe, expect } from 'vitest';
import { clusterSchedule, withoutStaleFinal } from '@/app/train/exportForCluster';
import type { TrainFoldRequest } from '@/app/train/trainFold';
import { zipPart } from '@/core/io/zipStream';
import { readCheckpointSchedule } from '@/core/training/readCheckpoint';
import { type Trainer, trainerNamed } from '@/core/training/trainers';
import type { TrainingEpochReport } from '@/core/training/trainingRun';
import type { Gpu } from '@/gpu/device';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { test } from '../../support/gpu';
import { memoryFolder } from '../../support/memoryFolder';
import { memoryCheckpoints, tinyPreprocessed, tinyTrainer, trainTiny } from '../../support/tinyTraining';
import { withoutOwnKey } from '../../support/torchChanges';

const FINAL = 'checkpoint_final.pth';
const LATEST = 'checkpoint_latest.pth';
const BEST = 'checkpoint_best.pth';

let preprocessed: DatasetFolder;
beforeAll(async () => {
  preprocessed = await tinyPreprocessed();
});

const trainerOf = (epochs: number, iterationsPerEpoch = 3): Trainer => ({
  ...tinyTrainer(),
  schedule: { epochs, iterationsPerEpoch, validationIterationsPerEpoch: 2 },
});
const poly = (epoch: number, epochs: number) => 0.01 * (1 - epoch / epochs) ** 0.9;

/** Continues it; what was trained, said and logged. */
async function proceed(
  gpu: Gpu,
  checkpoints: TrainFoldRequest['checkpoints'],
  changes: Partial<TrainFoldRequest>,
) {
  const reports: TrainingEpochReport[] = [];
  const notices: string[] = [];
  const results = memoryFolder();
  const { state } = await trainTiny(gpu, {
    preprocessed,
    checkpoints,
    results,
    shouldContinue: true,
    expectsCheckpoint: true,
    onEpoch: (report) => reports.push(report),
    onNotice: (notice) => notices.push(notice),
    ...changes,
  });
  const log = [...results.contents].find(([name]) => name.includes('training_log'));
  return {
    rates: reports.map(({ epoch, learningRate }) => [epoch, learningRate]),
    notices,
    state,
    log: log ? new TextDecoder().decode(log[1]) : '',
  };
}

async function trained(gpu: Gpu, trainer: Trainer) {
  const checkpoints = memoryCheckpoints();
  await trainTiny(gpu, { preprocessed, checkpoints, trainer });
  return checkpoints;
}

async function scheduleIn(checkpoints: TrainFoldRequest['checkpoints'], name: string) {
  const file = await checkpoints.read(name);
  return file && readCheckpointSchedule(file);
}

describe('a training continued under another schedule', () => {
  test('of more epochs trains those that are new at their learning rate, and says so', async ({ gpu }) => {
    const checkpoints = await trained(gpu, trainerOf(2));
    const { rates, notices, log, state } = await proceed(gpu, checkpoints, { trainer: trainerOf(4) });
    expect(rates).toEqual([
      [2, poly(2, 4)],
      [3, poly(3, 4)],
    ]);
    expect(notices).toEqual([
      'The schedule has changed: 2 epochs of 3 + 2 iterations before, now 4 epochs of 3 + 2 iterations. Training continues with epoch 2 at learning rate 0.00536, that of the new schedule.',
    ]);
    expect(log).toContain(notices[0]);
    expect(state.log.lrs).toEqual([poly(0, 2), poly(1, 2), poly(2, 4), poly(3, 4)]);
    expect((await scheduleIn(checkpoints, FINAL))?.epochs).toBe(4);
  });

  test('of fewer epochs than are done is finished, and says so', async ({ gpu }) => {
    const checkpoints = await trained(gpu, trainerOf(3));
    const { rates, notices, log } = await proceed(gpu, checkpoints, { trainer: trainerOf(2) });
    expect(rates).toEqual([]);
    expect(notices).toEqual([expect.stringMatching(/3 epochs .* now 2 epochs .* nothing is left to train/)]);
    expect(log).toContain('All 3 epochs are done.');
    expect((await scheduleIn(checkpoints, FINAL))?.epochs).toBe(2);
    expect((await proceed(gpu, checkpoints, { trainer: trainerOf(2) })).notices).toEqual([]);
  });

  test('of other iterations takes them, where they are asked for', async ({ gpu }) => {
    const begun = memoryCheckpoints();
    const controller = new AbortController();
    await trainTiny(gpu, {
      preprocessed,
      checkpoints: begun,
      trainer: trainerOf(2),
      signal: controller.signal,
      onStep: ({ epoch, done }) => {
        if (epoch === 1 && done === 2) controller.abort();
      },
    });
    const kept = memoryCheckpoints();
    for (const name of begun.names()) {
      const file = await begun.read(name);
      if (file) await kept.write(name, await file.bytes());
    }
    const steps: number[] = [];
    const asked = await proceed(gpu, begun, {
      trainer: trainerOf(2, 2),
      onStep: ({ stage, total }) => stage === 'training' && steps.push(total),
    });
    expect(steps).toEqual([2, 2]);
    expect(asked.notices).toEqual([expect.stringContaining('now 2 epochs of 2 + 2 iterations')]);
    expect(asked.state.log.trainLosses.every(Number.isFinite)).toBe(true);

    steps.length = 0;
    const unasked = await proceed(gpu, kept, {
      trainer: trainerOf(2, 250),
      unasked: ['iterationsPerEpoch'],
      onStep: ({ stage, total }) => stage === 'training' && steps.push(total),
    });
    expect(steps).toEqual([3]);
    expect(unasked.notices).toEqual([]);
  });

  test('from the best checkpoint goes on with its epoch', async ({ gpu }) => {
    const checkpoints = await trained(gpu, trainerOf(3));
    await checkpoints.remove(FINAL);
    const best = await proceed(gpu, checkpoints, { trainer: trainerOf(5) });
    const [first] = best.rates[0];
    expect(best.rates[0]).toEqual([first, poly(first, 5)]);
    expect(best.rates.at(-1)).toEqual([4, poly(4, 5)]);
    expect(best.notices[0]).toContain('3 epochs of 3 + 2 iterations before');
  });

  test('that is stopped goes on from where it was, not from the shorter training’s end', async ({ gpu }) => {
    const checkpoints = await trained(gpu, trainerOf(2));
    const controller = new AbortController();
    await proceed(gpu, checkpoints, {
      trainer: trainerOf(5),
      signal: controller.signal,
      onStep: ({ epoch, done }) => {
        if (epoch === 4 && done === 1) controller.abort();
      },
    });
    expect(checkpoints.names()).toEqual([BEST, FINAL, LATEST]);
    const files = await Promise.all(checkpoints.names().map((name) => checkpoints.read(name)));
    const parts = files.flatMap((file) => (file ? [zipPart(file)] : []));
    const taken = await withoutStaleFinal(parts);
    expect(taken.map(({ path }) => path)).toEqual([BEST, LATEST]);
    const byName = trainerNamed('nnUNetTrainer_5epochs');
    const unasked = ['iterationsPerEpoch', 'validationIterationsPerEpoch'] as const;
    expect(await clusterSchedule(byName, taken, unasked)).toEqual(trainerOf(5).schedule);
    expect(await clusterSchedule(byName, taken, [])).toEqual(byName.schedule);
    const { rates, notices } = await proceed(gpu, checkpoints, { trainer: trainerOf(5) });
    expect(rates).toEqual([[4, poly(4, 5)]]);
    expect(notices).toEqual([]);
    expect(checkpoints.names()).toEqual([BEST, FINAL]);
  });

  test('whose checkpoint nnU-Net wrote tells its length by its learning rates', async ({ gpu }) => {
    const checkpoints = await trained(gpu, trainerOf(3));
    const file = await checkpoints.read(FINAL);
    if (!file) throw new Error('no checkpoint');
    const foreign = await withoutOwnKey(file);
    await checkpoints.write(FINAL, foreign);
    const same = await proceed(gpu, checkpoints, { trainer: trainerOf(3) });
    expect(same.notices).toEqual([]);
    const longer = await proceed(gpu, checkpoints, { trainer: trainerOf(4) });
    expect(longer.rates).toEqual([[3, poly(3, 4)]]);
    expect(longer.notices).toEqual([
      expect.stringContaining('3 epochs before, by its learning rates, now 4 epochs'),
    ]);
  });
});

test('says where there is nothing to continue from, and only if that was expected', async ({ gpu }) => {
  const asked = await proceed(gpu, memoryCheckpoints(), { trainer: trainerOf(1) });
  expect(asked.notices).toEqual([
    'Cannot continue: fold 0 has no checkpoint of nnUNetTrainer yet. A new training begins.',
  ]);
  expect(asked.log).toContain(asked.notices[0]);
  const usual = await proceed(gpu, memoryCheckpoints(), {
    trainer: trainerOf(1),
    expectsCheckpoint: false,
  });
  expect(usual.notices).toEqual([]);
});

test('says that the optimiser begins anew where the checkpoint has none of its kind', async ({ gpu }) => {
  const checkpoints = await trained(gpu, trainerOf(2));
  const adam = { ...tinyTrainer('nnUNetTrainerAdam'), schedule: trainerOf(3).schedule };
  const { notices } = await proceed(gpu, checkpoints, { trainer: adam });
  expect(notices.at(-1)).toContain('no state of nnUNetTrainerAdam’s optimiser');
});
