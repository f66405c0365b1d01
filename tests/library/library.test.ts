// The library on a small dataset on disk, beside the command on the same one.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { predictCommand } from '@/cli/commands/segment/predict';
import { parseOptions } from '@/cli/options';
import { nodeWebGpu } from '@/gpu/nodeGpu';
import {
  type Device,
  importModel,
  importModels,
  type Model,
  openDevice,
  openPredictor,
  planDataset,
  predict,
  predictFolder,
  preprocessDataset,
  StudioError,
  type TrainedFold,
  trainFold,
} from '@/library/library';
import { nodeDatasetFolder } from '@/storage/nodeFiles';
import { TINY_DATASET, tinyDataset, tinyImage } from '../support/tinyDataset';
import { tinyPreprocessed } from '../support/tinyTraining';

const MINUTE = 60_000;
const SHORT = {
  configuration: '3d_fullres',
  epochs: 2,
  iterationsPerEpoch: 2,
  validationIterationsPerEpoch: 1,
};

let folder: string;
let device: Device;
let trained: TrainedFold;
let model: Model;
const at = (...parts: string[]) => path.join(folder, ...parts);
const training = () => ({
  ...SHORT,
  preprocessed: at('preprocessed', TINY_DATASET),
  results: at('results', TINY_DATASET),
  device,
});

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'nnstudio-library-'));
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  for (const [name, content] of tinyDataset()) {
    mkdirSync(path.dirname(at('raw', TINY_DATASET, name)), { recursive: true });
    writeFileSync(at('raw', TINY_DATASET, name), content);
  }
  await tinyPreprocessed(undefined, nodeDatasetFolder(at('preprocessed', TINY_DATASET)));
  for (const [i, caseId] of ['a', 'b'].entries()) {
    mkdirSync(at('images'), { recursive: true });
    writeFileSync(at('images', `${caseId}_0000.nii`), tinyImage(70 + i));
    writeFileSync(at('images', `${caseId}_0001.nii`), tinyImage(80 + i));
  }
  device = await openDevice();
  trained = await trainFold({ ...training(), fold: 0 });
  model = await importModel(trained.modelFolder);
}, 3 * MINUTE);

afterAll(() => {
  device.close();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

describe('a dataset', () => {
  test('is planned and preprocessed into nnU-Net’s files', { timeout: 2 * MINUTE }, async () => {
    const folders = { raw: at('raw', TINY_DATASET), preprocessed: at('planned', TINY_DATASET) };
    const stages: string[] = [];
    const planned = await planDataset({
      ...folders,
      processes: 1,
      planner: 'nnUNetPlannerResEncM',
      onProgress: ({ stage }) => stages.push(stage),
    });
    expect(planned.name).toBe(TINY_DATASET);
    expect(planned.plans.experiment_planner_used).toBe('nnUNetPlannerResEncM');
    expect(JSON.parse(readFileSync(planned.plansFile, 'utf8')).plans_name).toBe('nnUNetResEncUNetMPlans');
    expect(new Set(stages)).toEqual(new Set(['reading', 'statistics']));

    stages.length = 0;
    const again = await planDataset({ ...folders, onProgress: ({ stage }) => stages.push(stage) });
    expect(again.fingerprint).toEqual(planned.fingerprint);
    expect(stages).toEqual([]); // the fingerprint was there already

    const cases: string[] = [];
    const { preprocessed, skipped, failures } = await preprocessDataset({
      ...folders,
      processes: 1,
      configurations: ['2d', '3d_lowres'],
      onCase: ({ caseId }) => cases.push(caseId),
    });
    expect(preprocessed).toEqual(['2d']);
    expect(skipped.map(({ configuration }) => configuration)).toEqual(['3d_lowres']);
    expect(failures).toEqual([]);
    expect(cases.sort()).toEqual([0, 1, 2, 3, 4, 5].map((i) => `case_${i}`));
  });

  test('is not written over, and wrong options are named', async () => {
    const raw = at('raw', TINY_DATASET);
    await expect(planDataset({ raw, preprocessed: raw })).rejects.toMatchObject({
      name: 'WouldReplaceInput',
    });
    const preprocessed = at('nothing');
    await expect(preprocessDataset({ raw, preprocessed })).rejects.toMatchObject({ name: 'NoPlans' });
    await expect(planDataset({ raw: at('no'), preprocessed })).rejects.toMatchObject({ name: 'NoDataset' });
    await expect(planDataset({ raw, preprocessed, processes: 0 })).rejects.toThrow(/processes is a whole/);
  });
});

describe('a training', () => {
  test('has nnU-Net’s files and a Dice, and its epochs are in its name', () => {
    expect(trained).toMatchObject({ status: 'done', epochs: 2 });
    expect(trained.validationDice).toBeGreaterThanOrEqual(0);
    expect(path.basename(trained.modelFolder)).toBe('nnUNetTrainer_2epochs__nnUNetPlans__3d_fullres');
    expect(readdirSync(path.join(trained.modelFolder, 'fold_0'))).toContain('checkpoint_final.pth');
  });

  test('stops at its signal and resumes', { timeout: 2 * MINUTE }, async () => {
    const controller = new AbortController();
    const epochs: number[] = [];
    const onEpoch = ({ epoch }: { readonly epoch: number }) => {
      epochs.push(epoch);
      controller.abort();
    };
    const options = { ...training(), fold: 1, validation: false };
    const stopped = await trainFold({ ...options, signal: controller.signal, onEpoch });
    expect(stopped).toMatchObject({ status: 'stopped', epochs: 1 });
    const resumed = await trainFold({ ...options, resume: true, onEpoch });
    expect(resumed).toMatchObject({ status: 'done', epochs: 2 });
    expect(resumed.validationDice).toBeUndefined();
    expect(epochs).toEqual([0, 1]);
  });

  test('says in words what it cannot do', async () => {
    await expect(trainFold({ ...training(), fold: 0, epochs: 1.5 })).rejects.toThrow(
      /epochs is a whole number/,
    );
    await expect(trainFold({ ...training(), fold: 0, trainer: 'nnUNetTrainerX' })).rejects.toMatchObject({
      name: 'UnknownTrainer',
    });
    const cpu = await openDevice('cpu');
    await expect(trainFold({ ...training(), fold: 2, device: cpu })).rejects.toThrow(/processor/);
  });
});

describe('a model', () => {
  test('tells what it is', async () => {
    expect(model).toMatchObject({
      datasetName: TINY_DATASET,
      trainer: 'nnUNetTrainer_2epochs',
      plans: 'nnUNetPlans',
      configuration: '3d_fullres',
      folds: ['0'],
      channelNames: ['T1', 'CT'],
      fileEnding: '.nii',
    });
    expect([...model.labels]).toEqual([
      [0, 'background'],
      [1, 'organ'],
      [2, 'lesion'],
    ]);
    expect((await importModels(at('results'))).map(({ configuration }) => configuration)).toEqual([
      '3d_fullres',
    ]);
  });

  test('that is not there is an error with a name', async () => {
    const error: unknown = await importModel(at('nothing.zip')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StudioError);
    expect(error).toMatchObject({ name: 'NoModel' });
    await expect(importModel(trained.modelFolder, { folds: [3] })).rejects.toMatchObject({
      name: 'MissingFold',
    });
    await expect(predict({ ...model }, at('images'))).rejects.toMatchObject({ name: 'NotOurs' });
  });
});

describe('a prediction', () => {
  test('of a folder leaves the files of the command, byte for byte', { timeout: 2 * MINUTE }, async () => {
    const results = await predictFolder(model, at('images'), at('by-library'), { device, mirroring: false });
    expect(results.map(({ caseId, status }) => [caseId, status])).toEqual([
      ['a', 'done'],
      ['b', 'done'],
    ]);
    const line = `-i ${at('images')} -o ${at('by-command')} -m ${trained.modelFolder} -f 0 --disable_tta --disable_progress_bar`;
    await predictCommand.run(
      parseOptions(line.split(' '), predictCommand.options),
      new AbortController().signal,
    );
    expect(readdirSync(at('by-library'))).toEqual(readdirSync(at('by-command')));
    const names = ['a.nii', 'b.nii', 'plans.json', 'dataset.json'];
    const contents = (where: string) => names.map((name) => readFileSync(at(where, name), 'base64'));
    expect(contents('by-library')).toEqual(contents('by-command'));
  });

  test('of one image, by its files and by its voxels, is the same', { timeout: 2 * MINUTE }, async () => {
    const files = [at('images', 'a_0000.nii'), at('images', 'a_0001.nii')];
    const predictor = await openPredictor(model, { device, mirroring: false, probabilities: true });
    const stages = new Set<string>();
    const [segmentation, other] = await Promise.all([
      predictor.predict(files, { onProgress: ({ stage }) => stages.add(stage) }),
      predictor.predict([at('images', 'b_0000.nii'), at('images', 'b_0001.nii')]),
    ]);
    expect(stages).toContain('network');
    expect(segmentation.shape).toEqual([8, 10, 12]);
    expect(segmentation.spacing).toEqual([2, 1, 1]);
    expect(segmentation.probabilities).toHaveLength(3 * 8 * 10 * 12);
    expect(other.data).not.toEqual(segmentation.data);

    // The voxels of a float NIfTI lie behind a header of 352 bytes, x fastest.
    const voxels = files.flatMap((file) => [
      ...new Float32Array(readFileSync(file).buffer.slice(352), 0, 8 * 10 * 12),
    ]);
    const { shape, spacing } = segmentation;
    const image = { data: Float32Array.from(voxels), channels: 2, shape, spacing };
    expect((await predictor.predict(image)).data).toEqual(segmentation.data);
    await predictor.close();

    await segmentation.save(at('a.nii'));
    expect(readFileSync(at('a.nii')).equals(readFileSync(at('by-library', 'a.nii')))).toBe(true);
    await expect(segmentation.save(at('a.jpg'))).rejects.toMatchObject({ name: 'UnsupportedFormat' });
    cpSync(files[0], at('kept.nii'));
    await expect(segmentation.save(files[0])).rejects.toMatchObject({ name: 'WouldReplaceInput' });
    expect(readFileSync(files[0]).equals(readFileSync(at('kept.nii')))).toBe(true);
  });

  test('on a GPUDevice of the caller’s leaves it open', { timeout: 2 * MINUTE }, async () => {
    const adapter = await (await nodeWebGpu()).requestAdapter();
    const own = await adapter?.requestDevice();
    if (!own) throw new Error('there is no adapter');
    const borrowed = await openDevice(own);
    expect(borrowed).toMatchObject({ kind: 'gpu', description: device.description });
    const image = {
      data: new Float32Array(2 * 960).fill(1),
      channels: 2,
      shape: [8, 10, 12],
      spacing: [2, 1, 1],
    } as const;
    const onOwn = await predict(model, image, { device: borrowed, mirroring: false });
    expect(onOwn.data).toEqual((await predict(model, image, { device, mirroring: false })).data);
    borrowed.close();
    own.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE }).destroy();
    await own.queue.onSubmittedWorkDone();
    own.destroy();
  });

  test('is refused in words', { timeout: MINUTE }, async () => {
    const options = { device, mirroring: false };
    await expect(predict(model, at('nowhere.nii'), options)).rejects.toThrow(/nowhere.nii does not exist/);
    await expect(predict(model, at('images'), options)).rejects.toMatchObject({ name: 'SeveralCases' });
    await expect(predict(model, at('images', 'a_0000.nii'), options)).rejects.toMatchObject({
      name: 'ChannelCount',
    });
    await expect(predict(model, at('images'), { ...options, stepSize: 2 })).rejects.toMatchObject({
      name: 'BadSettings',
    });
    const image = { data: new Float32Array(3), channels: 2, shape: [8, 10, 12], spacing: [2, 1, 1] } as const;
    await expect(predict(model, image, options)).rejects.toThrow(/has 1920 values, not 3/);
    const aborted = AbortSignal.abort();
    await expect(predict(model, at('images'), { ...options, signal: aborted })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await expect(
      predictFolder(model, at('images'), at('aborted'), { ...options, signal: aborted }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(at('aborted'))).toBe(false);
  });
});

test('a device of no kind, and one that is closed, say so', async () => {
  await expect(openDevice(JSON.parse('"tpu"'))).rejects.toThrow(/no device tpu.*'cpu'/);
  const closed = await openDevice();
  closed.close();
  await expect(trainFold({ ...training(), fold: 0, device: closed })).rejects.toMatchObject({
    name: 'DeviceClosed',
  });
});
