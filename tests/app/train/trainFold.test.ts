import { beforeAll, describe, expect, onTestFinished, vi } from 'vitest';
import { networkOfFold, type TrainFoldRequest, trainFold } from '@/app/train/trainFold';
import { validateFold } from '@/app/train/validateFold';
import { parseJson } from '@/core/interop/json';
import { isDict } from '@/core/interop/pickleValues';
import { readTorchCheckpoint } from '@/core/interop/torchCheckpoint';
import type { TrainingEpochReport } from '@/core/training/trainingRun';
import { openNodeGpu } from '@/gpu/nodeGpu';
import type { StateTensors } from '@/graph/parameters';
import type { DatasetFolder } from '@/storage/datasetFolder';
import { test } from '../../support/gpu';
import { memoryFolder } from '../../support/memoryFolder';
import { jsonBytes, labelValues, TINY_JSON, tinyDataset, tinyLabels } from '../../support/tinyDataset';
import {
  memoryCheckpoints,
  tinyJob,
  tinyPreprocessed,
  tinyTrainer,
  trainTiny,
} from '../../support/tinyTraining';

const LONG_EPOCHS = { schedule: { epochs: 3, iterationsPerEpoch: 12, validationIterationsPerEpoch: 2 } };

let preprocessed: DatasetFolder;
beforeAll(async () => {
  preprocessed = await tinyPreprocessed();
});

function expectSameWeights(actual: StateTensors, expected: StateTensors): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, { data }] of expected) expect(actual.get(name)?.data, name).toEqual(data);
}

describe('training a fold', () => {
  test('lowers the loss and leaves what nnU-Net leaves', async ({ gpu }) => {
    const epochs: TrainingEpochReport[] = [];
    const checkpoints = memoryCheckpoints();
    const results = memoryFolder();
    const trainer = { ...tinyTrainer('nnUNetTrainerAdam'), ...LONG_EPOCHS };
    const { status } = await trainTiny(gpu, {
      preprocessed,
      trainer,
      results,
      checkpoints,
      onEpoch: (report) => epochs.push(report),
    });
    expect(status).toBe('done');
    expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    expect(epochs[2].trainLoss).toBeLessThan(epochs[0].trainLoss - 0.05);
    expect(epochs[0].dicePerClassOrRegion).toHaveLength(2);
    expect(checkpoints.names()).toEqual(['checkpoint_best.pth', 'checkpoint_final.pth']);
    const files = [...results.contents.keys()].sort();
    expect(files).toContain('plans.json');
    expect(files).toContain('dataset.json');
    expect(files).toContain('fold_0/debug.json');
    expect(files).toContain('fold_0/progress.json');
    const log = files.find((name) => name.startsWith('fold_0/training_log_')) ?? '';
    const text = new TextDecoder().decode(results.contents.get(log));
    expect(text).toContain(`train_loss ${Number(epochs[1].trainLoss.toFixed(4))}`);
  });

  test('gives the same weights for the same seed, others for another', async ({ gpu }) => {
    const weightsOf = async (seed: number) =>
      (await trainTiny(gpu, { preprocessed, seed, trainer: tinyTrainer('nnUNetTrainer', 1) })).state.weights;
    const [first, again, other] = [await weightsOf(3), await weightsOf(3), await weightsOf(4)];
    expectSameWeights(again, first);
    const name = 'encoder.stages.0.0.convs.0.conv.weight';
    expect(other.get(name)?.data).not.toEqual(first.get(name)?.data);
  });

  for (const [name, augmentsOn, storage] of [
    ['nnUNetTrainer', 'cpu', 'f32'],
    ['nnUNetTrainer', 'gpu', 'f32'],
    ['nnUNetTrainer', 'cpu', 'f16'],
    ['nnUNetTrainerAdam', 'cpu', 'f32'],
    ['nnUNetTrainerAdan', 'cpu', 'f32'],
    ['nnUNetTrainerBN', 'cpu', 'f32'],
  ] as const) {
    const manner = `${name}, augmented by the ${augmentsOn}, ${storage}`;
    test(`goes on with the same bits after a stop in the middle of an epoch: ${manner}`, async ({ gpu }) => {
      const training = { preprocessed, trainer: tinyTrainer(name), augmentsOn, storage };
      const undisturbed = await trainTiny(gpu, training);
      const checkpoints = memoryCheckpoints();
      const controller = new AbortController();
      const stopped = await trainTiny(gpu, {
        ...training,
        checkpoints,
        signal: controller.signal,
        onStep: ({ epoch, stage, done }) => {
          if (epoch === 2 && stage === 'training' && done === 1) controller.abort();
        },
      });
      expect(stopped.status).toBe('stopped');
      expect(stopped.state).toMatchObject({ epoch: 2, partial: { iterations: 1 } });
      expect(checkpoints.names()).toContain('checkpoint_latest.pth');

      const resumed = await trainTiny(gpu, { ...training, checkpoints, shouldContinue: true, seed: 99 });
      expectSameWeights(resumed.state.weights, undisturbed.state.weights);
      expect(resumed.state.optimiser).toEqual(undisturbed.state.optimiser);
      const { epochStartTimestamps: _, epochEndTimestamps: __, ...log } = resumed.state.log;
      expect(undisturbed.state.log).toMatchObject(log);
      expect(checkpoints.names()).toEqual(['checkpoint_best.pth', 'checkpoint_final.pth']);
    });
  }

  test('waits while it is paused, and does not count it as work', async ({ gpu }) => {
    const epochs: TrainingEpochReport[] = [];
    const trainer = tinyTrainer('nnUNetTrainer', 1);
    let pauses = 0;
    const now = performance.now.bind(performance);
    let pausedMs = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + pausedMs);
    onTestFinished(() => clock.mockRestore());
    const dayMs = 86_400_000;
    await trainTiny(gpu, {
      preprocessed,
      trainer,
      whilePaused: async () => {
        pauses++;
        await Promise.resolve();
        pausedMs += dayMs;
      },
      onEpoch: (report) => epochs.push(report),
    });
    expect(pauses).toBe(5);
    expect(epochs[0].seconds).toBeGreaterThan(0);
    expect(epochs[0].seconds).toBeLessThan(dayMs / 1000);
  });

  test('gives the same weights where patches are read from files', async ({ gpu }) => {
    const own = await tinyPreprocessed();
    const trainer = tinyTrainer('nnUNetTrainer', 1);
    const inMemory = await trainTiny(gpu, { preprocessed: own, trainer });
    expect(await own.list('nnUNetPlans_3d_fullres')).not.toContain('case_0.npy');
    const fromFiles = await trainTiny(gpu, { preprocessed: own, trainer, cacheBytes: 10_000 });
    const files = await own.list('nnUNetPlans_3d_fullres');
    expect(files.filter((name) => name.endsWith('_seg.npy')).length).toBeGreaterThan(3);
    expectSameWeights(fromFiles.state.weights, inMemory.state.weights);
  });

  test('goes on where it was after the device is lost', async ({ gpu }) => {
    const trainer = tinyTrainer();
    const undisturbed = await trainTiny(gpu, { preprocessed, trainer });
    const restarts: number[] = [];
    let close = () => {};
    const disturbed = await trainTiny(gpu, {
      preprocessed,
      trainer,
      openGpu: async () => {
        const gpu = await openNodeGpu();
        close = () => gpu.device.destroy();
        return gpu;
      },
      onStart: (report) => restarts.push(report.restarts),
      onStep: ({ epoch, stage, done }) => {
        if (restarts.length === 1 && epoch === 1 && stage === 'training' && done === 2) close();
      },
    });
    expect(restarts).toEqual([0, 1]);
    expectSameWeights(disturbed.state.weights, undisturbed.state.weights);
  });

  test('ends with the same bits however often it is killed, in a step or in a write', {
    timeout: 240_000,
  }, async ({ gpu }) => {
    const trainer = tinyTrainer('nnUNetTrainer', 3);
    const undisturbed = await trainTiny(gpu, { preprocessed, trainer });
    const checkpoints = memoryCheckpoints();
    let [steps, writes] = [0, 0];
    const run = (killAt: { readonly step?: number; readonly write?: number }) => {
      [steps, writes] = [0, 0];
      return trainTiny(gpu, {
        preprocessed,
        trainer,
        shouldContinue: true,
        minutesBetweenCheckpoints: 0,
        onStep: () => {
          if (steps++ === killAt.step) throw new Error('killed');
        },
        // Nothing comes after a kill.
        onTrouble: (error) => {
          throw error;
        },
        checkpoints: {
          ...checkpoints,
          write: async (name, content) => {
            if (writes++ === killAt.write) throw new Error('killed');
            await checkpoints.write(name, content);
          },
        },
      });
    };
    for (const killAt of [{ write: 0 }, { step: 2 }, { write: 2 }, { step: 4 }]) {
      await expect(run(killAt)).rejects.toThrow('killed');
    }
    const { status, state } = await run({});
    expect(status).toBe('done');
    expectSameWeights(state.weights, undisturbed.state.weights);
  });

  test('writes a checkpoint that is due in the middle of an epoch', async ({ gpu }) => {
    const checkpoints = memoryCheckpoints();
    const epochsKept: number[] = [];
    await trainTiny(gpu, {
      preprocessed,
      checkpoints: {
        ...checkpoints,
        write: async (name, content) => {
          await checkpoints.write(name, content);
          if (name === 'checkpoint_latest.pth') epochsKept.push(await epochIn(checkpoints, name));
        },
      },
      trainer: tinyTrainer('nnUNetTrainer', 2),
      minutesBetweenCheckpoints: 0,
    });
    expect(epochsKept).toEqual([0, 0, 1, 1, 1, 2]);
  });

  test('learns regions beside an ignore label', async ({ gpu }) => {
    const contents = tinyDataset();
    const labels = { background: 0, whole: [1, 2], core: 2, ignore: 3 };
    contents.set('dataset.json', jsonBytes({ ...TINY_JSON, labels, regions_class_order: [1, 2] }));
    for (const name of contents.keys()) {
      if (!name.startsWith('labelsTr/')) continue;
      const values = labelValues().map((label, i) => (i % 11 === 0 ? 3 : label));
      contents.set(name, tinyLabels({ values }));
    }
    const epochs: TrainingEpochReport[] = [];
    const trainer = { ...tinyTrainer('nnUNetTrainerAdam'), ...LONG_EPOCHS };
    const sparse = await tinyPreprocessed(contents);
    const job = await tinyJob(gpu, {
      preprocessed: sparse,
      trainer,
      onEpoch: (report) => epochs.push(report),
    });
    const summary = await validate(job);
    expect(epochs[1].trainLoss).toBeLessThan(epochs[0].trainLoss - 0.05);
    expect(epochs[1].dicePerClassOrRegion).toHaveLength(2);
    const [{ n_ref: whole }, { n_ref: core }] = summary.cases[0].metrics;
    expect(whole).toBeGreaterThan(core);
  });

  test('writes none where checkpoints are off', async ({ gpu }) => {
    const checkpoints = memoryCheckpoints();
    await trainTiny(gpu, {
      preprocessed,
      checkpoints,
      hasCheckpoints: false,
      trainer: tinyTrainer('nnUNetTrainer', 1),
    });
    expect(checkpoints.names()).toEqual([]);
  });

  test('starts from the weights of another training, heads left out', async ({ gpu }) => {
    const checkpoints = memoryCheckpoints();
    const other = await trainTiny(gpu, {
      preprocessed,
      checkpoints,
      seed: 7,
      trainer: tinyTrainer('nnUNetTrainer', 1),
    });
    const file = await checkpoints.read('checkpoint_final.pth');
    if (!file) throw new Error('no checkpoint');
    const controller = new AbortController();
    controller.abort();
    const { state } = await trainTiny(gpu, {
      preprocessed,
      pretrainedWeights: file,
      signal: controller.signal,
    });
    const body = 'decoder.stages.1.convs.0.conv.weight';
    const head = 'decoder.seg_layers.1.weight';
    expect(state.weights.get(body)?.data).toEqual(other.state.weights.get(body)?.data);
    expect(state.weights.get(head)?.data).not.toEqual(other.state.weights.get(head)?.data);
  });
});

async function epochIn(
  checkpoints: Pick<TrainFoldRequest['checkpoints'], 'read'>,
  name: string,
): Promise<number> {
  const file = await checkpoints.read(name);
  const root = file && (await readTorchCheckpoint(file)).root;
  return isDict(root) ? Number(root.get('current_epoch')) : Number.NaN;
}

async function validate(job: TrainFoldRequest, shouldSaveProbabilities = false) {
  const { state } = await trainFold(job);
  return validateFold({
    ...job,
    mirrorAxes: networkOfFold(job.setup, job.trainer).augmentation.training.mirrorAxes,
    loadWeights: async () => state.weights,
    shouldSaveProbabilities,
    nameOf: (where, name) => `/${where}/${name}`,
  });
}

describe('validation', () => {
  test('writes segmentations, probabilities and the summary', async ({ gpu }) => {
    const results = memoryFolder();
    const job = await tinyJob(gpu, { preprocessed, results, trainer: tinyTrainer('nnUNetTrainer', 1) });
    const summary = await validate(job, true);
    const [caseId] = job.setup.split.val;
    const names = [...results.contents.keys()].filter((name) => name.includes('validation/'));
    expect(names).toContain(`fold_0/validation/${caseId}.nii`);
    expect(names).toContain(`fold_0/validation/${caseId}.npz`);
    expect(names).toContain(`fold_0/validation/${caseId}.pkl`);
    const text = new TextDecoder().decode(results.contents.get('fold_0/validation/summary.json'));
    const written = parseJson(text, 'summary.json');
    expect(written).toMatchObject({ foreground_mean: { Dice: summary.foregroundMean.Dice } });
    expect(summary.cases).toHaveLength(job.setup.split.val.length);
    expect(summary.cases[0].metrics[0].n_ref).toBeGreaterThan(0);
  });

  test('of 2d networks', async ({ gpu }) => {
    const job = await tinyJob(gpu, {
      preprocessed,
      configurationName: '2d',
      trainer: tinyTrainer('nnUNetTrainer', 1),
    });
    const summary = await validate(job);
    expect(summary.cases).toHaveLength(job.setup.split.val.length);
  });

  test('tells the next stage of a cascade, which trains and validates with it', {
    timeout: 240_000,
  }, async ({ gpu }) => {
    const lowres = memoryFolder();
    const trainer = tinyTrainer('nnUNetTrainer', 1);
    const all = { preprocessed, trainer, fold: 'all' } as const;
    await validate(await tinyJob(gpu, { ...all, configurationName: '3d_lowres', results: lowres }));
    const told = [...lowres.contents.keys()].filter((name) => name.startsWith('predicted_next_stage/'));
    expect(told).toHaveLength(6);
    const below = memoryFolder();
    for (const [name, content] of lowres.contents) {
      const own = /^predicted_next_stage\/3d_cascade_fullres\/(.*)$/.exec(name);
      if (own) await below.write(own[1], content);
    }
    const cascade = { ...all, fold: 0, configurationName: '3d_cascade_fullres' } as const;
    await expect(trainTiny(gpu, cascade)).rejects.toMatchObject({ name: 'NoPreviousStage' });
    const job = await tinyJob(gpu, { ...cascade, previousStage: () => below });
    const summary = await validate(job);
    expect(summary.cases).toHaveLength(job.setup.split.val.length);
  });
});
