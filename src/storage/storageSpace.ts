/** What the browser grants this site, and what is used of it, bytes. */
export interface StorageSpace {
  readonly usedBytes: number;
  readonly quotaBytes: number;
  /** True when the browser promised not to clear it by itself. */
  readonly isPersistent: boolean;
}

export async function measureStorage(): Promise<StorageSpace> {
  const [{ usage = 0, quota = 0 }, isPersistent] = await Promise.all([
    navigator.storage.estimate(),
    navigator.storage.persisted(),
  ]);
  return { usedBytes: usage, quotaBytes: quota, isPersistent };
}

/** Asks the browser to keep this site's storage; it may decide by itself, or ask. */
export function requestPersistence(): Promise<boolean> {
  return navigator.storage.persist();
}
