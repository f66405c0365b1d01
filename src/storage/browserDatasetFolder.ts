import { browserFile, type SourceFile } from '@/core/io/sourceFile';
import type { DatasetFolder, DatasetFolderStore, DatasetPart, FolderStore } from './datasetFolder';
import { explainWriteFailure } from './recordStore';

declare global {
  interface FileSystemFileHandle {
    /** Renames within its folder; TypeScript's DOM library leaves it out. */
    move(name: string): Promise<void>;
  }
}

const ROOT = 'datasets';
/** Files that are still being written. */
const PART = '.part';

/** A dataset's folder in the origin private file system, `datasets/<name>/<part>`; `part` tells raw from preprocessed. */
function browserDatasetFolder(name: string, part: DatasetPart): DatasetFolder {
  return browserFolder(ROOT, name, part);
}

/**
 * A folder in the origin private file system, by the names on the way to it. Made when the first file is written.
 * Writing needs a worker, as sync access handles exist only there.
 */
function browserFolder(...root: readonly string[]): DatasetFolder {
  const folderAt = (path: string, create: boolean) => directory([...root, ...partsOf(path)], create);
  const handleOf = async (path: string) => {
    const { folder, file } = split(path);
    const parent = await folderAt(folder, false);
    return parent?.getFileHandle(file).catch(ifThere);
  };
  return {
    has: async (path) => (await handleOf(path)) !== undefined,

    async open(path) {
      const handle = await handleOf(path);
      return handle && browserFile(await handle.getFile(), path);
    },

    async write(path, content) {
      const { folder, file } = split(path);
      const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      try {
        const parent = await folderAt(folder, true);
        if (!parent) throw new Error(`${path}: its folder could not be made`);
        const handle = await parent.getFileHandle(file + PART, { create: true });
        await writeAll(handle, bytes);
        await removeEntry(parent, file);
        await handle.move(file);
      } catch (error) {
        throw explainWriteFailure(error, path, bytes.length);
      }
    },

    async list(path) {
      const folder = await folderAt(path, false);
      const names: string[] = [];
      if (!folder) return names;
      for await (const [file, handle] of folder.entries()) {
        if (handle.kind === 'file' && !file.endsWith(PART)) names.push(file);
      }
      return names.sort();
    },

    async remove(path) {
      const { folder, file } = split(path);
      const parent = await folderAt(folder, false);
      if (parent) await removeEntry(parent, file);
    },
  };
}

/** The datasets in the origin private file system. */
export const browserDatasetFolders: DatasetFolderStore = {
  folder: browserDatasetFolder,

  async files(name, part) {
    const folder = await directory([ROOT, name, part], false);
    const files = folder ? await filesBelow(folder, name) : [];
    return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  },

  names: () => namesIn(ROOT),
  remove: (name, part) => (part ? removeFrom([ROOT, name], part) : removeFrom([ROOT], name)),
};

/** Folders by id below one folder, each of them freed as a whole. */
export function browserFolders(root: string): FolderStore {
  return {
    folder: (id) => browserFolder(root, id),
    files: async (id) => {
      const folder = await directory([root, id], false);
      return folder ? filesBelow(folder, id) : [];
    },
    ids: () => namesIn(root),
    remove: (id) => removeFrom([root], id),
  };
}

async function namesIn(root: string): Promise<readonly string[]> {
  const folder = await directory([root], false);
  const names: string[] = [];
  if (folder) for await (const name of folder.keys()) names.push(name);
  return names.sort();
}

async function removeFrom(path: readonly string[], name: string): Promise<void> {
  const parent = await directory(path, false);
  if (parent) await removeEntry(parent, name);
}

/** Asked for all at once: one after the other, thousands of files take seconds. */
async function filesBelow(folder: FileSystemDirectoryHandle, path: string): Promise<readonly SourceFile[]> {
  const entries: [string, FileSystemHandle][] = [];
  for await (const entry of folder.entries()) entries.push(entry);
  const found = await Promise.all(
    entries.map(async ([name, handle]): Promise<readonly SourceFile[]> => {
      const below = `${path}/${name}`;
      if (handle instanceof FileSystemDirectoryHandle) return filesBelow(handle, below);
      if (!(handle instanceof FileSystemFileHandle) || name.endsWith(PART)) return [];
      return [browserFile(await handle.getFile(), below)];
    }),
  );
  return found.flat();
}

function partsOf(path: string): readonly string[] {
  return path.split('/').filter((part) => part !== '');
}

function split(path: string): { folder: string; file: string } {
  const at = path.lastIndexOf('/');
  return { folder: path.slice(0, Math.max(0, at)), file: path.slice(at + 1) };
}

async function directory(
  parts: readonly string[],
  create: boolean,
): Promise<FileSystemDirectoryHandle | undefined> {
  let folder = await navigator.storage.getDirectory();
  for (const part of parts) {
    const next = await folder.getDirectoryHandle(part, { create }).catch(ifThere);
    if (!next) return undefined;
    folder = next;
  }
  return folder;
}

/** What is not there is `undefined`; everything else that goes wrong is an error. */
function ifThere(error: unknown): undefined {
  if (error instanceof DOMException && error.name === 'NotFoundError') return undefined;
  throw error;
}

async function removeEntry(parent: FileSystemDirectoryHandle, name: string): Promise<void> {
  await parent.removeEntry(name, { recursive: true }).catch(ifThere);
}

async function writeAll(handle: FileSystemFileHandle, bytes: Uint8Array): Promise<void> {
  const access = await handle.createSyncAccessHandle();
  try {
    access.truncate(0);
    const written = access.write(bytes, { at: 0 });
    if (written < bytes.length) throw new DOMException('short write', 'QuotaExceededError');
    access.flush();
  } finally {
    access.close();
  }
}
