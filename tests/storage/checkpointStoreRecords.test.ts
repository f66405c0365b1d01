import { beforeEach, describe, expect, test } from 'vitest';
import type { CheckpointStore } from '@/storage/checkpointStore';
import {
  checkpointUsage,
  type RecordCheckpointsOptions,
  recordCheckpoints,
  removeCheckpoints,
} from '@/storage/checkpointStoreRecords';
import { CHUNK_BYTES } from '@/storage/hashedChunks';
import { type Death, DyingTab } from './faultyRecords';
import { MemoryRecords } from './memoryRecords';

const RUN = 'Dataset007_Tiny/nnUNetTrainer__nnUNetPlans__2d/fold_0';
const LATEST = 'checkpoint_latest.pth';
const BEST = 'checkpoint_best.pth';
const CHUNK = 8;

let stores = { records: new MemoryRecords(), chunks: new MemoryRecords() };
beforeEach(() => {
  stores = { records: new MemoryRecords(), chunks: new MemoryRecords() };
});

/** A tab that opens the run. */
function opened(change: Partial<RecordCheckpointsOptions> = {}): CheckpointStore {
  return recordCheckpoints({ ...stores, run: RUN, chunkBytes: CHUNK, ...change });
}

/** Three chunks, the last not full. */
function contentOf(value: number): Uint8Array {
  return Uint8Array.from({ length: 2 * CHUNK + 3 }, (_, i) => value + i);
}

async function bytesOf(store: CheckpointStore, name = LATEST): Promise<readonly number[] | undefined> {
  return [...((await (await store.read(name))?.bytes()) ?? [])];
}

/** Keys of the chunks of the newest generation, or of that before it. */
async function chunkKeys(age: 0 | 1): Promise<readonly string[]> {
  const record = await stores.records.get<{
    readonly generations: readonly { readonly chunks: readonly { readonly key: string }[] }[];
  }>(`${RUN}/${LATEST}`);
  return record?.generations[age].chunks.map(({ key }) => key) ?? [];
}

async function alter(key: string): Promise<void> {
  const bytes = await stores.chunks.get<Uint8Array>(key);
  if (bytes) bytes[1] ^= 1;
  await stores.chunks.set(key, bytes);
}

describe('checkpoints as records', () => {
  test('come back as they were, the newest of each name', async () => {
    const store = opened();
    expect(await store.read(LATEST)).toBeUndefined();
    await store.write(LATEST, contentOf(1));
    await store.write(BEST, contentOf(50));
    await store.write(LATEST, contentOf(2));
    const file = await opened().read(LATEST);
    expect(file).toMatchObject({ path: LATEST, sizeInBytes: 19 });
    expect([...((await file?.slice(7, 9)) ?? [])]).toEqual([9, 10]);
    expect(await bytesOf(opened())).toEqual([...contentOf(2)]);
    expect(await bytesOf(opened(), BEST)).toEqual([...contentOf(50)]);
  });

  test('are cut into chunks of 16 MiB, each stored without the rest of its buffer', async () => {
    const content = new Uint8Array(CHUNK_BYTES + 5).fill(7);
    await recordCheckpoints({ ...stores, run: RUN }).write(LATEST, content);
    const sizes = [...stores.chunks.values.values()].map(
      (value) => value instanceof Uint8Array && [value.byteLength, value.buffer.byteLength],
    );
    expect(sizes).toEqual([
      [CHUNK_BYTES, CHUNK_BYTES],
      [5, 5],
    ]);
    const read = await (await opened().read(LATEST))?.bytes();
    expect(read && Buffer.compare(read, content)).toBe(0);
  });

  test('are kept twice of each name, older ones not', async () => {
    const store = opened();
    for (const value of [1, 2, 3, 4]) {
      await store.write(LATEST, contentOf(value));
      await store.write(BEST, contentOf(value));
    }
    expect(stores.chunks.values.size).toBe(2 * 2 * 3);
    await store.remove(LATEST);
    expect(await store.read(LATEST)).toBeUndefined();
    expect(stores.chunks.values.size).toBe(2 * 3);
  });

  test('are written one after another, however they are asked for', async () => {
    const store = opened();
    await Promise.all([1, 2, 3].map((value) => store.write(LATEST, contentOf(value))));
    expect(await bytesOf(store)).toEqual([...contentOf(3)]);
    expect(stores.chunks.values.size).toBe(2 * 3);
  });

  test('of a run whose name begins like another one are left alone', async () => {
    const [outer, inner] = [opened({ run: 'a' }), opened({ run: 'a/b' })];
    await outer.write(LATEST, contentOf(1));
    await inner.write(LATEST, contentOf(2));
    await stores.chunks.set('a/b/lost/0', Uint8Array.of(1));
    await stores.chunks.set('a/lost/0', Uint8Array.of(1));
    await opened({ run: 'a' }).write(BEST, contentOf(3));
    expect(await stores.chunks.keys()).not.toContain('a/lost/0');
    expect(await stores.chunks.keys()).toContain('a/b/lost/0');
    await removeCheckpoints(stores, 'a');
    expect(await outer.read(LATEST)).toBeUndefined();
    expect(await bytesOf(inner)).toEqual([...contentOf(2)]);
    await removeCheckpoints(stores, 'a/b');
    expect([...(await stores.chunks.keys()), ...(await stores.records.keys())]).toEqual([]);
  });

  test('say what each run takes up', async () => {
    const before = Date.now();
    await opened({ run: 'small' }).write(LATEST, contentOf(1));
    await opened({ run: 'large' }).write(LATEST, contentOf(1));
    await opened({ run: 'large' }).write(BEST, contentOf(1));
    const usage = await checkpointUsage(stores);
    expect(usage.map(({ run, sizeInBytes }) => [run, sizeInBytes])).toEqual([
      ['large', 38],
      ['small', 19],
    ]);
    expect(usage[0].writtenAt).toBeGreaterThanOrEqual(before);
    expect(usage[0].writtenAt).toBeLessThanOrEqual(Date.now());
  });
});

describe('damage', () => {
  for (const [what, harm] of [
    ['a chunk is missing', async (key: string) => stores.chunks.remove([key])],
    ['a byte is changed', alter],
    ['a chunk is short', async (key: string) => stores.chunks.set(key, new Uint8Array(3))],
  ] as const) {
    test(`where ${what}, the checkpoint before is read, and said so`, async () => {
      await opened().write(LATEST, contentOf(1));
      await opened().write(LATEST, contentOf(2));
      await harm((await chunkKeys(0))[1]);
      const messages: string[] = [];
      const store = opened({ onDamage: (message) => messages.push(message) });
      expect(await bytesOf(store)).toEqual([...contentOf(1)]);
      expect(messages).toEqual([expect.stringMatching(/^checkpoint_latest\.pth of .+ is damaged; that of /)]);

      // The next write gives up the damaged one, not the one that is whole.
      await store.write(LATEST, contentOf(3));
      await alter((await chunkKeys(0))[0]);
      expect(await bytesOf(opened())).toEqual([...contentOf(1)]);
    });
  }

  test('of both generations is an error', async () => {
    await opened().write(LATEST, contentOf(1));
    await opened().write(LATEST, contentOf(2));
    await alter((await chunkKeys(0))[2]);
    await alter((await chunkKeys(1))[0]);
    await expect(opened().read(LATEST)).rejects.toMatchObject({ name: 'CheckpointDamaged' });
  });

  test('is not what a reader sees whose checkpoint was replaced while it read', async () => {
    await opened().write(LATEST, contentOf(1));
    const messages: string[] = [];
    let isFirst = true;
    const reader = opened({
      onDamage: (message) => messages.push(message),
      chunks: {
        ...pick(stores.chunks),
        get: async <Value>(key: string) => {
          if (isFirst) {
            isFirst = false;
            for (const value of [2, 3, 4]) await opened().write(LATEST, contentOf(value));
          }
          return stores.chunks.get<Value>(key);
        },
      },
    });
    expect(await bytesOf(reader)).toEqual([...contentOf(4)]);
    expect(messages).toEqual([]);
  });
});

function pick(store: MemoryRecords) {
  return {
    set: (key: string, value: unknown) => store.set(key, value),
    remove: (keys: readonly string[]) => store.remove(keys),
    keys: () => store.keys(),
  };
}

describe('a storage that is full', () => {
  test('keeps both generations and nothing of the third, and says what to delete', async () => {
    stores = { records: new MemoryRecords(), chunks: new MemoryRecords(19 * 3 + 12) };
    await opened({ run: 'run-1', title: 'old run' }).write(LATEST, contentOf(9));
    const store = opened();
    await store.write(LATEST, contentOf(1));
    await store.write(LATEST, contentOf(2));
    const before = await stores.chunks.keys();
    const writing = store.write(LATEST, contentOf(3));
    await expect(writing).rejects.toMatchObject({ name: 'StorageFull' });
    await expect(writing).rejects.toThrow(/which needs 19 B; .* still there\. Delete .*old run \(19 B\)/);
    expect(await stores.chunks.keys()).toEqual(before);
    expect(await bytesOf(opened())).toEqual([...contentOf(2)]);
    await alter((await chunkKeys(0))[0]);
    expect(await bytesOf(opened())).toEqual([...contentOf(1)]);

    await removeCheckpoints(stores, 'run-1');
    await store.write(LATEST, contentOf(4));
    expect(await bytesOf(store)).toEqual([...contentOf(4)]);
  });

  test('for the record loses nothing either', async () => {
    await opened().write(LATEST, contentOf(1));
    const full = async () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    const records = { ...pick(stores.records), get: (key: string) => stores.records.get(key), set: full };
    const writing = opened({ records: records as RecordCheckpointsOptions['records'] }).write(
      LATEST,
      contentOf(2),
    );
    await expect(writing).rejects.toMatchObject({ name: 'StorageFull' });
    expect(await bytesOf(opened())).toEqual([...contentOf(1)]);
    expect(stores.chunks.values.size).toBe(3);
  });
});

describe('a tab that dies', () => {
  /** The tab's work, and what may be found afterwards under `latest`, by its first byte; 0 for nothing. */
  const works = [
    { what: 'in its first write', before: [], run: write(1), found: [0, 1] },
    { what: 'in its second write', before: [1], run: write(2), found: [1, 2] },
    { what: 'in a write that replaces', before: [1, 2], run: write(3), found: [2, 3] },
    { what: 'while it removes', before: [1, 2], run: remove, found: [0, 2] },
    { what: 'in its first write after another one died', before: [1, 2], run: sweepOrphans, found: [2, 3] },
  ] as const;
  const deaths: readonly Death[] = ['before', 'torn', 'after'];

  for (const { what, before, run, found } of works) {
    test(`${what} leaves the old checkpoint or the new one`, async () => {
      const table: Record<string, string>[] = [];
      const operations = await operationsOf(before, run);
      expect(operations).toBeGreaterThan(2);
      for (let at = 0; at < operations; at++) {
        const row: Record<string, string> = {};
        table.push(row);
        for (const death of deaths) {
          await fill(before);
          const tab = new DyingTab(stores, at, death);
          const doing = await Promise.race([
            tab.died,
            run(opened(tab)).then(() => Promise.reject(new Error('it lived'))),
          ]);

          const messages: string[] = [];
          const store = opened({ onDamage: (message) => messages.push(message) });
          const first = (await bytesOf(store))?.[0] ?? 0;
          row['dies at'] = doing;
          row[death] = first === 0 ? 'none' : `checkpoint ${first}`;
          const place = `${doing} (${at}), ${death}`;
          expect(found, place).toContain(first);
          if (first > 0) expect(await bytesOf(store)).toEqual([...contentOf(first)]);
          expect(messages, place).toEqual([]);
          expect(await bytesOf(store, BEST)).toEqual([...contentOf(90)]);

          await store.write(LATEST, contentOf(60));
          expect(await bytesOf(opened())).toEqual([...contentOf(60)]);
          const generations = first === 0 ? 1 : 2;
          expect(stores.chunks.values.size, place).toBe(3 + 3 * generations);
        }
      }
      console.log(`A tab that dies ${what}: what is read afterwards`);
      console.table(table);
    });
  }

  function write(value: number) {
    return (store: CheckpointStore) => store.write(LATEST, contentOf(value));
  }

  function remove(store: CheckpointStore) {
    return store.remove(LATEST);
  }

  async function sweepOrphans(store: CheckpointStore) {
    for (const i of [0, 1, 2]) await stores.chunks.set(`${RUN}/lost/${i}`, Uint8Array.of(i));
    await store.write(LATEST, contentOf(3));
  }

  /** A run with these checkpoints. */
  async function fill(values: readonly number[]): Promise<void> {
    stores = { records: new MemoryRecords(), chunks: new MemoryRecords() };
    await opened().write(BEST, contentOf(90));
    for (const value of values) await opened().write(LATEST, contentOf(value));
  }

  async function operationsOf(
    before: readonly number[],
    run: (store: CheckpointStore) => Promise<void>,
  ): Promise<number> {
    await fill(before);
    const tab = new DyingTab(stores);
    await run(opened(tab));
    return tab.operations;
  }
});
