import { StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';

/** Small things by key: records, and weights in chunks. IndexedDB in the browser; values are structured clones. */
export interface RecordStore {
  /** The value last set under `key`, whose type the caller knows because it alone writes that key. */
  get<Value>(key: string): Promise<Value | undefined>;
  set(key: string, value: unknown): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
  keys(): Promise<readonly string[]>;
}

/** True where a write failed because the browser's storage for this site is used up. */
export function isStorageFull(error: unknown): boolean {
  return error instanceof Error && (error.name === 'QuotaExceededError' || error.name === 'StorageFull');
}

/** True where no other write would fare better: storage is used up, or nothing can be written there. */
export function preventsWriting(error: unknown): boolean {
  return isStorageFull(error) || (error instanceof Error && error.name === 'NotWritable');
}

/** What to throw when a write failed: `StorageFull` with what to delete, or the error as it was. */
export function explainWriteFailure(error: unknown, what: string, sizeInBytes?: number): unknown {
  if (!isStorageFull(error) || error instanceof StudioError) return error;
  const size = sizeInBytes ? ` (${formatBytes(sizeInBytes)})` : '';
  return new StudioError(
    'StorageFull',
    `The browser's storage has no room for ${what}${size}; nothing of it was kept.`,
    'Remove datasets, models or finished cases you no longer need, or free disk space, then try again.',
    { cause: error },
  );
}
