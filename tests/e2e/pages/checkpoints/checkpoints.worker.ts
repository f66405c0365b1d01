// Writes checkpoints until its tab is closed, each with its number all over, and reads what other tabs left.

import { expose } from 'comlink';
import { mixBits } from '@/shared/random';
import { browserCheckpointRecords } from '@/storage/checkpointStoreBrowser';
import { checkpointUsage, recordCheckpoints } from '@/storage/checkpointStoreRecords';

const NAME = 'checkpoint_latest.pth';
const CHUNK_BYTES = 2 ** 20;
const SIZE = 4 * CHUNK_BYTES + 64;

/** What a tab finds. */
export interface FoundCheckpoint {
  /** Its number; 0 where there is none. */
  readonly number: number;
  readonly isWhole: boolean;
  /** What was said of damage. */
  readonly damage: readonly string[];
}

export interface CheckpointsApi {
  writeForever(first: number, onKept: (number: number) => void): Promise<never>;
  read(): Promise<FoundCheckpoint>;
  /** Writes one, and counts what then is stored. */
  writeOne(number: number): Promise<{ readonly chunks: number; readonly sizeInBytes: number }>;
}

function opened(onDamage?: (message: string) => void) {
  const stores = browserCheckpointRecords();
  return recordCheckpoints({
    ...stores,
    run: 'run-1',
    chunkBytes: CHUNK_BYTES,
    ...(onDamage && { onDamage }),
  });
}

/** Noise, as weights are, so that nothing is saved by packing; under it the number. */
function contentOf(number: number): Uint8Array {
  return new Uint8Array(Uint32Array.from({ length: SIZE / 4 }, (_, i) => mixBits(i) ^ number).buffer);
}

const api: CheckpointsApi = {
  async writeForever(first, onKept) {
    const store = opened();
    for (let number = first; ; number++) {
      await store.write(NAME, contentOf(number));
      onKept(number);
    }
  },

  async read() {
    const damage: string[] = [];
    const bytes = await (await opened((message) => damage.push(message)).read(NAME))?.bytes();
    if (!bytes) return { number: 0, isWhole: true, damage };
    const numbers = new Uint32Array(bytes.slice().buffer).map((bits, i) => bits ^ mixBits(i));
    const isWhole = bytes.length === SIZE && numbers.every((each) => each === numbers[0]);
    return { number: numbers[0], isWhole, damage };
  },

  async writeOne(number) {
    await opened().write(NAME, contentOf(number));
    const stores = browserCheckpointRecords();
    const [usage] = await checkpointUsage(stores);
    return { chunks: (await stores.chunks.keys()).length, sizeInBytes: usage.sizeInBytes };
  },
};

expose(api);
