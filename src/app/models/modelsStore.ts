import { createStore, type StoreApi } from 'zustand/vanilla';
import type { ModelLibrary, ModelRecord } from '@/storage/modelLibrary';

export interface LibraryState {
  readonly isLoaded: boolean;
  /** Newest first. */
  readonly models: readonly ModelRecord[];
}

/** The model library as the page shows it. */
export interface Library {
  readonly store: StoreApi<LibraryState>;
  /** Reads what is kept; also after a worker has added to it. */
  refresh(): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  /** Hides a model; its files go with {@link Library.purge}. */
  remove(id: string): Promise<void>;
  restore(id: string): Promise<void>;
  purge(id: string): Promise<void>;
  sweep(): Promise<void>;
}

export function createLibrary(library: ModelLibrary): Library {
  const store = createStore<LibraryState>(() => ({ isLoaded: false, models: [] }));
  const refresh = async () => store.setState({ isLoaded: true, models: await library.list() });
  return {
    store,
    refresh,
    rename: (id, name) => library.rename(id, name).then(refresh),
    remove: (id) => library.remove(id).then(refresh),
    restore: (id) => library.restore(id).then(refresh),
    purge: (id) => library.purge(id),
    sweep: () => library.sweep(),
  };
}
