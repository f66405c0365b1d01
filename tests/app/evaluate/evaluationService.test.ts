import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createEvaluationService } from '@/app/evaluate/evaluationService';
import { createEvaluations, type Evaluations } from '@/app/evaluate/evaluationStore';
import { newGeometry } from '@/core/io/niftiWriter';
import { writeCase } from '@/core/io/readers';
import type { Zyx } from '@/shared/geometry';
import type { CaseFileStore } from '@/storage/caseFiles';
import type { CaseEvaluation } from '@/storage/evaluationRecord';
import type { RecordStore } from '@/storage/recordStore';
import type { EvaluateApi, EvaluationSources } from '@/workers/evaluate/api';
import type { GivenFile } from '@/workers/files/api';
import { MemoryRecords } from '../../storage/memoryRecords';
import { memoryFolderStore } from '../../support/memoryFolderStore';
import { memoryFolders } from '../../support/memoryFolders';

const SHAPE: Zyx = [2, 3, 4];

async function map(path: string, labels: readonly number[], shape = SHAPE): Promise<GivenFile> {
  const voxels = Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => labels[i] ?? 0);
  const [{ content }] = await writeCase(voxels, shape, newGeometry(shape, [2, 1, 1]), { ending: '.nii.gz' });
  return { path, content: new Blob([content as BlobPart]) };
}

const json = (labels: object): GivenFile => ({
  path: 'r/dataset.json',
  content: new Blob([
    JSON.stringify({ channel_names: { 0: 'CT' }, labels, numTraining: 0, file_ending: '.nii.gz' }),
  ]),
});

async function sources(...more: readonly GivenFile[]): Promise<EvaluationSources> {
  const predictions = [
    await map('p/a.nii.gz', [1, 1, 2, 0]),
    await map('p/b.nii.gz', [1, 0, 0, 2]),
    await map('p/odd.nii.gz', [1], [2, 3, 5]),
  ];
  const references = [
    await map('r/a.nii.gz', [1, 1, 2, 0]),
    await map('r/b.nii.gz', [1, 1, 0, 0]),
    await map('r/odd.nii.gz', [1]),
  ];
  return {
    predictions: { kind: 'files', files: predictions },
    references: { kind: 'files', files: [...references, ...more] },
    images: [],
  };
}

const noCases: CaseFileStore = {
  write: () => Promise.reject(new Error('not here')),
  open: () => Promise.reject(new Error('not here')),
  removeCase: async () => undefined,
  cases: async () => [],
};

function service() {
  const evaluations = memoryFolderStore();
  return {
    evaluations,
    api: createEvaluationService({ datasets: memoryFolders(), caseFiles: noCases, evaluations }),
  };
}

function studioWith(api: EvaluateApi, records: RecordStore = new MemoryRecords()): Evaluations {
  return createEvaluations({
    records,
    api,
    exclusively: (work) => work(),
    whileAdding: (work) => work(),
  });
}

describe('an evaluation', () => {
  let evaluations: Evaluations;
  let stores: ReturnType<typeof service>;
  const records = new MemoryRecords();

  beforeEach(() => {
    stores = service();
    evaluations = studioWith(stores.api, records);
  });

  test('evaluates each pair by the labels of dataset.json; what cannot be evaluated says why', async () => {
    const given = await sources(json({ background: 0, A: 1, B: 2 }));
    const preview = await stores.api.preview(given);
    expect(preview.pairs.map(({ caseId }) => caseId)).toEqual(['a', 'b', 'odd']);
    expect(preview.labels?.map(({ name }) => name)).toEqual(['A', 'B']);

    const id = await evaluations.start({ sources: given, title: 'p against r', toleranceMm: 1 });
    await evaluations.idle();
    const [record] = evaluations.store.getState().evaluations;
    expect(record).toMatchObject({ id, state: { status: 'done' } });
    const [a, b, odd] = record.verdicts as readonly Extract<CaseEvaluation, { metrics: unknown }>[];
    expect(a.metrics.map(({ Dice }) => Dice)).toEqual([1, 1]);
    expect(a.surfaces).toEqual([
      { NSD: 1, HD95: 0 },
      { NSD: 1, HD95: 0 },
    ]);
    expect(a.voxelMl).toBeCloseTo(0.002, 12);
    expect(b.metrics[0]).toMatchObject({ TP: 1, FN: 1, FP: 0 });
    expect(b.surfaces[1]).toEqual({ NSD: 0, HD95: Number.POSITIVE_INFINITY });
    expect(odd).toMatchObject({
      error: expect.stringContaining('the prediction is 5 × 3 × 2 but the reference 4 × 3 × 2 voxels'),
    });

    const kept = studioWith(stores.api, records);
    await kept.load();
    expect(kept.store.getState().evaluations).toEqual([record]);
    const summary = JSON.parse(await (await stores.api.save(record, 'summary')).content.text());
    expect(summary.metric_per_case).toHaveLength(2);
    expect(summary.mean['1'].Dice).toBeCloseTo((1 + 2 / 3) / 2, 12);
    const csv = await (await stores.api.save(record, 'csv')).content.text();
    expect(csv.split('\n')[4]).toMatch(/^b,2,B,0,0,0,inf,0,1,0,/);
  });

  test('takes every value that it finds where no dataset.json names them', async () => {
    await evaluations.start({ sources: await sources(), title: 't', toleranceMm: 1 });
    await evaluations.idle();
    const [{ labels }] = evaluations.store.getState().evaluations;
    expect(labels).toEqual([
      { name: 'label 1', values: [1] },
      { name: 'label 2', values: [2] },
    ]);
  });

  test('that is cancelled keeps what it has, and goes on from there', async () => {
    const counting: EvaluateApi = {
      ...stores.api,
      evaluate: (record, onEvent) =>
        stores.api.evaluate(record, async (event) => {
          await onEvent(event);
          if (event.kind === 'evaluation') evaluations.cancel();
        }),
    };
    evaluations = studioWith(counting, new MemoryRecords());
    const id = await evaluations.start({ sources: await sources(), title: 't', toleranceMm: 1 });
    await evaluations.idle();
    const find = () => evaluations.store.getState().evaluations.find((one) => one.id === id);
    expect(find()).toMatchObject({ state: { status: 'cancelled' }, verdicts: [{ caseId: 'a' }] });
    await evaluations.resume(id);
    await evaluations.idle();
    await evaluations.resume(id);
    await evaluations.idle();
    expect(find()?.verdicts.map(({ caseId }) => caseId)).toEqual(['a', 'b', 'odd']);
    expect(new Set(await stores.evaluations.ids())).toHaveProperty('size', 1);
    await evaluations.remove(id);
    expect(await stores.evaluations.ids()).toEqual([]);
  });

  test('tells label by label how far a case is, and stops in its middle when cancelled', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000)); // every step is a long one
    onTestFinished(() => clock.mockRestore());
    const labels: string[] = [];
    const watching: EvaluateApi = {
      ...stores.api,
      evaluate: (record, onEvent) =>
        stores.api.evaluate(record, async (event) => {
          await onEvent(event);
          if (event.kind === 'evaluation') throw new Error('the case should not be finished');
          const { label, share } = event.progress;
          expect(share).toBeLessThanOrEqual(1 / 3);
          if (!label) return;
          labels.push(`${label.number} of ${label.count}: ${label.name}`);
          if (label.number === 2) evaluations.cancel();
        }),
    };
    evaluations = studioWith(watching, new MemoryRecords());
    const names = json({ background: 0, organ: 1, lesion: 2 });
    const id = await evaluations.start({ sources: await sources(names), title: 't', toleranceMm: 1 });
    await evaluations.idle();
    const found = evaluations.store.getState().evaluations.find((one) => one.id === id);
    expect(found).toMatchObject({ state: { status: 'cancelled' }, verdicts: [] });
    expect(new Set(labels)).toEqual(new Set(['1 of 2: organ', '2 of 2: lesion']));
  });

  test('removed in another tab is gone here too', async () => {
    const records = new MemoryRecords();
    evaluations = studioWith(stores.api, records);
    const id = await evaluations.start({ sources: await sources(), title: 't', toleranceMm: 1 });
    await evaluations.idle();
    await records.remove([id]);
    await evaluations.refresh();
    expect(evaluations.store.getState().evaluations).toEqual([]);
  });

  test('of names that do not fit is refused, and leaves nothing', async () => {
    const given = await sources();
    const none = { ...given, references: { kind: 'files' as const, files: [await map('r/z.nii.gz', [1])] } };
    await expect(evaluations.start({ sources: none, title: 't', toleranceMm: 1 })).rejects.toThrow(
      'No prediction has the name',
    );
    expect(await stores.evaluations.ids()).toEqual([]);
    expect(evaluations.store.getState().running).toBeUndefined();
  });
});
