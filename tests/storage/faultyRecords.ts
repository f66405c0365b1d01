import type { CheckpointRecords } from '@/storage/checkpointStoreRecords';
import type { RecordStore } from '@/storage/recordStore';
import type { MemoryRecords } from './memoryRecords';

/** How much of its last operation a dying tab gets done: nothing, half of a chunk's bytes or of the keys, or all. */
export type Death = 'before' | 'torn' | 'after';

/**
 * Stores of a tab that dies at its operation number `at`, counted from 0 over both. From then on nothing is done and
 * nothing ever answers.
 */
export class DyingTab implements CheckpointRecords {
  readonly records: RecordStore;
  readonly chunks: RecordStore;
  /** Operations so far. */
  operations = 0;
  /** Resolves when the tab dies, with what it was doing. */
  readonly died: Promise<string>;
  private die: (doing: string) => void = () => undefined;
  private readonly at: number;
  private readonly death: Death;

  constructor(
    stores: { readonly records: MemoryRecords; readonly chunks: MemoryRecords },
    at = Number.POSITIVE_INFINITY,
    death: Death = 'before',
  ) {
    this.at = at;
    this.death = death;
    this.died = new Promise((resolve) => {
      this.die = resolve;
    });
    this.records = this.dying(stores.records, 'record');
    this.chunks = this.dying(stores.chunks, 'chunk');
  }

  private dying(store: MemoryRecords, what: string): RecordStore {
    return {
      get: (key) => this.perform(`get a ${what}`, () => store.get(key)),
      keys: () => this.perform(`list ${what}s`, () => store.keys()),
      set: (key, value) =>
        this.perform(
          `set a ${what}`,
          () => store.set(key, value),
          // A small record is set whole or not at all, as IndexedDB promises.
          async () => {
            if (value instanceof Uint8Array) await store.set(key, value.slice(0, value.length >> 1));
          },
        ),
      remove: (keys) =>
        this.perform(
          `remove ${what}s`,
          () => store.remove(keys),
          () => store.remove(keys.slice(0, keys.length >> 1)),
        ),
    };
  }

  private async perform<Result>(
    doing: string,
    whole: () => Promise<Result>,
    half: () => Promise<unknown> = async () => undefined,
  ): Promise<Result> {
    const operation = this.operations++;
    if (operation < this.at) return whole();
    if (operation === this.at) {
      if (this.death === 'torn') await half();
      if (this.death === 'after') await whole();
      this.die(doing);
    }
    return new Promise(() => undefined);
  }
}
