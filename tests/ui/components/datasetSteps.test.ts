import { expect, test } from 'vitest';
import type { CheckSummary, DatasetRecord } from '@/storage/datasetRecord';
import { remainingTasks, stepsOf } from '@/ui/components/datasetSteps';

const check: CheckSummary = {
  isTrainable: true,
  errors: 0,
  warnings: 0,
  badCases: 0,
  findings: [],
  reader: 'SimpleITKIO',
  checkedAt: 1,
};
const fresh: DatasetRecord = {
  name: 'Dataset001_A',
  title: 'A',
  kind: 'raw',
  addedAt: 1,
  caseCount: 6,
  numTraining: 6,
  channelNames: ['CT'],
  labels: [],
  ignoreLabel: undefined,
  fileEnding: '.nii.gz',
  rawBytes: 1,
  check: undefined,
  hasFingerprint: false,
  plans: [],
  preprocessed: [],
  preprocessedBytes: 0,
  tasks: [],
};
const planned: DatasetRecord = { ...fresh, check, hasFingerprint: true, plans: ['nnUNetPlans'] };
const statesOf = (dataset: DatasetRecord, activity: Partial<Parameters<typeof stepsOf>[1]> = {}) =>
  stepsOf(dataset, { running: undefined, failure: undefined, ...activity }).map(({ state }) => state);

test('a dataset that lacks nothing but label maps is no failure, and waits for them', () => {
  const unlabelled = { ...fresh, unlabelled: 2, check: { ...check, isTrainable: false } };
  expect(statesOf(unlabelled)).toEqual(['next', 'later', 'later', 'later']);
  const [first, second] = stepsOf(unlabelled, { running: undefined, failure: undefined });
  expect([first.text, second.text]).toEqual(['2 of 6 cases without a label map', 'Waits for the label maps']);
  expect(statesOf({ ...unlabelled, check: { ...unlabelled.check, errors: 1 } })[0]).toBe('failed');
});

test('one step is next, those behind it are later', () => {
  expect(statesOf(fresh)).toEqual(['next', 'later', 'later', 'later']);
  expect(statesOf({ ...fresh, check })).toEqual(['done', 'next', 'later', 'later']);
  expect(statesOf(planned)).toEqual(['done', 'done', 'done', 'next']);
});

test('a dataset with errors has no next step', () => {
  const bad = { ...fresh, check: { ...check, isTrainable: false, errors: 2, badCases: 1 } };
  expect(statesOf(bad)).toEqual(['failed', 'later', 'later', 'later']);
  expect(stepsOf(bad, { running: undefined, failure: undefined })[0].text).toBe('2 errors in 1 case');
});

test('preprocessing is done when one configuration has every case', () => {
  const data = (cases: number) => ({ dataIdentifier: 'nnUNetPlans_2d', cases, sizeInBytes: 1 });
  const partly = stepsOf(
    { ...planned, preprocessed: [data(4)] },
    { running: undefined, failure: undefined },
  )[3];
  expect([partly.state, partly.text]).toEqual(['next', 'nnUNetPlans_2d: 4 of 6']);
  expect(statesOf({ ...planned, preprocessed: [data(4), data(6)] })[3]).toBe('done');
});

test('what runs, waits or failed shows', () => {
  const running = { name: fresh.name, task: { kind: 'check' }, startedAt: 1, progress: undefined } as const;
  const waiting = { ...fresh, tasks: [{ kind: 'check' }, { kind: 'fingerprint' }] } as const;
  expect(statesOf(waiting, { running })).toEqual(['running', 'waiting', 'later', 'later']);
  const failure = { kind: 'preprocess', name: 'StorageFull', message: 'full' } as const;
  expect(statesOf(planned, { failure })[3]).toBe('failed');
});

test('all steps are those that are left', () => {
  expect(remainingTasks(fresh).map(({ kind }) => kind)).toEqual([
    'check',
    'fingerprint',
    'plan',
    'preprocess',
  ]);
  expect(remainingTasks(planned)).toEqual([
    { kind: 'preprocess', plansName: 'nnUNetPlans', configurations: ['2d', '3d_fullres', '3d_lowres'] },
  ]);
});
