import { beforeAll, expect, test } from 'vitest';
import { extractFingerprint } from '@/app/data/extractFingerprint';
import { type PreprocessedReport, preprocessDataset } from '@/app/data/preprocessDataset';
import { planDataset } from '@/app/plan/planDataset';
import { openRawDataset, parseDatasetDocument } from '@/core/dataset/rawDataset';
import { readNpz } from '@/core/io/npy';
import { plannerNamed } from '@/core/planning/planners';
import { readPlans } from '@/core/planning/readPlans';
import { plansJson } from '@/core/planning/writePlans';
import { isAbort } from '@/shared/errors';
import { localCaseWorkers } from '@/workers/data/caseWorkers';
import { memoryFolder } from '../../support/memoryFolder';
import { filesOf, TINY_DATASET, TINY_JSON, tinyDataset, tinyLabels } from '../../support/tinyDataset';

const MINUTE = 60_000;

async function selfConfigured() {
  const dataset = await openRawDataset(filesOf(tinyDataset()));
  const fingerprint = await extractFingerprint({ dataset });
  const plans = planDataset({
    name: TINY_DATASET,
    document: dataset.document,
    fingerprint,
    planner: plannerNamed('ExperimentPlanner'),
  });
  return { dataset, fingerprint, plans: readPlans(plansJson(plans), 'nnUNetPlans.json') };
}

/** Made once: a fingerprint takes 10⁸ draws a channel, however small the dataset. */
let configured: ReturnType<typeof selfConfigured>;
beforeAll(async () => {
  configured = selfConfigured();
  await configured;
}, 2 * MINUTE);

test('a dataset goes from files to training data, and goes on where it stopped', {
  timeout: 2 * MINUTE,
}, async () => {
  const contents = tinyDataset();
  const { dataset, plans } = await configured;
  const folder = memoryFolder();
  const job = { dataset, plans, configurations: ['2d', '3d_fullres', '3d_lowres'], folder };

  const controller = new AbortController();
  const stopped = preprocessDataset({
    ...job,
    startWorkers: () => localCaseWorkers({ atOnce: 1 }),
    signal: controller.signal,
    onCase: ({ done }) => done === 2 && controller.abort(),
  });
  await expect(stopped).rejects.toSatisfy(isAbort);

  const reports: PreprocessedReport[] = [];
  const summary = await preprocessDataset({ ...job, onCase: (report) => reports.push(report) });
  expect(summary.preprocessed).toEqual(['2d', '3d_fullres']);
  expect(summary.skipped).toEqual([{ configuration: '3d_lowres', reason: 'nnUNetPlans has no 3d_lowres' }]);
  expect(reports.filter(({ status }) => status === 'unchanged')).toHaveLength(2);
  expect(reports.filter(({ status }) => status === 'done')).toHaveLength(10);

  const npz = await readNpz(folder.contents.get('nnUNetPlans_3d_fullres/case_4.npz') ?? new Uint8Array());
  expect(npz.get('data')).toMatchObject({ dtype: 'f4', shape: [2, 8, 10, 12] });
  expect(npz.get('seg')).toMatchObject({ dtype: 'i2', shape: [1, 8, 10, 12] });
  expect(folder.contents.has('gt_segmentations/case_4.nii')).toBe(true);
  const splits = JSON.parse(new TextDecoder().decode(folder.contents.get('splits_final.json')));
  expect(splits).toHaveLength(5);

  contents.set('labelsTr/case_3.nii', tinyLabels({ values: new Uint8Array(960).fill(1) }));
  contents.delete('imagesTr/case_5_0000.nii');
  contents.delete('imagesTr/case_5_0001.nii');
  const changed = await openRawDataset(filesOf(contents));
  const again: PreprocessedReport[] = [];
  await preprocessDataset({ ...job, dataset: changed, configurations: ['2d'], onCase: (r) => again.push(r) });
  const byCase = Object.fromEntries(again.map(({ caseId, status }) => [caseId, status]));
  expect(byCase).toEqual({
    case_0: 'unchanged',
    case_1: 'unchanged',
    case_2: 'unchanged',
    case_3: 'done',
    case_4: 'unchanged',
  });
  expect(await folder.list('nnUNetPlans_2d')).not.toContain('case_5.npz');
});

test('a case that fails does not stop the others', async () => {
  const { plans } = await configured;
  const contents = tinyDataset();
  contents.set('imagesTr/case_2_0001.nii', new Uint8Array(100));
  const dataset = await openRawDataset(filesOf(contents));
  const { failures } = await preprocessDataset({
    dataset,
    plans,
    configurations: ['3d_fullres'],
    folder: memoryFolder(),
  });
  expect(failures.map(({ caseId }) => caseId)).toEqual(['case_2']);
});

test('the first bad case stops the fingerprint and is named', async () => {
  const contents = tinyDataset();
  contents.set('labelsTr/case_1.nii', new Uint8Array(0));
  const dataset = await openRawDataset(filesOf(contents));
  await expect(extractFingerprint({ dataset })).rejects.toThrow(/case_1/);
});

test('planning needs dataset.json and fingerprint alone, pictures too', async () => {
  const { fingerprint } = await configured;
  const document = parseDatasetDocument({ ...TINY_JSON, file_ending: '.png' }, 'dataset.json');
  const plans = planDataset({
    name: 'x',
    document,
    fingerprint,
    planner: plannerNamed('nnUNetPlannerResEncM'),
  });
  expect(plans.image_reader_writer).toBe('NaturalImage2DIO');
});
