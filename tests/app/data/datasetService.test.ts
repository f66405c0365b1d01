import { beforeEach, expect, test } from 'vitest';
import { createDatasetService } from '@/app/data/datasetService';
import { planDataset, readFingerprint } from '@/app/plan/planDataset';
import { openRawDataset } from '@/core/dataset/rawDataset';
import { crossValidationSplits } from '@/core/dataset/splits';
import { gzip } from '@/core/io/gzip';
import { writeZip } from '@/core/io/zipStream';
import { plannerNamed } from '@/core/planning/planners';
import { plansJson } from '@/core/planning/writePlans';
import { messageOf } from '@/shared/errors';
import type { DatasetApi } from '@/workers/data/api';
import { localCaseWorkers } from '@/workers/data/caseWorkers';
import type { GivenFile } from '@/workers/files/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { memoryFolders } from '../../support/memoryFolders';
import { niftiFile } from '../../support/nifti';
import {
  type DatasetContents,
  filesOf,
  jsonBytes,
  labelValues,
  TINY_DATASET,
  TINY_JSON,
  tinyDataset,
  tinyImage,
  tinyLabels,
} from '../../support/tinyDataset';

let folders: ReturnType<typeof memoryFolders>;
let service: DatasetApi;
const quiet = () => undefined;

beforeEach(() => {
  folders = memoryFolders();
  service = createDatasetService({
    folders,
    records: new MemoryRecords(),
    checks: new MemoryRecords(),
    exclusively: (work) => work(),
  });
});

const blobOf = (bytes: Uint8Array) => new Blob([bytes as BlobPart]);

function given(contents: DatasetContents = tinyDataset(), folder = TINY_DATASET): readonly GivenFile[] {
  return [...contents].map(([path, bytes]) => ({ path: `${folder}/${path}`, content: blobOf(bytes) }));
}

async function imported(contents?: DatasetContents): Promise<void> {
  await service.importDataset(given(contents), TINY_DATASET, 'a', quiet);
}

test('a raw dataset, a Decathlon task and loose pairs are told apart by what they hold', async () => {
  const raw = await service.recognise(given(), { isExpected: true }, 'r', quiet);
  expect(raw).toEqual({ kind: 'raw', name: TINY_DATASET, isKept: false });

  const json = { labels: { '0': 'background', '1': 'x' }, modality: { '0': 'MRI' }, numTraining: 1 };
  const image = await gzip(niftiFile({ dim: [4, 3, 2] }));
  const paths = ['imagesTr/a.nii.gz', 'imagesTs/b.nii.gz', 'labelsTr/a.nii.gz'];
  const task = [
    ...paths.map((path) => ({ path: `Task03_Test/${path}`, content: image })),
    { path: 'Task03_Test/dataset.json', content: jsonBytes(json) },
  ];
  const zip = { path: 'Task03_Test.zip', content: blobOf(writeZip(task)) };
  expect(await service.recognise([zip], { isExpected: true }, 'r', quiet)).toMatchObject({
    kind: 'decathlon',
    name: 'Dataset003_Test',
  });

  const pairs = [
    { path: 'mine/images/a.nii', content: blobOf(tinyImage(1)) },
    { path: 'mine/masks/a.nii', content: blobOf(tinyLabels()) },
    { path: 'mine/images/b.nii', content: blobOf(tinyImage(2)) },
  ];
  expect(await service.recognise(pairs, { isExpected: true }, 'r', quiet)).toEqual({
    kind: 'pairs',
    caseIds: ['a'],
    channels: 1,
    fileEnding: '.nii',
    values: [0, 1, 2].map((value) => ({ value, cases: 1 })),
    unlabelled: ['b'],
    unpaired: [],
    name: 'Dataset001_Mine',
  });
  expect(await service.recognise(pairs, { isExpected: false }, 'r', quiet)).toEqual({ kind: 'none' });
  const unlabelled = await service.recognise(pairs.slice(0, 1), { isExpected: true }, 'r', quiet);
  expect(unlabelled).toMatchObject({ kind: 'pairs', caseIds: [], unlabelled: ['a'] });
  expect(await service.recognise(pairs.slice(0, 1), { isExpected: false }, 'r', quiet)).toEqual({
    kind: 'none',
  });
  const model = ['plans.json', 'dataset.json', 'fold_0/checkpoint_final.pth'];
  const files = model.map((path) => ({ path: `model/${path}`, content: blobOf(jsonBytes(TINY_JSON)) }));
  expect(await service.recognise(files, { isExpected: true }, 'r', quiet)).toEqual({ kind: 'none' });
});

test('a folder of another name gets the next free number', async () => {
  await imported();
  const again = await service.recognise(
    given(tinyDataset(), 'my data-set'),
    { isExpected: true },
    'r',
    quiet,
  );
  expect(again).toEqual({ kind: 'raw', name: 'Dataset001_MyDataSet', isKept: false });
  const record = await service.importDataset(
    given(tinyDataset(), 'my data-set'),
    'Dataset001_MyDataSet',
    'a',
    quiet,
  );
  expect([record.name, record.title, record.caseCount]).toEqual(['Dataset001_MyDataSet', 'MyDataSet', 6]);
});

test('from import to preprocessed arrays, with what is there told at every step', async () => {
  await imported();
  expect(await service.find(TINY_DATASET)).toMatchObject({
    title: 'Tiny',
    kind: 'raw',
    caseCount: 6,
    channelNames: ['T1', 'CT'],
    labels: [
      { name: 'background', values: [0] },
      { name: 'organ', values: [1] },
      { name: 'lesion', values: [2] },
    ],
    check: undefined,
    hasFingerprint: false,
  });
  await expect(service.extractFingerprint(TINY_DATASET, 'a', quiet)).rejects.toThrow('not been checked');

  const stages: string[] = [];
  const checked = await service.check(TINY_DATASET, 'a', ({ stage }) => stages.push(stage));
  expect(checked.check).toMatchObject({ isTrainable: true, errors: 0, badCases: 0, reader: 'NibabelIO' });
  expect(stages).toContain('Checking cases');
  const [preview] = await service.readPreviews(TINY_DATASET, ['case_0']);
  expect(preview?.thumbnail).toMatchObject({ width: 96, height: 80 });
  expect(new Set(preview?.thumbnail.labels)).toEqual(new Set([0, 1, 2]));
  const samples = await service.readSamples(TINY_DATASET, 'stored');
  expect(samples.map(({ all, foreground }) => [all.length, foreground.length])).toEqual([
    [6 * 512, 6 * 250],
    [6 * 512, 6 * 250],
  ]);

  await expect(service.plan(TINY_DATASET, { planner: 'ExperimentPlanner' })).rejects.toThrow(
    'no fingerprint',
  );
  await service.extractFingerprint(TINY_DATASET, 'a', quiet);
  expect(await service.plan(TINY_DATASET, { planner: 'ExperimentPlanner' })).toBe('nnUNetPlans');
  const { document } = await openRawDataset(filesOf(tinyDataset()));
  const { content } = await service.readFile(TINY_DATASET, 'preprocessed/dataset_fingerprint.json');
  const expected = planDataset({
    name: TINY_DATASET,
    document,
    fingerprint: readFingerprint(await content.text(), 'fingerprint'),
    planner: plannerNamed('ExperimentPlanner'),
    reader: 'NibabelIO',
  });
  expect(await service.readPlans(TINY_DATASET, 'nnUNetPlans')).toBe(plansJson(expected));

  const request = { plansName: 'nnUNetPlans', configurations: ['3d_fullres', '3d_lowres'] };
  const outcome = await service.preprocess(TINY_DATASET, request, 'a', quiet);
  expect(outcome).toMatchObject({
    preprocessed: ['3d_fullres'],
    skipped: [{ configuration: '3d_lowres' }],
    failures: [],
  });
  const record = await service.find(TINY_DATASET);
  expect(record).toMatchObject({
    hasFingerprint: true,
    plans: ['nnUNetPlans'],
    preprocessed: [{ dataIdentifier: 'nnUNetPlans_3d_fullres', cases: 6 }],
  });
  expect(record.preprocessedBytes).toBeGreaterThan(record.preprocessed[0].sizeInBytes);

  await service.remove(TINY_DATASET, 'preprocessed');
  expect(await service.find(TINY_DATASET)).toMatchObject({
    hasFingerprint: true,
    plans: ['nnUNetPlans'],
    preprocessed: [],
  });
  await service.remove(TINY_DATASET, 'all');
  expect(await service.list()).toEqual([]);
  expect(folders.paths()).toEqual([]);
  await expect(service.find(TINY_DATASET)).rejects.toThrow('no dataset');
});

test('every configuration is preprocessed by as many threads as the browser gives', async () => {
  const counts: number[] = [];
  service = createDatasetService({
    folders,
    records: new MemoryRecords(),
    checks: new MemoryRecords(),
    exclusively: (work) => work(),
    startCaseWorkers: (count = 3) => {
      counts.push(count);
      return localCaseWorkers({ atOnce: count });
    },
  });
  await imported();
  await service.check(TINY_DATASET, 'a', quiet);
  await service.extractFingerprint(TINY_DATASET, 'a', quiet);
  await service.plan(TINY_DATASET, { planner: 'ExperimentPlanner' });
  const request = { plansName: 'nnUNetPlans', configurations: ['2d', '3d_fullres'] };
  await service.preprocess(TINY_DATASET, request, 'a', quiet);
  expect(counts).toEqual([3, 3, 3]);
  expect((await service.find(TINY_DATASET)).preprocessed.map(({ cases }) => cases)).toEqual([6, 6]);
});

test('a dataset with errors says which, and is not planned', async () => {
  const contents = tinyDataset();
  contents.set('labelsTr/case_3.nii', tinyLabels({ values: labelValues().map((value) => value * 4) }));
  await imported(contents);
  const { check } = await service.check(TINY_DATASET, 'a', quiet);
  expect(check).toMatchObject({ isTrainable: false, errors: 1, badCases: 1 });
  const broken = (await service.readChecks(TINY_DATASET)).find(({ status }) => status === 'error');
  expect(broken?.caseId).toBe('case_3');
  expect(broken?.findings[0].message).toContain('labelsTr/case_3.nii holds the values 4, 8');
  await expect(service.extractFingerprint(TINY_DATASET, 'a', quiet)).rejects.toThrow('found 1 error');
});

test('a cancelled import leaves nothing', async () => {
  const copying = service.importDataset(given(), TINY_DATASET, 'a', () => service.cancel('a'));
  await expect(copying).rejects.toMatchObject({ name: 'AbortError' });
  expect(folders.paths()).toEqual([]);
  expect(await service.list()).toEqual([]);
});

test('a second dataset of the same name is refused, and the first stays', async () => {
  await imported();
  const before = folders.paths();
  const again = await imported().catch(messageOf);
  expect(again).toContain(`There is a dataset ${TINY_DATASET} here already`);
  expect(folders.paths()).toEqual(before);
});

test('one that is replaced stays where the new one is no dataset, and makes room for it where it is', async () => {
  await imported();
  const before = folders.paths();
  const broken: DatasetContents = new Map([...tinyDataset(), ['dataset.json', jsonBytes({ labels: 3 })]]);
  await expect(service.replaceDataset(given(broken), TINY_DATASET, 'a', quiet)).rejects.toThrow(
    'dataset.json',
  );
  expect(folders.paths()).toEqual(before);
  expect(await service.list()).toHaveLength(1);

  const smaller: DatasetContents = new Map([...tinyDataset()].filter(([path]) => !path.includes('case_3')));
  const { caseCount } = await service.replaceDataset(given(smaller), TINY_DATASET, 'a', quiet);
  expect(caseCount).toBe(5);
  expect(folders.paths().filter((path) => path.includes('case_3'))).toEqual([]);
});

test('what a closed tab left is swept away, datasets are not', async () => {
  await imported();
  await folders.folder('Dataset009_Half', 'raw').write('imagesTr/a.nii', new Uint8Array(1));
  await service.sweep();
  expect(await folders.names()).toEqual([TINY_DATASET]);
});

test('another title is kept, also by a dataset that takes its place; its name stays', async () => {
  await imported();
  expect(await service.rename(TINY_DATASET, 'Brains of 2026')).toMatchObject({ name: TINY_DATASET });
  expect(await service.list()).toMatchObject([{ name: TINY_DATASET, title: 'Brains of 2026' }]);
  const replaced = await service.replaceDataset(given(), TINY_DATASET, 'a', quiet);
  expect(replaced.title).toBe('Brains of 2026');
});

test("splits are nnU-Net's until own ones are given, which must know their cases", async () => {
  await imported();
  const ids = [0, 1, 2, 3, 4, 5].map((i) => `case_${i}`);
  const own = await service.readSplits(TINY_DATASET);
  expect(own).toEqual({ origin: 'nnunet', splits: crossValidationSplits(ids) });
  const text = JSON.stringify([{ train: ['case_0'], val: ['case_1'] }]);
  await expect(service.writeSplits(TINY_DATASET, text.replace('case_1', 'nobody'))).rejects.toThrow('nobody');
  await service.writeSplits(TINY_DATASET, text);
  expect(await service.readSplits(TINY_DATASET)).toEqual({
    origin: 'given',
    splits: [{ train: ['case_0'], val: ['case_1'] }],
  });
  await service.removeSplits(TINY_DATASET);
  expect((await service.readSplits(TINY_DATASET))?.origin).toBe('nnunet');
});

test('a case is shown with its labels, whatever they are stored as', async () => {
  const contents = tinyDataset();
  contents.set('labelsTr/case_0.nii', tinyLabels({ type: 'float32' }));
  await imported(contents);
  const { centers, voxels } = await service.showLabels(TINY_DATASET, 'case_0');
  expect(Object.keys(centers)).toEqual(['1', '2']);
  expect(voxels).toHaveLength(960);
  expect((await service.showImage(TINY_DATASET, 'case_0', 1)).voxels).toHaveLength(960);
});

test('the sample is made once, and stands the check', async () => {
  const made = await service.importSample('a', quiet);
  expect([made.name, made.kind, made.caseCount]).toEqual(['Dataset900_Phantom', 'sample', 8]);
  const { check } = await service.check(made.name, 'a', quiet);
  expect(check).toMatchObject({ isTrainable: true, warnings: 0 });
  expect((await service.importSample('a', quiet)).addedAt).toBe(made.addedAt);
});
