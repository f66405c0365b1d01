import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SourceFile } from '@/core/io/sourceFile';
import { isHiddenFile } from '@/core/io/systemFiles';
import { StudioError } from '@/shared/errors';
import { formatBytes } from '@/shared/numeric';
import type { CheckpointStore } from './checkpointStore';
import type { DatasetFolder } from './datasetFolder';
import type { ResultFolder } from './resultFolder';

/** A file on disk. `shownAs` is its path below what was named, and defaults to its name. */
export async function nodeFile(location: string, shownAs = path.basename(location)): Promise<SourceFile> {
  const { size } = await stat(location);
  return {
    path: shownAs,
    sizeInBytes: size,
    origin: path.resolve(location),
    bytes: () => readFile(location),
    slice: (start, end) => readRange(location, start, end),
  };
}

async function readRange(location: string, start: number, end: number): Promise<Uint8Array> {
  const file = await open(location);
  try {
    const bytes = new Uint8Array(Math.max(0, end - start));
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await file.close();
  }
}

/**
 * Every file below `folder`, sorted by path, which starts with the folder's own name. Hidden files and folders are left
 * out; links are followed once.
 */
export async function filesBelow(folder: string): Promise<readonly SourceFile[]> {
  const name = path.basename(path.resolve(folder));
  const paths = await pathsBelow(folder, '', new Set());
  return Promise.all(paths.sort().map((below) => nodeFile(path.join(folder, below), `${name}/${below}`)));
}

async function pathsBelow(root: string, below: string, seen: Set<string>): Promise<string[]> {
  const { ino, dev } = await stat(path.join(root, below));
  const identity = `${dev}:${ino}`;
  if (seen.has(identity)) return [];
  seen.add(identity);
  const found: string[] = [];
  for (const name of await readdir(path.join(root, below))) {
    if (isHiddenFile({ path: name })) continue;
    const relative = below ? `${below}/${name}` : name;
    const facts = await stat(path.join(root, relative)).catch(() => undefined);
    if (facts?.isDirectory()) found.push(...(await pathsBelow(root, relative, seen)));
    else if (facts?.isFile()) found.push(relative);
  }
  return found;
}

/** Files directly in `folder`, sorted by name; hidden files are left out. */
export async function filesIn(folder: string): Promise<readonly SourceFile[]> {
  const names = (await readdir(folder)).filter((name) => !isHiddenFile({ path: name })).sort();
  const files = await Promise.all(
    names.map(async (name) => {
      const location = path.join(folder, name);
      return (await kindOf(location)) === 'file' ? [await nodeFile(location)] : [];
    }),
  );
  return files.flat();
}

/** What is at `location`. */
export async function kindOf(location: string): Promise<'file' | 'folder' | 'nothing'> {
  const facts = await stat(location).catch(() => undefined);
  if (facts?.isDirectory()) return 'folder';
  return facts ? 'file' : 'nothing';
}

/** A folder on disk that takes results; made when the first one is written. */
export function resultFolder(folder: string): ResultFolder {
  return {
    has: async (name) => (await kindOf(path.join(folder, name))) === 'file',
    write: (name, content) => writeWhole(path.join(folder, name), content),
  };
}

/** A dataset's folder on disk; made when the first file is written. */
export function nodeDatasetFolder(folder: string): DatasetFolder {
  return {
    ...resultFolder(folder),
    open: async (name) => {
      const location = path.join(folder, name);
      return (await kindOf(location)) === 'file' ? nodeFile(location, name) : undefined;
    },
    list: async (below) => {
      const location = path.join(folder, below);
      if ((await kindOf(location)) !== 'folder') return [];
      const entries = await readdir(location, { withFileTypes: true });
      return entries
        .filter((entry) => !entry.isDirectory())
        .map(({ name }) => name)
        .sort();
    },
    remove: (name) => rm(path.join(folder, name), { force: true }),
  };
}

/** Writes all or nothing: under another name first, then renamed, so a half-written file never has the real name. */
export async function writeWhole(
  location: string,
  content: Uint8Array | string,
  {
    isFlushed = false,
  }: {
    /** On the disk itself when it returns, so that a power cut finds it too. */ readonly isFlushed?: boolean;
  } = {},
): Promise<void> {
  const folder = path.dirname(location);
  await mkdir(folder, { recursive: true });
  const temporary = path.join(folder, `.${path.basename(location)}.${process.pid}.part`);
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(content);
      if (isFlushed) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, location);
    if (isFlushed) await flushFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainDiskFailure(error, location, content.length);
  }
}

/** Puts names and renames on the disk. Systems that open no folders, as Windows, do so by themselves. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => undefined);
  if (!handle) return;
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What to throw when a write failed: `StorageFull`, `NotWritable`, or the error as it was. */
export function explainDiskFailure(error: unknown, location: string, sizeInBytes: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC') {
    return new StudioError(
      'StorageFull',
      `${location}: the disk is full; this needs ${formatBytes(sizeInBytes)}.`,
      'Delete what you no longer need, for example checkpoints of other runs, then run it again.',
      { cause: error },
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new StudioError(
      'NotWritable',
      `${location} cannot be written.`,
      'Choose a folder that you may write to.',
      { cause: error },
    );
  }
  return error;
}

/**
 * Checkpoints as files of a fold's folder. What is read is whole, whenever the process before died: a name is given by
 * renaming alone, once all bytes are on the disk. What such a process left half-written is deleted before the first write.
 */
export function nodeCheckpoints(folder: string): CheckpointStore {
  const files = nodeDatasetFolder(folder);
  let swept: Promise<void> | undefined;
  return {
    async write(name, content) {
      // What cannot be swept only takes room.
      swept ??= sweepParts(folder).catch(() => undefined);
      await swept;
      await writeWhole(path.join(folder, name), content, { isFlushed: true });
    },
    read: files.open,
    remove: files.remove,
  };
}

/** Deletes what {@link writeWhole} of other processes was writing. */
async function sweepParts(folder: string): Promise<void> {
  const own = `.${process.pid}.part`;
  const isLeft = (name: string) => /^\..+\.\d+\.part$/.test(name) && !name.endsWith(own);
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter(isLeft)) await rm(path.join(folder, name), { force: true });
}
