import { createStore, del, delMany, get, keys, set, type UseStore } from 'idb-keyval';
import { tellOfChange } from './recordChanges';
import type { RecordStore } from './recordStore';

/** One IndexedDB database with one object store; the only place that knows idb-keyval. Other tabs are told of changes. */
export function browserRecords(databaseName: string): RecordStore {
  let opened: UseStore | undefined;
  const store = () => {
    opened ??= createStore(databaseName, 'values');
    return opened;
  };
  return {
    get: (key) => get(key, store()),
    async set(key, value) {
      await set(key, value, store());
      tellOfChange(databaseName);
    },
    async remove(doomed) {
      await (doomed.length === 1 ? del(doomed[0], store()) : delMany([...doomed], store()));
      tellOfChange(databaseName);
    },
    keys: async () => (await keys(store())).map(String),
  };
}

/** Databases of the studio. Chunks live apart so that listing records never touches weights. */
export const DATABASES = {
  models: 'nnstudio-models',
  weights: 'nnstudio-weights',
  cases: 'nnstudio-cases',
  plans: 'nnstudio-plans',
  tuning: 'nnstudio-tuning',
  datasets: 'nnstudio-datasets',
  datasetChecks: 'nnstudio-dataset-checks',
  trainings: 'nnstudio-trainings',
  checkpoints: 'nnstudio-checkpoints',
  checkpointChunks: 'nnstudio-checkpoint-chunks',
  evaluations: 'nnstudio-evaluations',
  choices: 'nnstudio-choices',
} as const;
