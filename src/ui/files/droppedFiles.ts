import { rememberGiven } from '@/app/files/givenFromDisk';
import type { GivenFile } from '@/workers/files/api';

/** All files of a drop, folders walked. Must be called in the drop event itself: items are gone after it. */
export function droppedFiles(transfer: DataTransfer): Promise<readonly GivenFile[]> {
  const files = Array.from(transfer.items).map((item) => {
    const entry = item.webkitGetAsEntry();
    if (entry) return walk(entry);
    const file = item.getAsFile(); // what another page made has no place in a file system
    return file ? [{ path: file.name, content: file }] : [];
  });
  return Promise.all(files).then((all) => remembered(all.flat()));
}

/** Files of an `<input type="file">`, with the paths of a picked folder. */
export function pickedFiles(list: FileList): readonly GivenFile[] {
  return remembered(
    Array.from(list, (file) => ({ path: file.webkitRelativePath || file.name, content: file })),
  );
}

/** The files; nothing is saved over them from now on. */
function remembered(files: readonly GivenFile[]): readonly GivenFile[] {
  rememberGiven(files.flatMap(({ content }) => (content instanceof File ? [content] : [])));
  return files;
}

async function walk(entry: FileSystemEntry): Promise<GivenFile[]> {
  if (isDirectory(entry)) {
    const children = await readAll(entry.createReader());
    return (await Promise.all(children.map(walk))).flat();
  }
  if (!isFile(entry)) return [];
  const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
  return [{ path: entry.fullPath.replace(/^\//, ''), content: file }];
}

// By their flags: Chromium has the entries' classes under other names.
function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

/** A directory reader hands out its entries in portions, an empty one last. */
async function readAll(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const all: FileSystemEntry[] = [];
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (portion.length === 0) return all;
    all.push(...portion);
  }
}

declare global {
  interface Window {
    /** Not in every browser. */
    showDirectoryPicker?: (options: { mode: 'read' }) => Promise<FileSystemDirectoryHandle>;
  }
}

export function canPickDirectory(): boolean {
  return window.showDirectoryPicker !== undefined;
}

/** All files of a folder chosen in the browser's dialog for folders; `undefined` if a person closed it. */
export async function pickedDirectory(): Promise<readonly GivenFile[] | undefined> {
  try {
    const folder = await window.showDirectoryPicker?.({ mode: 'read' });
    return folder && remembered(await filesOf(folder, folder.name));
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    throw error;
  }
}

async function filesOf(folder: FileSystemDirectoryHandle, path: string): Promise<GivenFile[]> {
  const found: GivenFile[] = [];
  for await (const [name, handle] of folder.entries()) {
    const below = `${path}/${name}`;
    if (handle instanceof FileSystemDirectoryHandle) found.push(...(await filesOf(handle, below)));
    else if (handle instanceof FileSystemFileHandle)
      found.push({ path: below, content: await handle.getFile() });
  }
  return found;
}
