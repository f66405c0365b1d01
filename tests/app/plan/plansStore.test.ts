import { expect, test } from 'vitest';
import { examplePlans } from '@/app/plan/examplePlans';
import { networkChannels, outputChannelsOf, plansCosts } from '@/app/plan/plansCost';
import { createPlansStore, type DatasetPlans } from '@/app/plan/plansStore';
import { plansOverview } from '@/core/planning/plansOverview';
import type { DatasetRecord } from '@/storage/datasetRecord';
import type { RecordStore } from '@/storage/recordStore';

function memoryRecords(): RecordStore {
  const values = new Map<string, unknown>();
  return {
    get: async <Value>(key: string) => values.get(key) as Value | undefined,
    set: async (key, value) => void values.set(key, structuredClone(value)),
    remove: async (keys) => {
      for (const key of keys) values.delete(key);
    },
    keys: async () => [...values.keys()],
  };
}

const RECORD = {
  name: 'Dataset001_Organ',
  channelNames: ['CT'],
  labels: [
    { name: 'background', values: [0] },
    { name: 'liver', values: [1] },
    { name: 'tumour', values: [2] },
    { name: 'ignore', values: [3] },
  ],
  addedAt: 1,
};

/** One dataset whose plans are held in memory. */
function memoryDatasets(): DatasetPlans & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>();
  const record = () => ({ ...RECORD, plans: [...texts.keys()].sort() }) as unknown as DatasetRecord;
  return {
    texts,
    list: async () => [record()],
    plan: async (_, { planner }) => {
      texts.set(planner, examplePlans().text);
      return planner;
    },
    readPlans: async (_, plansName) => texts.get(plansName) ?? '',
    writePlans: async (_, text) => {
      const { plansName } = plansOverview(text, 'given');
      texts.set(plansName, text);
      return plansName;
    },
    removePlans: async (_, plansName) => void texts.delete(plansName),
  };
}

function store() {
  const datasets = memoryDatasets();
  let changes = 0;
  const plans = createPlansStore(memoryRecords(), datasets, async () => void changes++);
  return { plans, datasets, changes: () => changes };
}

const { text } = examplePlans();

test('a file is kept to the last byte, once, and can be had back after it was removed', async () => {
  const { plans } = store();
  const odd = `${text}\n\n`;
  const entry = await plans.add(odd, 'mine.json');
  expect(entry).toMatchObject({ owner: 'file', plansName: 'nnUNetPlans', text: odd, fileName: 'mine.json' });
  expect(await plans.add(odd, 'again.json')).toEqual(entry);
  await plans.remove(entry);
  expect(plans.store.getState().entries).toEqual([]);
  await plans.restore(entry);
  expect(plans.store.getState().entries).toEqual([entry]);
});

test('what is no plans file is not kept', async () => {
  const { plans } = store();
  await expect(plans.add('{"labels": {}}', 'dataset.json')).rejects.toMatchObject({ name: 'BadPlans' });
  await plans.refresh();
  expect(plans.store.getState().entries).toEqual([]);
});

test('plans are saved where those lie that they were made from, and datasets are told', async () => {
  const { plans, datasets, changes } = store();
  const mine = text.replace('"plans_name": "nnUNetPlans"', '"plans_name": "mine"');
  const file = await plans.add(text, 'nnUNetPlans.json');
  expect(await plans.saveBeside(file, mine)).toMatchObject({ owner: 'file', fileName: 'mine.json' });
  expect(changes()).toBe(0);
  const own = await plans.plan(RECORD.name, { planner: 'ExperimentPlanner' });
  expect(await plans.saveBeside(own, mine)).toMatchObject({
    owner: 'dataset',
    id: 'Dataset001_Organ~mine',
    datasetName: RECORD.name,
  });
  expect(datasets.texts.get('mine')).toBe(mine);
  expect(changes()).toBe(2);
});

test('plans that go to a dataset take its name and reader', async () => {
  const { plans, datasets } = store();
  const file = await plans.add(text, 'nnUNetPlans.json');
  const [target] = await datasets.list();
  const moved = await plans.moveTo(file, target, 'from_afar', 'NibabelIO');
  expect(moved).toMatchObject({ owner: 'dataset', plansName: 'from_afar' });
  const { plans: document } = plansOverview(moved.text, 'moved');
  expect(document).toMatchObject({ dataset_name: RECORD.name, image_reader_writer: 'NibabelIO' });
  expect(plans.store.getState().entries).toHaveLength(2);
});

test('channels come from the labels, as nnU-Net counts them', () => {
  const dataset = RECORD as unknown as DatasetRecord;
  expect(outputChannelsOf(dataset)).toBe(3);
  const regions = [
    { name: 'background', values: [0] },
    { name: 'whole', values: [1, 2] },
    { name: 'core', values: [2] },
  ];
  expect(outputChannelsOf({ labels: regions })).toBe(2);
  const stage = { normalizationSchemes: ['CTNormalization' as const], previousStage: '3d_lowres' };
  expect(networkChannels(stage, dataset)).toEqual({ input: 3, output: 3, areAssumed: false });
  expect(networkChannels({ ...stage, previousStage: undefined }, undefined)).toEqual({
    input: 1,
    output: 2,
    areAssumed: true,
  });
});

test('costs are known without a GPU, times are not; a patch that does not fit has a reason instead', () => {
  const overview = plansOverview(text, 'plans.json');
  const costs = plansCosts(overview, undefined, undefined, undefined);
  const fullres = costs.get('3d_fullres');
  expect(fullres).toMatchObject({ status: 'known', cost: { secondsInTotal: Number.NaN } });
  const document = JSON.parse(text);
  document.configurations['3d_fullres'].patch_size = [100, 100, 100];
  const broken = plansCosts(plansOverview(JSON.stringify(document), 'p'), undefined, undefined, undefined);
  expect(broken.get('3d_fullres')).toMatchObject({
    status: 'unknown',
    reason: expect.stringContaining('The patch 100 × 100 × 100 is not a multiple of'),
  });
  expect(broken.get('2d')?.status).toBe('known');
});
