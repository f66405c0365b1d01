import { beforeAll, describe, expect, onTestFinished } from 'vitest';
import { createChooseService } from '@/app/choose/chooseService';
import {
  createTrainingResultsService,
  type TrainingResultsOptions,
} from '@/app/train/trainingResultsService';
import { createTrainingService, type TrainingServiceOptions } from '@/app/train/trainingService';
import { importModel } from '@/core/interop/importModel';
import { memoryFile, readText, type SourceFile } from '@/core/io/sourceFile';
import { MemorySink, streamZip } from '@/core/io/zipStream';
import type { Gpu } from '@/gpu/device';
import type { DatasetFolder, DatasetFolderStore, DatasetPart, FolderStore } from '@/storage/datasetFolder';
import { createModelLibrary } from '@/storage/modelLibrary';
import type { TrainingEvent, TrainingRequest } from '@/workers/train/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { test } from '../../support/gpu';
import { memoryFolder } from '../../support/memoryFolder';
import { memoryFolderStore } from '../../support/memoryFolderStore';
import { filesOf, tinyDataset } from '../../support/tinyDataset';
import { tinyPreprocessed } from '../../support/tinyTraining';
import { entriesOf } from '../../support/zipped';

let preprocessed: DatasetFolder;
beforeAll(async () => {
  preprocessed = await tinyPreprocessed();
});

const order = (changes: Partial<TrainingRequest> = {}): TrainingRequest => ({
  runId: 'run-1',
  datasetName: 'Dataset000_Tiny',
  plansName: 'nnUNetPlans',
  configurationName: '3d_fullres',
  fold: 0,
  trainerName: 'nnUNetTrainer_4epochs',
  schedule: { epochs: 4, iterationsPerEpoch: 3, validationIterationsPerEpoch: 2 },
  seed: 1,
  storage: 'f32',
  augmentsOn: 'cpu',
  ...changes,
});

const ALONE = { previousStage: [], otherFolds: [] };

/** What outlives a worker. */
function browser(gpu: Gpu) {
  const folders = new Map<string, ReturnType<typeof memoryFolder>>();
  const folder = (id: string) => {
    const found = folders.get(id) ?? memoryFolder();
    folders.set(id, found);
    return found;
  };
  const archives = new Map<string, Uint8Array>();
  const runs: FolderStore = {
    folder,
    files: async (id) =>
      [...folder(id).contents].map(([path, content]) => memoryFile(content, `${id}/${path}`)),
    ids: async () => [...folders.keys()],
    remove: async (id) => void folders.delete(id),
  };
  const needs: TrainingServiceOptions & TrainingResultsOptions = {
    datasets: {
      folder: () => preprocessed,
      files: async (_: string, part: DatasetPart) =>
        part === 'raw' ? filesOf(tinyDataset()) : filesOfPreprocessed(),
    } as Pick<DatasetFolderStore, 'folder' | 'files'> as DatasetFolderStore,
    runs,
    checkpoints: { records: new MemoryRecords(), chunks: new MemoryRecords() },
    library: createModelLibrary(new MemoryRecords(), new MemoryRecords()),
    openGpu: async () => ({ ...gpu, close: () => undefined }),
    archives: {
      write: async (what, parts, options) => {
        const sink = new MemorySink();
        await streamZip(sink, parts, options);
        archives.set(what, sink.bytes());
        return new Blob([sink.bytes()]);
      },
      writeInto: async () => undefined,
    },
  };
  return { archives, needs, folders, view: createTrainingResultsService(needs) };
}

/** All of the preprocessed dataset, as its folders list it. */
async function filesOfPreprocessed(): Promise<SourceFile[]> {
  const folders = ['', 'gt_segmentations', 'nnUNetPlans_3d_fullres', 'nnUNetPlans_2d'];
  const paths = await Promise.all(
    folders.map(async (folder) => {
      const names = await preprocessed.list(folder);
      return names.map((name) => (folder === '' ? name : `${folder}/${name}`));
    }),
  );
  const files = await Promise.all(paths.flat().map((path) => preprocessed.open(path)));
  return files.flatMap((file) => (file ? [{ ...file, path: `Dataset000_Tiny/${file.path}` }] : []));
}

const kinds = (events: readonly TrainingEvent[]) => [...new Set(events.map(({ kind }) => kind))];

describe('the train service', () => {
  test('trains, validates, and leaves a model that has the fold', async ({ gpu }) => {
    const { needs, view } = browser(gpu);
    const events: TrainingEvent[] = [];
    expect(await createTrainingService(needs).run(order(), ALONE, (event) => events.push(event))).toBe(
      'done',
    );
    expect(kinds(events)).toEqual([
      'started',
      'step',
      'kept',
      'epoch',
      'trained',
      'validating',
      'validated',
      'model',
    ]);
    const start = events.find((event) => event.kind === 'started')?.start;
    expect(start?.flopsPerIteration).toBeGreaterThan(0);
    expect(start?.classNames).toHaveLength(2);
    const validation = events.find((event) => event.kind === 'validated')?.validation;
    expect(validation?.cases.map(({ caseId }) => caseId)).toEqual(start?.validationCases);
    const [model] = await needs.library.list();
    expect(model.origin).toBe('trained');
    expect(model.model.folds).toMatchObject([
      { fold: '0', checkpointName: 'checkpoint_final.pth', validationDice: validation?.meanDice },
    ]);
    const [{ caseId = '' } = {}] = validation?.cases ?? [];
    expect((await view.showPrediction(order(), caseId, 'validation')).voxels.length).toBeGreaterThan(0);
    const { log, progress } = await view.readTexts(order());
    expect(log).toContain('Epoch 3');
    expect(JSON.parse(progress).train_losses).toHaveLength(4);
  });

  test('stopped in the middle and gone on with, it ends with the weights of an undisturbed run', async ({
    gpu,
  }) => {
    const undisturbed = browser(gpu);
    await createTrainingService(undisturbed.needs).run(order(), ALONE, () => undefined);

    const disturbed = browser(gpu);
    const service = createTrainingService(disturbed.needs);
    const status = await service.run(order(), ALONE, (event) => {
      if (event.kind === 'epoch' && event.epoch.epoch === 1) service.stop();
    });
    expect(status).toBe('stopped');
    const events: TrainingEvent[] = [];
    await createTrainingService(disturbed.needs).run(order(), ALONE, (event) => events.push(event));
    expect(events[0]).toMatchObject({ kind: 'started', start: { epoch: 2 } });

    const weightsIn = async ({ library }: TrainingServiceOptions) => {
      const [model] = await library.list();
      return library.loadFold(model.id, '0');
    };
    expect(await weightsIn(disturbed.needs)).toEqual(await weightsIn(undisturbed.needs));
  });

  test('the second stage of a cascade starts once the first has segmented every case', async ({ gpu }) => {
    const { needs, view } = browser(gpu);
    const service = createTrainingService(needs);
    const schedule = { epochs: 1, iterationsPerEpoch: 1, validationIterationsPerEpoch: 1 };
    const second = order({ runId: 'second', configurationName: '3d_cascade_fullres', schedule });
    await expect(service.run(second, ALONE, () => undefined)).rejects.toMatchObject({
      name: 'NoPreviousStage',
    });

    const first = order({ runId: 'first', configurationName: '3d_lowres', fold: 'all', schedule });
    await service.run(first, ALONE, () => undefined);
    expect(await view.listForNextStage([first], '3d_cascade_fullres')).toHaveLength(6);
    expect(await view.listForNextStage([second], '3d_cascade_fullres')).toEqual([]);
    expect(await service.run(second, { ...ALONE, previousStage: [first] }, () => undefined)).toBe('done');
    const [model] = await needs.library.list();
    expect(model.model.configuration).toMatchObject({
      name: '3d_cascade_fullres',
      previousStage: '3d_lowres',
    });
  });

  test('a pause keeps a checkpoint and holds the run until it ends', async ({ gpu }) => {
    const { needs } = browser(gpu);
    const service = createTrainingService(needs);
    const events: TrainingEvent[] = [];
    const running = service.run(order(), ALONE, (event) => {
      events.push(event);
      if (events.length === 2) service.pause(true);
    });
    onTestFinished(async () => {
      service.stop();
      await running;
    });
    while (!events.some(({ kind }) => kind === 'kept'))
      await new Promise((resolve) => setTimeout(resolve, 10));
    const held = events.length;
    // Another run on the same GPU, from its begin to its end: time enough for the one that is held.
    const other = browser(gpu);
    expect(await createTrainingService(other.needs).run(order(), ALONE, () => undefined)).toBe('done');
    expect(events).toHaveLength(held);
    service.pause(false);
    expect(await running).toBe('done');
  });

  test('while it is trained, a held-out case can be segmented with the best weights so far', async ({
    gpu,
  }) => {
    const { needs, view } = browser(gpu);
    const service = createTrainingService(needs);
    const events: TrainingEvent[] = [];
    await expect(view.predictLive(order(), 'x')).rejects.toMatchObject({ name: 'NoCheckpoint' });
    await service.run(order(), ALONE, (event) => {
      events.push(event);
      if (event.kind === 'epoch') service.stop();
    });
    const start = events.find((event) => event.kind === 'started')?.start;
    const [caseId = ''] = start?.validationCases ?? [];
    await view.predictLive(order(), caseId);
    expect((await view.showPrediction(order(), caseId, 'live')).voxels.length).toBeGreaterThan(0);
    await expect(view.showPrediction(order(), caseId, 'validation')).rejects.toThrow(caseId);
    await expect(view.predictLive(order(), 'nobody')).rejects.toMatchObject({ name: 'CaseMissing' });
  });

  test('two folds make one model', async ({ gpu }) => {
    const { needs } = browser(gpu);
    const first = order();
    const second = order({ runId: 'run-2', fold: 1 });
    await createTrainingService(needs).run(first, ALONE, () => undefined);
    await createTrainingService(needs).run(second, { ...ALONE, otherFolds: [first] }, () => undefined);
    const [model] = await needs.library.list();
    expect(model.model.folds.map(({ fold }) => fold).sort()).toEqual(['0', '1']);
  });

  test('validated again it has probabilities, and its folds are chosen from', async ({ gpu }) => {
    const { needs } = browser(gpu);
    const schedule = { epochs: 1, iterationsPerEpoch: 1, validationIterationsPerEpoch: 1 };
    const folds = [0, 1].map((fold) => ({ fold, runId: `choose-${fold}` }));
    const results = memoryFolderStore();
    const choosing = createChooseService({ ...needs, results });
    for (const { fold, runId } of folds) {
      await createTrainingService(needs).run(order({ runId, fold, schedule }), ALONE, () => undefined);
    }
    const [plain, other] = await choosing.survey(folds);
    expect(plain.cases).toBeGreaterThan(0);
    expect(plain.withProbabilities).toBe(0);

    const again = order({ runId: 'choose-0', fold: 0, schedule, shouldSaveProbabilities: true });
    const events: TrainingEvent[] = [];
    expect(await createTrainingService(needs).run(again, ALONE, (event) => events.push(event))).toBe('done');
    expect(kinds(events)).not.toContain('epoch');
    const [kept] = await choosing.survey(folds);
    expect(kept).toEqual({ ...plain, withProbabilities: plain.cases });

    const model = {
      trainer: again.trainerName,
      plans: again.plansName,
      configuration: again.configurationName,
    };
    const choice = await choosing.findBest(
      {
        datasetName: again.datasetName,
        candidates: [{ ...model, folds }],
        folds: [0, 1],
        isEnsemblingAllowed: false,
      },
      () => undefined,
    );
    expect(choice.scores.map(({ models }) => models)).toEqual([[model]]);
    expect(choice.scores[0].cases).toBe(plain.cases + other.cases);
    expect(choice.instructions).toContain('nnUNetv2_predict');
  });

  test('goes to a cluster with its data, and comes back as a model', async ({ gpu }) => {
    const { needs, view, archives } = browser(gpu);
    const service = createTrainingService(needs);
    await service.run(order(), ALONE, (event) => {
      if (event.kind === 'epoch' && event.epoch.epoch === 1) service.stop();
    });
    const choice = { gpus: 2, hasRaw: true };
    await expect(view.previewForCluster(order(), ALONE, choice)).rejects.toThrow('dataset_fingerprint.json');
    await preprocessed.write('dataset_fingerprint.json', '{}');
    await expect(view.previewForCluster(order(), ALONE, { ...choice, gpus: 3 })).rejects.toThrow(
      'cannot train on 3 GPUs: the batch has 2 samples',
    );
    const preview = await view.previewForCluster(order(), ALONE, choice);
    expect(preview.commands.at(-1)).toBe(
      'nnUNetv2_train Dataset000_Tiny 3d_fullres 0 -tr nnUNetTrainer_4epochs_3iterations_2val -num_gpus 2 --c',
    );
    expect(preview.notes[0]).toContain('nnU-Net has no nnUNetTrainer_4epochs_3iterations_2val');
    const saved = await view.saveForCluster(order(), ALONE, choice, undefined, 'call', () => undefined);
    expect(saved?.name).toBe('Dataset000_Tiny_3d_fullres_fold_0_for_nnunet.zip');
    const content = archives.get(saved?.name ?? '') ?? new Uint8Array();
    expect(content.length).toBe(preview.sizeInBytes);
    const entries = await entriesOf(memoryFile(content, 'cluster.zip'));
    const trainerName = 'nnUNetTrainer_4epochs_3iterations_2val';
    const model = `nnUNet_results/Dataset000_Tiny/${trainerName}__nnUNetPlans__3d_fullres`;
    const paths = [...entries.keys()];
    for (const path of [
      'CONTINUE.txt',
      `trainer/${trainerName}.py`,
      'nnUNet_preprocessed/Dataset000_Tiny/nnUNetPlans.json',
      'nnUNet_preprocessed/Dataset000_Tiny/splits_final.json',
      `${model}/fold_0/checkpoint_latest.pth`,
      `${model}/plans.json`,
    ]) {
      expect(paths).toContain(path);
    }
    expect(paths.some((path) => /^nnUNet_preprocessed\/.*3d_fullres\/.*\.npz$/.test(path))).toBe(true);
    expect(paths.some((path) => /^nnUNet_raw\/[^/]+\/imagesTr\//.test(path))).toBe(true);
    const trainer = entries.get(`trainer/${trainerName}.py`);
    expect(trainer && (await readText(trainer))).toContain('self.num_iterations_per_epoch = 3');

    const results = await view.saveResults(order());
    const alone = await entriesOf(memoryFile(archives.get(results.name) ?? new Uint8Array(), results.name));
    for (const [path, entry] of alone) {
      const other = entries.get(`${model}/${path.slice(path.indexOf('/') + 1)}`);
      expect(await entry.bytes(), path).toEqual(await other?.bytes());
    }
    expect([...alone.keys()].some((path) => path.endsWith('fold_0/checkpoint_best.pth'))).toBe(true);

    const withoutRaw = await view.previewForCluster(order(), ALONE, { gpus: 2, hasRaw: false });
    expect(withoutRaw.rawBytes).toBe(preview.rawBytes);
    expect(preview.sizeInBytes - withoutRaw.sizeInBytes).toBeGreaterThan(preview.rawBytes);

    const [back] = await importModel([...entries.values()]);
    expect(back.model.trainerName).toBe(trainerName);
    expect(back.model.folds).toMatchObject([{ fold: '0', checkpointName: 'checkpoint_best.pth' }]);
    expect((await back.loadFold('0')).size).toBeGreaterThan(0);

    const cancelled = view.saveForCluster(order(), ALONE, choice, undefined, 'other', () =>
      view.cancelSaving('other'),
    );
    await expect(cancelled).rejects.toThrow(/abort/i);
  });

  test('made longer it goes on from its end, says so, and gives a model of its own', async ({ gpu }) => {
    const { needs } = browser(gpu);
    const short = order({
      trainerName: 'nnUNetTrainer_1epoch',
      schedule: { epochs: 1, iterationsPerEpoch: 2, validationIterationsPerEpoch: 1 },
    });
    await createTrainingService(needs).run(short, ALONE, () => undefined);
    const events: TrainingEvent[] = [];
    const longer = {
      ...short,
      trainerName: 'nnUNetTrainer_2epochs',
      schedule: { ...short.schedule, epochs: 2 },
    };
    await createTrainingService(needs).run(longer, ALONE, (event) => events.push(event));
    expect(events.flatMap((event) => (event.kind === 'epoch' ? [event.epoch.epoch] : []))).toEqual([1]);
    const [notice] = events.flatMap((event) => (event.kind === 'notice' ? [event.message] : []));
    expect(notice).toMatch(/1 epoch of 2 \+ 1 iterations before, now 2 epochs of 2 \+ 1 iterations/);
    const models = await needs.library.list();
    expect(models.map(({ model }) => model.trainerName).sort()).toEqual([
      'nnUNetTrainer_1epoch',
      'nnUNetTrainer_2epochs',
    ]);
  });

  test('what was removed leaves nothing', async ({ gpu }) => {
    const { needs, view, folders } = browser(gpu);
    const quick = order({ schedule: { epochs: 1, iterationsPerEpoch: 1, validationIterationsPerEpoch: 1 } });
    await createTrainingService(needs).run(quick, ALONE, () => undefined);
    expect(await view.measure('run-1')).toBeGreaterThan(0);
    await view.sweep(['run-1']);
    expect(await view.measure('run-1')).toBeGreaterThan(0);
    await view.sweep([]);
    expect(folders.size).toBe(0);
    expect(await needs.checkpoints.chunks.keys()).toEqual([]);
  });
});
