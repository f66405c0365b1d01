import { beforeEach, expect, test, vi } from 'vitest';
import { createDatasetService } from '@/app/data/datasetService';
import { createDatasets, type Datasets } from '@/app/data/datasetStore';
import type { DatasetApi } from '@/workers/data/api';
import type { GivenFile } from '@/workers/files/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { memoryFolders } from '../../support/memoryFolders';
import { TINY_DATASET, tinyDataset } from '../../support/tinyDataset';

const files: readonly GivenFile[] = [...tinyDataset()].map(([path, content]) => ({
  path: `${TINY_DATASET}/${path}`,
  content: new Blob([content as BlobPart]),
}));

let api: DatasetApi;
let datasets: Datasets;

const openDatasets = () =>
  createDatasets({ api, exclusively: (work) => work(), whileAdding: (work) => work() });

beforeEach(() => {
  api = createDatasetService({
    folders: memoryFolders(),
    records: new MemoryRecords(),
    checks: new MemoryRecords(),
    exclusively: (work) => work(),
  });
  datasets = openDatasets();
});

const state = () => datasets.store.getState();
const tasksOf = () => state().datasets[0]?.tasks.map(({ kind }) => kind);

test('what is imported is checked at once', async () => {
  await datasets.importDataset(files, TINY_DATASET);
  await datasets.idle();
  expect(state().datasets[0].check?.isTrainable).toBe(true);
  expect([state().running, state().importing, tasksOf()]).toEqual([undefined, undefined, []]);
  expect(state().outcome).toBe(`${TINY_DATASET}: checked.`);
});

test('tasks are done one after the other, and one that fails drops those behind it', async () => {
  await datasets.importDataset(files, TINY_DATASET);
  await datasets.idle();
  await datasets.enqueue(TINY_DATASET, [
    { kind: 'plan', planner: 'ExperimentPlanner' },
    { kind: 'preprocess', plansName: 'nnUNetPlans', configurations: ['3d_fullres'] },
  ]);
  await datasets.idle();
  expect(state().failures[TINY_DATASET]).toMatchObject({ kind: 'plan', name: 'NoFingerprint' });
  expect(tasksOf()).toEqual([]);
  expect(state().datasets[0].preprocessed).toEqual([]);
});

test('what waited or ran when the page was closed goes on', async () => {
  await datasets.importDataset(files, TINY_DATASET);
  await datasets.idle();
  await api.addTasks(TINY_DATASET, [{ kind: 'check' }]);
  const check = vi.spyOn(api, 'check');
  datasets = openDatasets();
  await datasets.load();
  await datasets.idle();
  expect(check).toHaveBeenCalledOnce();
  expect(tasksOf()).toEqual([]);
});

test('a cancelled task is no failure, and nothing goes on after it', async () => {
  await datasets.importDataset(files, TINY_DATASET);
  await datasets.idle();
  const stop = datasets.store.subscribe(({ running }) => {
    if (running?.progress) void datasets.cancel(TINY_DATASET);
  });
  await datasets.enqueue(TINY_DATASET, [{ kind: 'check' }, { kind: 'fingerprint' }]);
  await datasets.idle();
  stop();
  expect([state().failures, tasksOf(), state().datasets[0].hasFingerprint]).toEqual([{}, [], false]);
  expect(state().outcome).toBe(`${TINY_DATASET}: cancelled`);
});

test('a dataset that is removed while it is worked on goes', async () => {
  await datasets.importDataset(files, TINY_DATASET);
  await datasets.remove(TINY_DATASET, 'all');
  await datasets.idle();
  expect(state().datasets).toEqual([]);
  expect(await api.list()).toEqual([]);
});

test('what another tab did meanwhile is not done again, and what it added is not lost', async () => {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
  const open = () => createDatasets({ api, exclusively: inTurn, whileAdding: (work) => work() });
  const [one, other] = [open(), open()];
  const check = vi.spyOn(api, 'check');
  const fingerprint = vi.spyOn(api, 'extractFingerprint').mockImplementation((name) => api.find(name));
  await one.importDataset(files, TINY_DATASET);
  await other.load();
  await other.enqueue(TINY_DATASET, [{ kind: 'fingerprint' }]);
  await Promise.all([one.idle(), other.idle()]);
  expect([check.mock.calls.length, fingerprint.mock.calls.length]).toEqual([1, 1]);
  expect((await api.find(TINY_DATASET)).tasks).toEqual([]);
});
