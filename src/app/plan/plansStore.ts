import { createStore, type StoreApi } from 'zustand/vanilla';
import { readerByEnding } from '@/core/io/readers';
import { movePlans } from '@/core/planning/movePlans';
import { plansOverview } from '@/core/planning/plansOverview';
import { plansJson } from '@/core/planning/writePlans';
import type { DatasetRecord } from '@/storage/datasetRecord';
import { explainWriteFailure, type RecordStore } from '@/storage/recordStore';
import type { DatasetApi, PlanRequest } from '@/workers/data/api';

/** One plans file: of a dataset, or kept by itself. */
export interface PlansEntry {
  /** Its part of the address: `Dataset004_Hippocampus~nnUNetPlans`, or an id. */
  readonly id: string;
  readonly owner: 'dataset' | 'file';
  /** The dataset it lies in, or the one it says it was made for. */
  readonly datasetName: string;
  readonly plansName: string;
  readonly fileName: string;
  /** The file as it is. */
  readonly text: string;
  /** Milliseconds since 1970; of files kept by themselves. */
  readonly addedAt: number;
}

/** What is kept of a file that belongs to no dataset here. */
interface KeptPlans {
  readonly fileName: string;
  readonly text: string;
  readonly addedAt: number;
}

export interface PlansState {
  readonly isLoaded: boolean;
  readonly datasets: readonly DatasetRecord[];
  /** Those of datasets first, by dataset and name; then files, newest first. */
  readonly entries: readonly PlansEntry[];
}

/** All plans of this browser. */
export interface PlansStore {
  readonly store: StoreApi<PlansState>;
  /** Reads what is kept; also after a dataset changed. */
  refresh(): Promise<void>;
  /** Keeps a plans file by itself. Throws `BadJson` or `BadPlans`. */
  add(text: string, fileName: string): Promise<PlansEntry>;
  /** Keeps new plans where `beside` lies; the text's own `plans_name` is their name. */
  saveBeside(beside: PlansEntry, text: string): Promise<PlansEntry>;
  /** Plans for another dataset, as nnU-Net moves them; what they were made from stays. */
  moveTo(entry: PlansEntry, target: DatasetRecord, plansName: string, reader: string): Promise<PlansEntry>;
  /** Plans a dataset by nnU-Net's rules. */
  plan(datasetName: string, request: PlanRequest): Promise<PlansEntry>;
  /** Keeps plans made elsewhere in a dataset. */
  saveToDataset(datasetName: string, text: string): Promise<PlansEntry>;
  remove(entry: PlansEntry): Promise<void>;
  restore(entry: PlansEntry): Promise<void>;
}

/** The part of the dataset worker that plans need. */
export type DatasetPlans = Pick<DatasetApi, 'list' | 'plan' | 'readPlans' | 'writePlans' | 'removePlans'>;

/** `onDatasetChanged` is told when a dataset got or lost plans. */
export function createPlansStore(
  records: RecordStore,
  datasets: DatasetPlans,
  onDatasetChanged: () => Promise<void>,
): PlansStore {
  const store = createStore<PlansState>(() => ({ isLoaded: false, datasets: [], entries: [] }));

  const refresh = async () => {
    const found = await datasets.list();
    const [files, ofDatasets] = await Promise.all([keptEntries(records), datasetEntries(datasets, found)]);
    store.setState({ isLoaded: true, datasets: found, entries: [...ofDatasets, ...files] });
  };
  const afterDatasetChange = async () => {
    await Promise.all([refresh(), onDatasetChanged()]);
  };
  const keep = async (id: string, kept: KeptPlans) => {
    try {
      await records.set(id, kept);
    } catch (error) {
      throw explainWriteFailure(error, kept.fileName);
    }
    await refresh();
  };
  const entryOf = (id: string): PlansEntry => {
    const entry = store.getState().entries.find((one) => one.id === id);
    if (!entry) throw new Error(`plans: ${id} was just kept, but is not there`);
    return entry;
  };
  const add = async (text: string, fileName: string) => {
    plansOverview(text, fileName);
    const same = store.getState().entries.find((entry) => entry.owner === 'file' && entry.text === text);
    if (same) return same;
    const id = crypto.randomUUID();
    await keep(id, { fileName, text, addedAt: Date.now() });
    return entryOf(id);
  };
  const saveToDataset = async (datasetName: string, text: string) => {
    const plansName = await datasets.writePlans(datasetName, text);
    await afterDatasetChange();
    return entryOf(datasetPlansId(datasetName, plansName));
  };

  return {
    store,
    refresh,
    add,
    saveToDataset,
    async saveBeside(beside, text) {
      const { plansName } = plansOverview(text, 'The new plans');
      return beside.owner === 'dataset'
        ? saveToDataset(beside.datasetName, text)
        : add(text, `${plansName}.json`);
    },
    async moveTo(entry, target, plansName, reader) {
      const { plans } = plansOverview(entry.text, entry.fileName);
      const moved = movePlans(plans, { datasetName: target.name, plansName, reader });
      return saveToDataset(target.name, plansJson(moved));
    },
    async plan(datasetName, request) {
      const plansName = await datasets.plan(datasetName, request);
      await afterDatasetChange();
      return entryOf(datasetPlansId(datasetName, plansName));
    },
    async remove(entry) {
      if (entry.owner === 'file') {
        await records.remove([entry.id]);
        await refresh();
      } else {
        await datasets.removePlans(entry.datasetName, entry.plansName);
        await afterDatasetChange();
      }
    },
    async restore(entry) {
      if (entry.owner === 'dataset') {
        await datasets.writePlans(entry.datasetName, entry.text);
        await afterDatasetChange();
      } else {
        const { fileName, text, addedAt } = entry;
        await keep(entry.id, { fileName, text, addedAt });
      }
    },
  };
}

/** nnU-Net's reader of a dataset: the one that the check used, or the one that its file ending calls for. */
export function readerNameFor({ check, fileEnding }: Pick<DatasetRecord, 'check' | 'fileEnding'>): string {
  return check?.reader ?? readerByEnding(fileEnding).name;
}

function datasetPlansId(datasetName: string, plansName: string): string {
  return `${datasetName}~${plansName}`;
}

async function keptEntries(records: RecordStore): Promise<readonly PlansEntry[]> {
  const ids = await records.keys();
  const entries = await Promise.all(
    ids.map(async (id) => {
      const kept = await records.get<KeptPlans>(id);
      return kept ? [fileEntry(id, kept)] : [];
    }),
  );
  return entries.flat().sort((a, b) => b.addedAt - a.addedAt);
}

function fileEntry(id: string, { fileName, text, addedAt }: KeptPlans): PlansEntry {
  const { datasetName, plansName } = plansOverview(text, fileName);
  return { id, owner: 'file', datasetName, plansName, fileName, text, addedAt };
}

async function datasetEntries(
  datasets: DatasetPlans,
  found: readonly DatasetRecord[],
): Promise<readonly PlansEntry[]> {
  const entries = await Promise.all(
    found.flatMap(({ name, plans, addedAt }) =>
      plans.map(
        async (plansName): Promise<PlansEntry> => ({
          id: datasetPlansId(name, plansName),
          owner: 'dataset',
          datasetName: name,
          plansName,
          fileName: `${plansName}.json`,
          text: await datasets.readPlans(name, plansName),
          addedAt,
        }),
      ),
    ),
  );
  const inOrder = new Intl.Collator('en', { numeric: true });
  return entries.sort(
    (a, b) => inOrder.compare(a.datasetName, b.datasetName) || inOrder.compare(a.plansName, b.plansName),
  );
}
