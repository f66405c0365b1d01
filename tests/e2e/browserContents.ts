// What the studio keeps in the browser, put there as it would lie after hours of work.
import type { Page } from '@playwright/test';

/** A file of the origin's private file system. */
export interface StoredFile {
  readonly path: string;
  readonly base64: string;
}

export type KeyedRecord = readonly [key: string, record: unknown];

/** Writes records of one of `DATABASES`; the page finds them when it is loaded again. */
export async function keepRecords(
  page: Page,
  databaseName: string,
  records: readonly KeyedRecord[],
): Promise<void> {
  await page.evaluate(
    async ([name, keyed]) => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
      });
      const writing = database.transaction('values', 'readwrite');
      for (const [key, record] of keyed) writing.objectStore('values').put(record, key);
      await new Promise((resolve) => {
        writing.oncomplete = resolve;
      });
      database.close();
    },
    [databaseName, [...records]] as const,
  );
}

export async function importFiles(page: Page, files: readonly StoredFile[]): Promise<void> {
  await page.evaluate(async (all) => {
    for (const { path, base64 } of all) {
      const parts = path.split('/');
      let folder = await navigator.storage.getDirectory();
      for (const name of parts.slice(0, -1)) folder = await folder.getDirectoryHandle(name, { create: true });
      const handle = await folder.getFileHandle(parts[parts.length - 1], { create: true });
      const writable = await handle.createWritable();
      await writable.write(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
      await writable.close();
    }
  }, files);
}
