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

/** All files in the browser's own file system, by their paths. Files that vanish meanwhile are left out. */
export async function storedFiles(): Promise<
  readonly { readonly path: string; readonly sizeInBytes: number }[]
> {
  return filesIn(await navigator.storage.getDirectory(), '');
}

async function filesIn(
  folder: FileSystemDirectoryHandle,
  path: string,
): Promise<readonly { readonly path: string; readonly sizeInBytes: number }[]> {
  const entries: [string, FileSystemHandle][] = [];
  for await (const entry of folder.entries()) entries.push(entry);
  const found = await Promise.all(
    entries
      .map(async ([name, handle]) => {
        if (handle instanceof FileSystemDirectoryHandle) return filesIn(handle, `${path}${name}/`);
        if (!(handle instanceof FileSystemFileHandle)) return [];
        const file = await handle.getFile();
        return [{ path: path + name, sizeInBytes: file.size }];
      })
      .map((files) => files.catch(() => [])),
  );
  return found.flat();
}
